// SPDX-License-Identifier: Apache-2.0
// What may be stored (RFC 9111, 3), and which of its fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/http/response_head.hh"

namespace holdfast::provision {

// Why a response is not stored: name, text.
#define HOLDFAST_STORE_REFUSALS(X)                                                        \
  X(method, "the method is not GET, nor a POST that says what it is the content of")      \
  X(request_no_store, "the request said no-store")                                        \
  X(status, "answers of this status are about one request only")                          \
  X(must_understand, "must-understand, and this status is not known here")                \
  X(no_store, "the response said no-store")                                               \
  X(is_private, "the response said private")                                              \
  X(authorization, "the request had credentials and the response does not allow sharing") \
  X(vary_any, "Vary: * makes it fit no other request")                                    \
  X(not_cacheable, "neither its fields nor its status allow it")

enum class StoreRefusal : uint8_t {
#define X(name, text) name,
  HOLDFAST_STORE_REFUSALS(X)
#undef X
};
std::string_view name_of(StoreRefusal refusal);
std::string_view text_of(StoreRefusal refusal);

// None: it may be stored. `response` as it came, before any field was taken out; final (no 1xx).
std::optional<StoreRefusal> why_not_store(const CacheRequest& request,
                                          const ResponseHead& response);
inline bool may_store(const CacheRequest& request, const ResponseHead& response) {
  return !why_not_store(request, response);
}

// Statuses whose answers may be kept for a guessed time (RFC 9110, 15.1). Not 206.
bool is_heuristically_cacheable(int status);

// What is kept of `response`: nothing of one hop, nothing that no-cache="..." or private="..."
// names, and always a Date that can be read (RFC 9110, 6.6.1). Set-Cookie stays.
Fields fields_to_store(const Fields& response, int64_t response_time);

// Whether a response may stay in the store after its fields were renewed: a 304 may bring no-store,
// private or Vary: *.
bool may_keep(const Fields& stored);

}  // namespace holdfast::provision
