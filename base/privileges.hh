// SPDX-License-Identifier: Apache-2.0
// What the daemon gives up once its sockets are open.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast {

// Every capability goes for good, and none can come back by running a program; kBindOnly keeps the
// one that opens ports below 1024 until they are open. The user id stays: as root the daemon still
// may open the dataplane's socket and its own files, since they are root's, but it may not pass
// anybody else's permissions, load modules or change interfaces.
// For the thread that calls and those that it starts later. The error, or empty.
enum class Keep : uint8_t { kBindOnly, kNothing };
std::string drop_capabilities(Keep keep);

// Of the thread that calls, bit by number.
struct EffectiveCapabilities {
  uint32_t low = 0, high = 0;
};
// Gives those of before; the permitted ones stay, so that these can be set again. What is not
// permitted is not set, and where the kernel refuses, all stays as it was.
EffectiveCapabilities set_effective_capabilities(const EffectiveCapabilities& wanted);

}  // namespace holdfast
