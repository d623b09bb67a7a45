// SPDX-License-Identifier: Apache-2.0
// What the asynchronous client needs of the event loop that it lives on.
#pragma once

#include <cstdint>

namespace holdfast::control {

class ClientLoop {
 public:
  virtual ~ClientLoop() = default;

  virtual uint64_t now_ms() const = 0;  // monotonic

  // AsyncClient::on_ready() is due while the descriptor is readable or has failed, and, if
  // `writable`, while it can be written to. Takes the place of what was watched before. False: it
  // cannot be watched.
  virtual bool watch(int fd, bool writable) = 0;
  virtual void unwatch() = 0;

  // AsyncClient::on_time() is due then, once; takes the place of the time set before.
  virtual void wake_at(uint64_t ms) = 0;
};

}  // namespace holdfast::control
