// SPDX-License-Identifier: Apache-2.0
// Whether a response that was negotiated fits another request (RFC 9111, 4.1).
#pragma once

#include "provision-proxy/cache/stored_response.hh"

namespace holdfast::provision {

// Vary has a "*" among its elements, wherever it stands.
bool varies_by_anything(const Fields& response);

// The fields of the request that Vary of the response names: what to keep beside the response.
Fields vary_request_fields(const Fields& response, const Fields& request);

// The request has, for each field that Vary names, what the stored request had: the same lines
// joined, without blanks round commas; languages, codings and charsets in any order and case; or
// none in both. Fields that are no lists must be the same byte for byte.
bool vary_matches(const StoredResponse& stored, const Fields& request);

}  // namespace holdfast::provision
