// SPDX-License-Identifier: Apache-2.0
// The SIP side's way to tell the operator something: one line of text, handed to whoever logs.
//
// Called on the SIP loop and must not wait. Lines carry no digits dialled and no user data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace holdfast::sip {

enum class LogLevel : uint8_t { info, warning, error };

using Logger = std::function<void(LogLevel level, const std::string& text)>;

}  // namespace holdfast::sip
