// SPDX-License-Identifier: Apache-2.0
// The SIP loop as its parts see it: descriptors, timers and work handed in from other threads.
//
// One thread runs the loop and owns all that lives on it. Callbacks run on that thread, one after
// the other, and must not wait for a disk, a name or a lock. Implemented over Sofia-SIP's root in
// transport/, and by hand in tests.
#pragma once

#include <cstdint>
#include <functional>

namespace holdfast::sip {

class Loop {
 public:
  using Handle = uint64_t;  // never 0, not used again
  enum : unsigned { kReadable = 1, kWritable = 2, kFailed = 4 };

  virtual ~Loop() = default;

  // Monotonic milliseconds.
  virtual uint64_t now_ms() const = 0;

  // Calls back whenever the descriptor is ready for one of `events`; kFailed comes unasked. The
  // descriptor stays the caller's, to be unwatched before it is closed. 0: it cannot be watched.
  virtual Handle watch(int fd, unsigned events, std::function<void(unsigned)> ready) = 0;
  virtual void rewatch(Handle handle, unsigned events) = 0;
  virtual void unwatch(Handle handle) = 0;

  // Once, not before that many milliseconds. 0 means: when the callbacks under way have returned.
  virtual Handle after(uint32_t ms, std::function<void()> due) = 0;
  virtual void cancel(Handle handle) = 0;  // one that has run already is no error

  // From any thread, in order. False: the queue is full (it is bounded) and the work was not taken.
  virtual bool post(std::function<void()> work) = 0;
};

}  // namespace holdfast::sip
