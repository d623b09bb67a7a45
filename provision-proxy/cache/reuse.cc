// SPDX-License-Identifier: Apache-2.0
// Decides on the use of a stored response.
#include "provision-proxy/cache/reuse.hh"

#include <algorithm>
#include <optional>
#include <string>

namespace holdfast::provision {
namespace {

bool request_wants_validation(const RequestDirectives& request, const Reuse& reuse) {
  if (request.no_cache) return true;
  // 0 is what browsers and phones send for "reload": it holds within the first second, too.
  if (request.max_age && (*request.max_age == 0 || reuse.age > *request.max_age)) return true;
  return request.min_fresh && reuse.lifetime - reuse.age < *request.min_fresh;
}

bool within(const std::optional<int64_t>& leave, int64_t staleness) {
  return leave && staleness <= *leave;
}

Use use_of(const RequestDirectives& request, const ResponseDirectives& response,
           const Reuse& reuse) {
  if (response.no_cache || response.is_private) return Use::must_validate;
  if (response.no_store && !response.must_understand) return Use::must_validate;
  if (request_wants_validation(request, reuse)) return Use::must_validate;
  if (reuse.lifetime > reuse.age) return Use::fresh;
  if (forbids_stale(response)) return Use::must_validate;
  const int64_t staleness = reuse.age - reuse.lifetime;
  if (within(request.max_stale, staleness)) return Use::allowed_stale;
  if (within(response.stale_while_revalidate, staleness)) return Use::stale_while_revalidate;
  return Use::must_validate;
}

}  // namespace

Reuse decide(const RequestDirectives& request, const StoredPolicy& stored, int64_t now) {
  Reuse reuse{Use::must_validate, current_age(stored, now), stored.lifetime.seconds};
  reuse.use = use_of(request, stored.directives, reuse);
  if (reuse.use == Use::must_validate && request.only_if_cached) reuse.use = Use::gateway_timeout;
  return reuse;
}

bool must_pass(const CacheRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return true;
  return request.fields.has("If-Match") || request.fields.has("If-Unmodified-Since");
}

Fields answer_fields(const Fields& stored, int64_t age) {
  Fields fields = stored;
  fields.set("Age", std::to_string(age));
  return fields;
}

bool is_error_status(int status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

bool forbids_stale(const ResponseDirectives& directives) {
  return directives.no_cache || directives.must_revalidate || directives.proxy_revalidate ||
         directives.s_maxage.has_value();
}

bool may_serve_stale(const RequestDirectives& request, const StoredPolicy& stored, Trouble trouble,
                     int64_t now) {
  const ResponseDirectives& response = stored.directives;
  if (forbids_stale(response) || response.is_private) return false;
  if (response.no_store && !response.must_understand) return false;
  if (trouble == Trouble::unreachable) return true;
  const int64_t staleness =
      std::max<int64_t>(current_age(stored, now) - stored.lifetime.seconds, 0);
  return within(response.stale_if_error, staleness) || within(request.stale_if_error, staleness) ||
         within(request.max_stale, staleness);
}

}  // namespace holdfast::provision
