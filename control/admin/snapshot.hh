// SPDX-License-Identifier: Apache-2.0
// What the page and the commands show, copied at one moment; and how it is asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/names/resolver.hh"
#include "control/records/minute_collector.hh"
#include "control/store/writer.hh"
#include "dataplane/control/messages.hh"
#include "sip/anchor/anchor_snapshot.hh"
#include "sip/proxy/proxy_snapshot.hh"

namespace holdfast::admin {

// Of the SIP loop.
struct SipSnapshot {
  sip::ProxySnapshot proxy;
  sip::AnchorSnapshot anchor;
  std::vector<control::CallReport> media;  // the dataplane's calls, some seconds old
};

struct Sources {
  using Done = std::function<void(std::shared_ptr<const SipSnapshot>)>;

  // Calls back once, on any thread, or not at all when the loop is stuck. False: it is too busy.
  std::function<bool(Done)> sip;
  std::function<store::StoreStatus()> store;       // any thread
  std::function<names::ResolverStatus()> names;    // any thread
  std::function<records::MinuteStatus()> minutes;  // any thread
  // Drains or not, on the SIP loop. False: it is too busy.
  std::function<bool(bool)> drain;
  std::string database;     // path, for the readers
  uint64_t started_ms = 0;  // Unix time
};

}  // namespace holdfast::admin
