// SPDX-License-Identifier: Apache-2.0
// What the policy of the cache (RFC 9111, a shared cache) looks at: a request, and a response that
// is held. Times are unix seconds and given by the caller: nothing here reads a clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

// Borrows all it names.
struct CacheRequest {
  std::string_view method;
  std::string_view target;  // origin-form
  const Fields& fields;
};

// Borrows its fields from whoever holds the response.
struct StoredResponse {
  int status = 200;
  const Fields* fields = nullptr;        // as fields_to_store() left them
  const Fields* vary_request = nullptr;  // as vary_request_fields() took them; may be null: none
  int64_t request_time = 0;              // when the request that fetched or validated it was sent
  int64_t response_time = 0;             // when the answer to that came
};

}  // namespace holdfast::provision
