// SPDX-License-Identifier: Apache-2.0
// One timer on the loop that stops when it goes out of scope.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "sip/loop.hh"

namespace holdfast::sip {

class LoopTimer {
 public:
  explicit LoopTimer(Loop& loop) : loop_(loop) {}
  ~LoopTimer() { stop(); }
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  // Anew: what was started before does not come.
  void start(uint32_t ms, std::function<void()> due) {
    stop();
    handle_ = loop_.after(ms, [this, due = std::move(due)] {
      handle_ = 0;
      due();
    });
  }
  void stop() {
    if (const Loop::Handle handle = std::exchange(handle_, 0); handle != 0) loop_.cancel(handle);
  }
  bool is_running() const { return handle_ != 0; }

 private:
  Loop& loop_;
  Loop::Handle handle_ = 0;
};

}  // namespace holdfast::sip
