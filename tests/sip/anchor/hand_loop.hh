// SPDX-License-Identifier: Apache-2.0
// The SIP loop turned by hand: its clock stands still unless told, descriptors are polled.
#pragma once

#include <poll.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sip/loop.hh"

namespace holdfast::sip {

class HandLoop final : public Loop {
 public:
  uint64_t now_ms() const override { return now_ms_; }
  Handle watch(int fd, unsigned events, std::function<void(unsigned)> ready) override {
    watched_[++last_] = {fd, events, std::move(ready)};
    return last_;
  }
  void rewatch(Handle handle, unsigned events) override { watched_.at(handle).events = events; }
  void unwatch(Handle handle) override { watched_.erase(handle); }
  Handle after(uint32_t ms, std::function<void()> due) override {
    timers_[{now_ms_ + ms, ++last_}] = std::move(due);
    return last_;
  }
  void cancel(Handle handle) override {
    std::erase_if(timers_, [&](const auto& each) { return each.first.second == handle; });
  }
  bool post(std::function<void()> work) override {
    after(0, std::move(work));
    return true;
  }

  // What is ready now: descriptors, and timers that are due. False: nothing was.
  bool turn() {
    bool any = false;
    const auto watched = watched_;
    for (const auto& [handle, each] : watched) {
      const bool writable = (each.events & kWritable) != 0;
      pollfd poll{each.fd, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0};
      if (::poll(&poll, 1, 0) <= 0 || !watched_.contains(handle)) continue;
      each.ready(kReadable);
      any = true;
    }
    while (!timers_.empty() && timers_.begin()->first.first <= now_ms_) {
      auto timer = timers_.extract(timers_.begin());
      timer.mapped()();
      any = true;
    }
    return any;
  }
  // When the next timer is due; UINT64_MAX: there is none.
  uint64_t next_ms() const { return timers_.empty() ? UINT64_MAX : timers_.begin()->first.first; }
  void set_now(uint64_t ms) { now_ms_ = std::max(now_ms_, ms); }
  size_t timers() const { return timers_.size(); }
  size_t watched() const { return watched_.size(); }

 private:
  struct Watched {
    int fd;
    unsigned events;
    std::function<void(unsigned)> ready;
  };
  uint64_t now_ms_ = 1'000'000;
  Handle last_ = 0;
  std::map<Handle, Watched> watched_;
  std::map<std::pair<uint64_t, Handle>, std::function<void()>> timers_;
};

}  // namespace holdfast::sip
