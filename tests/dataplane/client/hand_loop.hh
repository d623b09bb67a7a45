// SPDX-License-Identifier: Apache-2.0
// A client's loop turned by hand: its clock stands still unless told.
#pragma once

#include <poll.h>

#include <optional>

#include "dataplane/client/async_client.hh"

namespace holdfast::control {

class HandClientLoop final : public ClientLoop {
 public:
  uint64_t now_ms() const override { return now_ms_; }
  bool watch(int fd, bool writable) override {
    fd_ = fd;
    writable_ = writable;
    return true;
  }
  void unwatch() override { fd_ = -1; }
  void wake_at(uint64_t ms) override { wake_ms_ = ms; }

  // Calls the client for as long as its descriptor is ready.
  void turn(AsyncClient& client) {
    for (int i = 0; i < 1000; ++i) {
      pollfd poll{fd_, static_cast<short>(writable_ ? POLLIN | POLLOUT : POLLIN), 0};
      if (fd_ < 0 || ::poll(&poll, 1, 0) <= 0) return;
      client.on_ready();
    }
  }
  // Lets time pass, with the wake-ups that fall into it.
  void pass(AsyncClient& client, uint64_t ms) {
    const uint64_t end = now_ms_ + ms;
    while (wake_ms_ && *wake_ms_ <= end) {
      now_ms_ = std::max(now_ms_, *wake_ms_);
      wake_ms_.reset();
      client.on_time();
      turn(client);
    }
    now_ms_ = end;
  }
  bool writable() const { return writable_; }

 private:
  uint64_t now_ms_ = 1'000'000;
  int fd_ = -1;
  bool writable_ = false;
  std::optional<uint64_t> wake_ms_;
};

}  // namespace holdfast::control
