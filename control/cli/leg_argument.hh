// SPDX-License-Identifier: Apache-2.0
// Reads the --leg argument of `holdfast relay add`.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/control/messages.hh"
#include "media/result.hh"

namespace holdfast::cli {

inline constexpr std::string_view kLegSyntax =
    "INTERFACE[=ADDRESS:PORT][,rtcp=ADDRESS:PORT][,port=LOCAL][,clock=PAYLOAD_TYPE/HZ]"
    "[,srtp=FILE]";

// The error says what is wrong with the argument, in one line.
Result<control::LegSpec, std::string> parse_leg(std::string_view argument);

}  // namespace holdfast::cli
