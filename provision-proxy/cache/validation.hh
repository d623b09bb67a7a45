// SPDX-License-Identifier: Apache-2.0
// Asking the origin whether what is stored still holds (RFC 9111, 4.3), what its answer changes
// (3.2), and the 304 for a client that asks us the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/http/response_head.hh"
#include "provision-proxy/http/validators.hh"

namespace holdfast::provision {

bool has_validator(const Fields& stored);

// Fields of a request on its way upstream: without those of one hop, else as they came.
Fields forwarded_request(const Fields& request);
// So that the answer is whole and new: no condition and no range of the client's.
void make_unconditional(Fields& request);
// So that the answer is 304, or whole and new: the validators of `stored` as they were received.
void make_conditional(Fields& request, const Fields& stored);

// Which stored response a 304 is about (4.3.4).
enum class Update : uint8_t {
  all,   // renew its fields
  time,  // its content still holds, but the fields are those of another: renew its Date alone
};
struct Selected {
  size_t index = 0;
  Update update = Update::all;
};
// `candidates` are those of the target, newest first; `asked` the one whose validators were sent,
// if they were those of one. None: fetch anew without conditions.
std::optional<Selected> select_for_304(std::span<const StoredResponse> candidates,
                                       const Fields& not_modified, std::optional<size_t> asked);

// The fields of `stored` after a 304, or after another answer which is known to be about the same
// content. What describes the bytes that are kept (ETag, Content-Length, -Encoding, -MD5, -Range)
// stays. Give the times of the new exchange to the StoredResponse, and see may_keep().
Fields updated_fields(const Fields& stored, const Fields& answer, Update update,
                      int64_t response_time);

// A 200 to HEAD (4.3.5): says the same, says something else, or nothing about what is stored.
enum class HeadEffect : uint8_t { none, update, outdated };
HeadEffect head_effect(const StoredResponse& stored, uint64_t stored_bytes,
                       const ResponseHead& head);

// The client's conditions, answered from what is stored: `not_modified` is a 304 with
// not_modified_fields().
Condition client_condition(const CacheRequest& request, const StoredResponse& stored, int64_t now);
Fields not_modified_fields(const Fields& stored);

}  // namespace holdfast::provision
