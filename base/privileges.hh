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

}  // namespace holdfast
