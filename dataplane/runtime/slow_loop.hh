// SPDX-License-Identifier: Apache-2.0
// The slow thread: control socket, netlink, taps and signals, one at a time. It waits for an lcore
// only, at most a second.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/control/server.hh"
#include "dataplane/runtime/assembly.hh"

namespace holdfast::dataplane {

class SlowLoop {
 public:
  // `signal_fd`: a signalfd; whatever it delivers ends the loop.
  SlowLoop(Assembly& parts, control::ControlServer& server,
           int signal_fd);  // throws std::system_error
  ~SlowLoop();
  SlowLoop(const SlowLoop&) = delete;
  SlowLoop& operator=(const SlowLoop&) = delete;

  void run();

 private:
  enum Source : uint64_t { kSignal, kControl, kNetlink, kBell, kFirstTap };

  void watch(int fd, uint64_t source);
  void watch_tap(size_t port, bool on);
  int wait_ms();
  void pump_taps(uint64_t now_ns);
  void take_events();

  Assembly& parts_;
  control::ControlServer& server_;
  int epoll_fd_;
  uint64_t next_tick_ns_ = 0;
  bool more_ = false;                 // a tap stopped at its bound
  std::vector<bool> tap_is_watched_;  // off while the rate holds the tap back
};

}  // namespace holdfast::dataplane
