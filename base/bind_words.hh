// SPDX-License-Identifier: Apache-2.0
// What is said where a daemon cannot have its port.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast {

enum class PortKind : uint8_t { kUdp, kTcp };

// The system's words for the error of bind or listen, and how to find who has the port.
std::string bind_words(int error, PortKind kind, uint16_t port);

}  // namespace holdfast
