// SPDX-License-Identifier: Apache-2.0
// Whether a stored response answers a request, as it is or after validation (RFC 9111, 4 and 5.2.1;
// RFC 5861).
#pragma once

#include <cstdint>

#include "provision-proxy/cache/freshness.hh"
#include "provision-proxy/http/cache_control.hh"

namespace holdfast::provision {

enum class Use : uint8_t {
  fresh,                   // answer from the store
  stale_while_revalidate,  // answer from the store, and validate behind it
  allowed_stale,           // the request's max-stale takes it as it is
  must_validate,           // ask upstream first; then see may_serve_stale() if that fails
  gateway_timeout,         // only-if-cached: neither the store nor upstream may answer
};

struct Reuse {
  Use use = Use::must_validate;
  int64_t age = 0;       // for Age, if it answers from the store
  int64_t lifetime = 0;  // lifetime - age is the ttl of Cache-Status
};

// Of a stored response that Vary lets match, for GET or HEAD. Where there is none, a request with
// only-if-cached gets 504 and all others go upstream.
Reuse decide(const RequestDirectives& request, const StoredPolicy& stored, int64_t now);

// A request that no store may answer and no store can help: any method but GET and HEAD, and the
// conditions that are for the origin alone (RFC 9110, 13.1: If-Match, If-Unmodified-Since).
bool must_pass(const CacheRequest& request);

// The fields of an answer from the store: Age in the place of the one that came with it. Date stays
// the origin's (RFC 9111, 4).
Fields answer_fields(const Fields& stored, int64_t age);

// What keeps us from a validated answer.
enum class Trouble : uint8_t {
  unreachable,  // disconnected (4.2.4): refused, silent, without a name, or the breaker is open
  error,        // it is there, and broke off or answered 500, 502, 503 or 504
};
bool is_error_status(int status);

// no-cache, must-revalidate, proxy-revalidate and s-maxage: never stale, whatever happens.
bool forbids_stale(const ResponseDirectives& directives);

// Unreachable: all that is not forbidden. Error: what stale-if-error of either side allows.
bool may_serve_stale(const RequestDirectives& request, const StoredPolicy& stored, Trouble trouble,
                     int64_t now);

}  // namespace holdfast::provision
