// SPDX-License-Identifier: Apache-2.0
// Closes records of calls that nobody knows of any more: after a restart of ours, and after a time
// in which the writer took nothing. SIP loop only.
#pragma once

#include <cstdint>
#include <functional>

#include "control/records/recorder.hh"
#include "control/store/rows.hh"
#include "sip/anchor/media_anchor.hh"
#include "sip/loop.hh"
#include "sip/proxy/proxy.hh"

namespace holdfast::daemon {

class OpenRecords {
 public:
  static constexpr uint32_t kEveryMs = 2000;
  using Sink = std::function<bool(store::Item)>;

  // All outlive it.
  OpenRecords(sip::Loop& loop, const sip::Proxy& proxy, const sip::MediaAnchor& anchor,
              records::Recorder& recorder, Sink sink);
  ~OpenRecords();
  OpenRecords(const OpenRecords&) = delete;
  OpenRecords& operator=(const OpenRecords&) = delete;

 private:
  void look();
  std::vector<uint64_t> live_calls() const;

  sip::Loop& loop_;
  const sip::Proxy& proxy_;
  const sip::MediaAnchor& anchor_;
  records::Recorder& recorder_;
  Sink sink_;
  bool earlier_runs_done_ = false;
  bool gap_ = false;
  sip::Loop::Handle timer_ = 0;
};

}  // namespace holdfast::daemon
