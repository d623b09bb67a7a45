// SPDX-License-Identifier: Apache-2.0
// Writes the registrations down when they have changed, and soon. SIP loop only.
#pragma once

#include <cstdint>
#include <functional>

#include "control/store/rows.hh"
#include "sip/loop.hh"
#include "sip/proxy/proxy.hh"

namespace holdfast::daemon {

class BindingsKeeper {
 public:
  static constexpr uint32_t kEveryMs = 2000;  // what a crash of ours may forget
  using Sink = std::function<bool(store::Item)>;

  // All three outlive it.
  BindingsKeeper(sip::Loop& loop, const sip::Proxy& proxy, Sink sink);
  ~BindingsKeeper();
  BindingsKeeper(const BindingsKeeper&) = delete;
  BindingsKeeper& operator=(const BindingsKeeper&) = delete;

  // Now, if there is something to write.
  void save();

 private:
  void wait();

  sip::Loop& loop_;
  const sip::Proxy& proxy_;
  Sink sink_;
  uint64_t saved_;  // version of the bindings
  sip::Loop::Handle timer_ = 0;
};

}  // namespace holdfast::daemon
