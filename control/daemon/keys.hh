// SPDX-License-Identifier: Apache-2.0
// The secrets that outlive us: without them a restart could not tell the calls of before as ours.
#pragma once

#include <string>

#include "base/log.hh"
#include "media/result.hh"
#include "sip/record_route_token.hh"

namespace holdfast::daemon {

struct Keys {
  sip::TokenKeys tokens;
  sip::Key branch{};
};

// Reads DIRECTORY/keys, or makes it. A file that makes no sense is kept aside and said: calls that
// live lose their way back to us, which is better than none at all.
Result<Keys, std::string> load_or_make_keys(const std::string& directory, const Logger& logger);

}  // namespace holdfast::daemon
