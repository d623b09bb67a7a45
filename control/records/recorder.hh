// SPDX-License-Identifier: Apache-2.0
// Turns what the proxy tells of calls into records, with time stamps; the writer does the rest.
//
// SIP loop only; never waits. Texts of the network are cut to what a record holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "control/store/rows.hh"
#include "sip/call_events.hh"

namespace holdfast::records {

inline constexpr size_t kMaxRecordTextBytes = 512;  // of each text of a call
inline constexpr size_t kMaxTalking = 65536;        // calls whose talking time is measured

class Recorder final : public sip::CallEvents {
 public:
  struct Clock {
    std::function<int64_t()> unix_ms;        // as the box believes
    std::function<uint64_t()> monotonic_ms;  // that nobody sets
  };
  // False: the item was not taken, and has been counted.
  using Sink = std::function<bool(store::Item)>;

  Recorder(Clock clock, Sink sink) : clock_(std::move(clock)), sink_(std::move(sink)) {}

  void began(const sip::CallBegan& call) override;
  void found(const sip::CallBegan& call) override;
  void answered(const sip::CallAnswered& call) override;
  void remarked(uint64_t call_key, sip::CallRemark remark) override;
  void ended(const sip::CallEnded& call) override;

  // Whether something was not taken since this was last asked: then a record may be left open.
  bool take_gap();

 private:
  void put(store::Item item);

  Clock clock_;
  Sink sink_;
  std::unordered_map<uint64_t, uint64_t> answered_at_ms_;  // monotonic, by call key
  bool gap_ = false;
};

}  // namespace holdfast::records
