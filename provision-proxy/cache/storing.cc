// SPDX-License-Identifier: Apache-2.0
// Decides what may be stored.
#include "provision-proxy/cache/storing.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/invalidation.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/http/cache_control.hh"
#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

constexpr std::array kHeuristic = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};

// Those whose meaning for a cache is known here: all that RFC 9110 defines and a cache can hold.
constexpr std::array kUnderstood = {200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308,
                                    400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 413,
                                    414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505};

// Partial and conditional answers fit the request that caused them and no other.
constexpr std::array kOfOneRequest = {206, 304, 412, 416};

template <size_t N>
bool contains(const std::array<int, N>& statuses, int status) {
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

bool has_explicit_freshness(const ResponseDirectives& directives, const Fields& fields) {
  return directives.s_maxage || directives.max_age || fields.has("Expires");
}

// RFC 9110, 9.3.3: the answer to a POST is that of a later GET if it says so.
bool is_content_of_target(const CacheRequest& request, const ResponseHead& response,
                          const ResponseDirectives& directives) {
  if (response.status != 200 || !has_explicit_freshness(directives, response.fields)) return false;
  if (response.fields.count("Content-Location") != 1) return false;
  const auto target = resolve_reference(request, *response.fields.find("Content-Location"), {});
  return target && *target == request.target;
}

// RFC 9111, 3.5.
bool may_share_authorized(const ResponseDirectives& directives) {
  return directives.must_revalidate || directives.is_public || directives.s_maxage;
}

}  // namespace

std::string_view name_of(StoreRefusal refusal) {
  constexpr std::array<std::string_view, 9> kNames = {
#define X(name, text) #name,
      HOLDFAST_STORE_REFUSALS(X)
#undef X
  };
  return kNames[static_cast<size_t>(refusal)];
}

std::string_view text_of(StoreRefusal refusal) {
  constexpr std::array<std::string_view, 9> kTexts = {
#define X(name, text) text,
      HOLDFAST_STORE_REFUSALS(X)
#undef X
  };
  return kTexts[static_cast<size_t>(refusal)];
}

bool is_heuristically_cacheable(int status) {
  return contains(kHeuristic, status);
}

std::optional<StoreRefusal> why_not_store(const CacheRequest& request,
                                          const ResponseHead& response) {
  const ResponseDirectives directives = response_directives(response.fields);
  const bool get = request.method == "GET";
  if (!get && !(request.method == "POST" && is_content_of_target(request, response, directives)))
    return StoreRefusal::method;
  if (request_directives(request.fields).no_store) return StoreRefusal::request_no_store;
  if (response.status < 200 || contains(kOfOneRequest, response.status))
    return StoreRefusal::status;
  if (directives.must_understand) {  // it takes the place of no-store for those who know it
    if (!contains(kUnderstood, response.status)) return StoreRefusal::must_understand;
  } else if (directives.no_store) {
    return StoreRefusal::no_store;
  }
  if (directives.is_private) return StoreRefusal::is_private;
  if (request.fields.has("Authorization") && !may_share_authorized(directives))
    return StoreRefusal::authorization;
  if (varies_by_anything(response.fields)) return StoreRefusal::vary_any;
  if (!directives.is_public && !has_explicit_freshness(directives, response.fields) &&
      !is_heuristically_cacheable(response.status))
    return StoreRefusal::not_cacheable;
  return std::nullopt;
}

Fields fields_to_store(const Fields& response, int64_t response_time) {
  Fields kept = response;
  remove_hop_by_hop(kept);
  const ResponseDirectives directives = response_directives(response);
  for (const std::string& name : directives.no_cache_fields) kept.remove(name);
  for (const std::string& name : directives.private_fields) kept.remove(name);
  const auto date = kept.find("Date");
  if (!date || kept.count("Date") != 1 || !parse_http_date(*date, response_time))
    kept.set("Date", format_http_date(response_time));
  return kept;
}

bool may_keep(const Fields& stored) {
  const ResponseDirectives directives = response_directives(stored);
  return (!directives.no_store || directives.must_understand) && !directives.is_private &&
         !varies_by_anything(stored);
}

}  // namespace holdfast::provision
