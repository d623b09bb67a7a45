// SPDX-License-Identifier: Apache-2.0
// File names of TFTP requests as paths, and as targets of HTTP requests. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "media/result.hh"
#include "provision-proxy/tftp/packet.hh"

namespace holdfast::provision {

// "/dir/file": begins with one slash, has no empty segment and no ".". Refused with error 2 are
// "..", backslashes, zero bytes and names of a directory: what two readers could understand
// differently is read by nobody.
Result<std::string, TftpError> normal_path(std::string_view name);

// The same as an origin-form target: what RFC 3986 does not allow in a path is percent-encoded, "%"
// and "?" too, since a TFTP name has neither escapes nor a query.
std::string target_of_path(std::string_view path);

}  // namespace holdfast::provision
