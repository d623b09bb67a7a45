// SPDX-License-Identifier: Apache-2.0
// Builds conditional requests and takes in the answers.
#include "provision-proxy/cache/validation.hh"

#include <algorithm>
#include <array>
#include <string>

#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

constexpr std::array<std::string_view, 6> kConditions = {
    "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"};

// They describe the bytes that lie in the store, and a 304 brings no others.
constexpr std::array<std::string_view, 5> kOfTheBytes = {"Content-Encoding", "Content-Length",
                                                         "Content-MD5", "Content-Range", "ETag"};

// RFC 9110, 15.4.5. Last-Modified beside them, for clients that have nothing else to go by.
constexpr std::array<std::string_view, 7> kOfNotModified = {
    "Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Last-Modified", "Vary"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return same_word(one, name); });
}

std::string_view etag_of(const Fields& fields) {
  return fields.find("ETag").value_or(std::string_view());
}

bool is_strong(std::string_view etag) {
  const auto tag = parse_entity_tag(etag);
  return tag && !tag->weak;
}

// The weak validators of an answer, where both sides have them, say the same.
bool weakly_corresponds(const Fields& stored, const Fields& answer) {
  const auto etag = answer.find("ETag"), modified = answer.find("Last-Modified");
  if (etag) return weakly_equal(etag_of(stored), *etag);
  return modified && stored.find("Last-Modified") == modified;
}

}  // namespace

bool has_validator(const Fields& stored) {
  return !etag_of(stored).empty() || stored.has("Last-Modified");
}

Fields forwarded_request(const Fields& request) {
  Fields forwarded = request;
  remove_hop_by_hop(forwarded);
  return forwarded;
}

void make_unconditional(Fields& request) {
  request.remove_if([](const Field& field) { return contains(kConditions, field.name); });
}

void make_conditional(Fields& request, const Fields& stored) {
  make_unconditional(request);
  const std::string_view etag = etag_of(stored);
  if (!etag.empty()) request.add("If-None-Match", etag);
  if (const auto modified = stored.find("Last-Modified"))
    request.add("If-Modified-Since", *modified);
}

std::optional<Selected> select_for_304(std::span<const StoredResponse> candidates,
                                       const Fields& not_modified, std::optional<size_t> asked) {
  const std::string_view etag = etag_of(not_modified);
  const auto index_of = [&](const auto& fits) -> std::optional<size_t> {
    for (size_t i = 0; i < candidates.size(); ++i)
      if (fits(*candidates[i].fields)) return i;
    return std::nullopt;
  };
  if (asked && *asked >= candidates.size()) asked.reset();
  if (is_strong(etag)) {
    const auto named =
        index_of([&](const Fields& stored) { return strongly_equal(etag_of(stored), etag); });
    if (named) return Selected{*named, Update::all};
    // It said that what we named holds, and yet names another: the fields are not of our content.
    if (asked && !weakly_equal(etag_of(*candidates[*asked].fields), etag))
      return Selected{*asked, Update::time};
  }
  if (asked) return Selected{*asked, Update::all};
  if (is_strong(etag)) return std::nullopt;
  if (has_validator(not_modified)) {
    const auto weak =
        index_of([&](const Fields& stored) { return weakly_corresponds(stored, not_modified); });
    return weak ? std::optional(Selected{*weak, Update::all}) : std::nullopt;
  }
  if (candidates.size() == 1 && !has_validator(*candidates[0].fields)) return Selected{};
  return std::nullopt;
}

Fields updated_fields(const Fields& stored, const Fields& answer, Update update,
                      int64_t response_time) {
  Fields fields = stored;
  Fields news = answer;
  remove_hop_by_hop(news);
  if (update == Update::time) {
    news.remove_if([](const Field& field) {
      return !same_word(field.name, "Date") && !same_word(field.name, "Age");
    });
  } else {
    news.remove_if([](const Field& field) { return contains(kOfTheBytes, field.name); });
  }
  // They tell of the exchange that is over.
  fields.remove("Age");
  fields.remove("Date");
  fields.remove_if([&](const Field& field) { return news.has(field.name); });
  for (const Field field : news) fields.add(field.name, field.value);
  return fields_to_store(fields, response_time);
}

HeadEffect head_effect(const StoredResponse& stored, uint64_t stored_bytes,
                       const ResponseHead& head) {
  if (head.status != 200 || stored.status != 200) return HeadEffect::none;
  bool same = false;
  for (const std::string_view name : {"ETag", "Last-Modified"}) {
    const auto now = head.fields.find(name);
    if (now && stored.fields->find(name) != now) return HeadEffect::outdated;
    same |= now.has_value();
  }
  if (const auto length = head.fields.find("Content-Length")) {
    const auto bytes = parse_digits(*length, INT64_MAX);
    if (!bytes || static_cast<uint64_t>(*bytes) != stored_bytes) return HeadEffect::outdated;
  }
  // To the letter it may be renewed too if no validator speaks; it would get the head of a version
  // that it is not.
  return same ? HeadEffect::update : HeadEffect::none;
}

Condition client_condition(const CacheRequest& request, const StoredResponse& stored, int64_t now) {
  const bool evaluated = request.method == "GET" || request.method == "HEAD";
  if (!evaluated || stored.status < 200 || stored.status > 299) return Condition::none;
  return evaluate_condition(request.fields, *stored.fields, stored.response_time, now);
}

Fields not_modified_fields(const Fields& stored) {
  Fields fields = stored;
  fields.remove_if([](const Field& field) { return !contains(kOfNotModified, field.name); });
  return fields;
}

}  // namespace holdfast::provision
