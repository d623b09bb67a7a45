// SPDX-License-Identifier: Apache-2.0
// A loop for tests: real descriptors, but time moves only when the test says so.
#pragma once

#include <poll.h>

#include <map>
#include <utility>
#include <vector>

#include "sip/loop.hh"

namespace holdfast::sip {

class VirtualLoop final : public Loop {
 public:
  uint64_t now_ms() const override { return now_ms_; }

  Handle watch(int fd, unsigned events, std::function<void(unsigned)> ready) override {
    watches_[++last_] = {fd, events, std::move(ready)};
    return last_;
  }
  void rewatch(Handle handle, unsigned events) override {
    if (const auto found = watches_.find(handle); found != watches_.end())
      found->second.events = events;
  }
  void unwatch(Handle handle) override { watches_.erase(handle); }

  Handle after(uint32_t ms, std::function<void()> due) override {
    timers_[{now_ms_ + ms, ++last_}] = std::move(due);
    return last_;
  }
  void cancel(Handle handle) override {
    std::erase_if(timers_, [handle](const auto& timer) { return timer.first.second == handle; });
  }
  bool post(std::function<void()> work) override {
    after(0, std::move(work));
    return true;
  }

  // Runs all that is ready or due, until nothing is.
  void settle() {
    while (run_ready() || run_due()) {
    }
  }
  // Lets time pass, timer by timer.
  void advance(uint64_t ms) {
    const uint64_t until = now_ms_ + ms;
    settle();
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      now_ms_ = std::max(now_ms_, timers_.begin()->first.first);
      settle();
    }
    now_ms_ = until;
    settle();
  }
  size_t timers() const { return timers_.size(); }

 private:
  struct Watch {
    int fd;
    unsigned events;
    std::function<void(unsigned)> ready;
  };

  bool run_due() {
    if (timers_.empty() || timers_.begin()->first.first > now_ms_) return false;
    const auto due = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    due();
    return true;
  }
  bool run_ready() {
    std::vector<pollfd> fds;
    std::vector<Handle> handles;
    for (const auto& [handle, watch] : watches_) {
      const int events = ((watch.events & kReadable) != 0 ? POLLIN : 0) |
                         ((watch.events & kWritable) != 0 ? POLLOUT : 0);
      fds.push_back({watch.fd, static_cast<short>(events), 0});
      handles.push_back(handle);
    }
    if (poll(fds.data(), fds.size(), 0) <= 0) return false;
    for (size_t i = 0; i < fds.size(); ++i) {
      const auto found = watches_.find(handles[i]);
      if (fds[i].revents == 0 || found == watches_.end()) continue;
      unsigned seen = 0;
      if ((fds[i].revents & POLLIN) != 0) seen |= kReadable;
      if ((fds[i].revents & POLLOUT) != 0) seen |= kWritable;
      if ((fds[i].revents & (POLLERR | POLLHUP)) != 0) seen |= kFailed;
      const auto ready = found->second.ready;
      ready(seen);
    }
    return true;
  }

  uint64_t now_ms_ = 1000000;
  Handle last_ = 0;
  std::map<Handle, Watch> watches_;
  std::map<std::pair<uint64_t, Handle>, std::function<void()>> timers_;
};

}  // namespace holdfast::sip
