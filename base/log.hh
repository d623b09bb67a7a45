// SPDX-License-Identifier: Apache-2.0
// How any part of a daemon tells the operator something: one line of text, handed to whoever logs.
//
// Must not wait, whichever thread calls. Lines carry no digits dialled and no user data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace holdfast {

enum class LogLevel : uint8_t { info, warning, error };

using Logger = std::function<void(LogLevel level, const std::string& text)>;

}  // namespace holdfast
