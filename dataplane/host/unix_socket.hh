// SPDX-License-Identifier: Apache-2.0
// UNIX sockets that ports are made of: what stands at a path.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::dataplane {

enum class AtPath : uint8_t {
  nothing,
  stale,     // a socket that nobody serves any more
  served,    // somebody listens there
  no_socket  // another kind of file
};

// Connects for a moment to tell `stale` from `served`. Slow thread or start-up.
AtPath look_at_socket(const std::string& path);

// Makes the path free for a socket of ours: what a killed process left there is taken away. The
// error text, or empty.
std::string free_socket_path(const std::string& path);

}  // namespace holdfast::dataplane
