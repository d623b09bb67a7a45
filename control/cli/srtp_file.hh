// SPDX-License-Identifier: Apache-2.0
// Keys of a leg from a file, for calls by hand: what stands in an argument is seen by everybody.
#pragma once

#include <string>

#include "dataplane/control/messages.hh"
#include "media/result.hh"

namespace holdfast::cli {

// At most one line each: "in" and "out", and behind it what a=crypto has (RFC 4568):
//   in  1 AES_CM_128_HMAC_SHA1_80 inline:...
//   out 1 AES_CM_128_HMAC_SHA1_80 inline:...
// The file must be closed to others. The error is one line, without anything of the file.
Result<control::SharedSrtp, std::string> read_srtp_file(const std::string& path);

}  // namespace holdfast::cli
