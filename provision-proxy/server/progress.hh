// SPDX-License-Identifier: Apache-2.0
// Whether a peer that we wait for moves: kProgressBytes in a given time, else it stands still.
//
// Only the time in which we wait for it counts, not that in which it waits for us. Pure.
#pragma once

#include <chrono>
#include <cstddef>

#include "provision-proxy/server/limits.hh"

namespace holdfast::provision {

class Progress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  void start(Duration limit) {
    limit_ = left_ = limit;
    moved_ = 0;
    waiting_ = false;
  }
  // From now on it is the peer's turn.
  void wait(Time now) {
    if (waiting_) return;
    waiting_ = true;
    since_ = now;
  }
  // The peer took its turn.
  void moved(size_t bytes, Time now) {
    if (waiting_) left_ -= now - since_;
    waiting_ = false;
    moved_ += bytes;
    if (moved_ < kProgressBytes) return;
    moved_ = 0;
    left_ = limit_;
  }
  void stop() { waiting_ = false; }
  bool late(Time now) const { return waiting_ && now - since_ >= left_; }

 private:
  Duration limit_{}, left_{};
  Time since_{};
  size_t moved_ = 0;
  bool waiting_ = false;
};

}  // namespace holdfast::provision
