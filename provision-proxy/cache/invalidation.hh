// SPDX-License-Identifier: Apache-2.0
// What an unsafe request makes invalid (RFC 9111, 4.4), and references that a response makes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/http/response_head.hh"

namespace holdfast::provision {

// "http://host:port": the names of one origin, as the phones and as the centre itself write it.
using Origins = std::span<const std::string_view>;

// The target (origin-form) that `reference` means, seen from the target of `request` (RFC
// 3986, 5.2). None if it is no reference, or leads to an origin which is not among `origins` nor,
// for http, the request's own Host.
std::optional<std::string> resolve_reference(const CacheRequest& request,
                                             std::string_view reference, Origins origins);

// GET, HEAD, OPTIONS, TRACE (RFC 9110, 9.2.1). A method that is not known is not safe.
bool is_safe(std::string_view method);

// The targets whose stored responses, of all variants, are to be dropped: that of the request, and
// those of Location and Content-Location in the same origin. Empty for a safe method, and for an
// answer which is an error (only 2xx and 3xx count).
std::vector<std::string> invalidated_targets(const CacheRequest& request,
                                             const ResponseHead& response, Origins origins);

}  // namespace holdfast::provision
