// SPDX-License-Identifier: Apache-2.0
// Any lines as the fields of a request and of its response: what the cache policy makes of them
// keeps its promises. The input is two heads with an empty line between.
#include <cstdlib>
#include <string>
#include <string_view>

#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/invalidation.hh"
#include "provision-proxy/cache/partial.hh"
#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/http/date.hh"

using namespace holdfast::provision;

namespace {

constexpr int64_t kNow = 1764000000;

void must(bool holds) {
  if (!holds) std::abort();
}

// The lines up to an empty one, through the reader that takes what a transfer hands out.
ResponseHead take_head(std::string_view& rest) {
  ResponseHeadReader reader;
  must(reader.line("HTTP/1.1 200 OK") == ResponseHeadReader::Step::more);
  auto step = ResponseHeadReader::Step::more;
  while (!rest.empty() && step == ResponseHeadReader::Step::more) {
    const size_t end = rest.find('\n');
    step = reader.line(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return reader.take();
}

Fields read_again(const Fields& fields) {
  const std::string text = fields.text() + "\r\n";
  std::string_view rest = text;
  return take_head(rest).fields;
}

void check_delta(const std::optional<int64_t>& delta) {
  must(!delta || (*delta >= 0 && *delta <= kMaxDelta_s));
}

void check_values(const Fields& fields) {
  for (const Field field : fields) {
    if (const auto date = parse_http_date(field.value, kNow))
      must(parse_http_date(format_http_date(*date), kNow) == date);
    must(weakly_equal(field.value, field.value) == !field.value.empty());
    if (parse_entity_tag(field.value)) {
      must(names_entity_tag(fields, field.name, field.value, false));
      must(strongly_equal(field.value, field.value) == (field.value.front() != 'W'));
    }
    if (const auto range = parse_content_range(field.value))
      must(range->first <= range->last && (!range->complete || range->last < *range->complete));
    if (const auto target = resolve_reference({"GET", "/a/b?c", fields}, field.value, {})) {
      must(!target->empty() && target->front() == '/');
      const std::string path = target->substr(0, target->find('?'));
      must((path + '/').find("/../") == std::string::npos);
    }
  }
}

void check_stored(const Fields& kept, const Fields& response, int64_t when) {
  must(read_again(kept) == kept || kept.size() > kMaxResponseFields);
  for (const Field field : kept) must(!is_hop_by_hop(field.name));
  const auto date = kept.find("Date");
  must(date && parse_http_date(*date, when));
  must(fields_to_store(kept, when) == kept);
  must(kept.count("Set-Cookie") <= response.count("Set-Cookie"));
}

void check_reuse(const Fields& request, const StoredResponse& stored) {
  const StoredPolicy policy = policy_of(stored);
  const RequestDirectives wishes = request_directives(request);
  for (const auto& delta :
       {wishes.max_age, wishes.min_fresh, wishes.max_stale, wishes.stale_if_error,
        policy.directives.max_age, policy.directives.s_maxage,
        policy.directives.stale_while_revalidate, policy.directives.stale_if_error})
    check_delta(delta);
  must(policy.lifetime.seconds >= 0 && policy.lifetime.seconds <= kMaxDelta_s);
  int64_t age = 0;
  for (const int64_t pause_s : {0, 1, 60, 3600, 86400, 40000000}) {
    const Reuse reuse = decide(wishes, policy, kNow + pause_s);
    must(reuse.age >= age && reuse.age <= kMaxDelta_s);
    age = reuse.age;
    if (reuse.use == Use::fresh) must(reuse.lifetime > reuse.age && !policy.directives.no_cache);
    if (reuse.use == Use::allowed_stale || reuse.use == Use::stale_while_revalidate)
      must(!forbids_stale(policy.directives));
    must(reuse.use != Use::gateway_timeout || wishes.only_if_cached);
    const bool after_error = may_serve_stale(wishes, policy, Trouble::error, kNow + pause_s);
    must(!after_error || may_serve_stale(wishes, policy, Trouble::unreachable, kNow + pause_s));
  }
}

void check_validation(const Fields& request, const Fields& answer, const StoredResponse& stored) {
  Fields upstream = forwarded_request(request);
  make_conditional(upstream, *stored.fields);
  must(!upstream.has("Range") && !upstream.has("If-Match"));
  must(!upstream.has("If-None-Match") || upstream.count("If-None-Match") == 1);
  for (const auto update : {Update::all, Update::time}) {
    const Fields renewed = updated_fields(*stored.fields, answer, update, kNow + 3);
    check_stored(renewed, answer.count("Set-Cookie") ? answer : *stored.fields, kNow + 3);
    if (!response_directives(renewed).no_cache_fields.empty()) continue;
    if (!response_directives(renewed).private_fields.empty()) continue;
    must(renewed.combined("ETag") == stored.fields->combined("ETag"));
    must(renewed.combined("Content-Length") == stored.fields->combined("Content-Length"));
  }
  const auto selected = select_for_304({&stored, 1}, answer, 0);
  must(selected && selected->index == 0);
  for (const Field field : not_modified_fields(*stored.fields))
    must(stored.fields->has(field.name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const Fields request = take_head(rest).fields;
  const ResponseHead response = take_head(rest);
  must(read_again(request) == request && read_again(response.fields) == response.fields);
  check_values(request);
  check_values(response.fields);

  const auto refusal = why_not_store({"GET", "/a/b?c", request}, response);
  must(!refusal || (!name_of(*refusal).empty() && !text_of(*refusal).empty()));
  const Fields kept = fields_to_store(response.fields, kNow);
  check_stored(kept, response.fields, kNow);
  must(refusal || may_keep(kept));

  const Fields varied = vary_request_fields(kept, request);
  const StoredResponse stored{200, &kept, &varied, kNow, kNow};
  must(vary_matches(stored, request) != varies_by_anything(kept));
  check_reuse(request, stored);
  check_validation(request, response.fields, stored);
  (void)client_condition({"GET", "/a/b?c", request}, stored, kNow);
  (void)head_effect(stored, size, response);
  (void)part_effect(stored, size, response);
  for (const auto& target : invalidated_targets({"PUT", "/a/b?c", request}, response, {}))
    must(target.front() == '/');
  return 0;
}
