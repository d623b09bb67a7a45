// SPDX-License-Identifier: Apache-2.0
// The SIP loop over Sofia-SIP's root: its thread is the one that makes it, runs it and ends it.
//
// Only post() and stop() may be called from other threads. Work that is posted is bounded by
// kMaxPosted; what does not fit is refused, never waited for.
#pragma once

#include <cstddef>
#include <memory>

#include "sip/loop.hh"

namespace holdfast::sip {

class SofiaLoop final : public Loop {
 public:
  static constexpr size_t kMaxPosted = 4096;

  // Null when the kernel gives no descriptors for it.
  static std::unique_ptr<SofiaLoop> make();
  ~SofiaLoop() override;
  SofiaLoop(const SofiaLoop&) = delete;
  SofiaLoop& operator=(const SofiaLoop&) = delete;

  // Runs callbacks until stop(). May be run again.
  void run();
  // From any thread: run() returns when the callback under way has.
  void stop();
  // One turn: what is ready now, or comes within that many milliseconds.
  void step(uint32_t at_most_ms);

  uint64_t now_ms() const override;
  Handle watch(int fd, unsigned events, std::function<void(unsigned)> ready) override;
  void rewatch(Handle handle, unsigned events) override;
  void unwatch(Handle handle) override;
  Handle after(uint32_t ms, std::function<void()> due) override;
  void cancel(Handle handle) override;
  bool post(std::function<void()> work) override;

 private:
  struct Impl;
  explicit SofiaLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::sip
