// SPDX-License-Identifier: Apache-2.0
// The slow thread's loop.
#include "dataplane/runtime/slow_loop.hh"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "dataplane/calls/clock.hh"
#include "dataplane/runtime/lcore_loop.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kTickNs = 100'000'000;
constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

SlowLoop::SlowLoop(Assembly& parts, control::ControlServer& server, int signal_fd)
    : parts_(parts), server_(server), epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  watch(signal_fd, kSignal);
  watch(server_.epoll_fd(), kControl);
  watch(parts_.next_hops->fd(), kNetlink);
  watch(parts_.board->slow_bell().fd(), kBell);
  tap_is_watched_.assign(parts_.exceptions.size(), true);
  for (size_t i = 0; i < parts_.exceptions.size(); ++i) {
    if (parts_.exceptions[i] != nullptr) watch(parts_.exceptions[i]->tap().fd(), kFirstTap + i);
  }
}

SlowLoop::~SlowLoop() {
  close(epoll_fd_);
}

void SlowLoop::watch(int fd, uint64_t source) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = source;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void SlowLoop::watch_tap(size_t port, bool on) {
  if (tap_is_watched_[port] == on) return;
  epoll_event event{};
  event.events = on ? uint32_t{EPOLLIN} : 0;
  event.data.u64 = kFirstTap + port;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, parts_.exceptions[port]->tap().fd(), &event);
  tap_is_watched_[port] = on;
}

int SlowLoop::wait_ms() {
  if (more_) return 0;
  bool throttled = false;
  for (const auto& path : parts_.exceptions) {
    if (path == nullptr) continue;
    if (path->throttled()) {
      throttled = true;
    } else if (path->has_frames()) {
      return 0;
    }
  }
  for (const auto& core : parts_.cores) {
    if (!core->events().empty()) return 0;
  }
  if (throttled) return 1;
  const uint64_t now_ns = steady_ns();
  return now_ns >= next_tick_ns_ ? 0 : static_cast<int>((next_tick_ns_ - now_ns) / kNsPerMs) + 1;
}

void SlowLoop::run() {
  Doorbell& bell = parts_.board->slow_bell();
  std::array<epoll_event, 16> ready;
  for (;;) {
    bell.arm();
    const int n = epoll_wait(epoll_fd_, ready.data(), static_cast<int>(ready.size()), wait_ms());
    bell.disarm();
    for (int i = 0; i < n; ++i) {
      switch (ready[static_cast<size_t>(i)].data.u64) {
        case kSignal:
          return;
        case kControl:
          server_.on_ready();
          break;
        case kNetlink:
          parts_.next_hops->on_readable();
          break;
        default:
          break;  // taps and rings are looked at below in any case
      }
    }
    const uint64_t now_ns = steady_ns();
    pump_taps(now_ns);
    take_events();
    if (now_ns >= next_tick_ns_) {
      parts_.next_hops->on_timer(now_ns / kNsPerMs);
      parts_.book->take_minutes(unix_ms());
      if (parts_.state != nullptr) parts_.state->beat(now_ns);
      next_tick_ns_ = now_ns + kTickNs;
    }
    parts_.book->flush();
  }
}

void SlowLoop::pump_taps(uint64_t now_ns) {
  more_ = false;
  for (size_t port = 0; port < parts_.exceptions.size(); ++port) {
    ExceptionPath* path = parts_.exceptions[port].get();
    if (path == nullptr) continue;
    more_ = path->pump(now_ns) || more_;
    watch_tap(port, !path->throttled());
  }
}

void SlowLoop::take_events() {
  PathEvent event;
  for (const auto& core : parts_.cores) {
    while (core->events().pop(event)) parts_.book->on_path_event(event);
  }
}

}  // namespace holdfast::dataplane
