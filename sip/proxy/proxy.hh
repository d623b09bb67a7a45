// SPDX-License-Identifier: Apache-2.0
// The edge proxy: carries out what route() decides, on the wire (RFC 3261 sections 16 and 17).
//
// Everything here belongs to the SIP loop's thread; others hand in work by Loop::post(). Nothing
// waits: names are resolved elsewhere and handed in, media goes through a MediaFilter, records
// through CallEvents. All that the network can make grow is bounded by ProxyLimits, and what does
// not fit is answered or dropped by name and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hh"
#include "media/result.hh"
#include "sip/call_events.hh"
#include "sip/loop.hh"
#include "sip/media_filter.hh"
#include "sip/proxy/live_call.hh"
#include "sip/proxy/proxy_config.hh"
#include "sip/proxy/proxy_snapshot.hh"
#include "sip/route_state.hh"

namespace holdfast::sip {

class Proxy {
 public:
  // All four outlive the proxy. Without a filter (null) bodies pass as they are; without events
  // (null) calls are tracked but told to nobody.
  Proxy(Loop& loop, ProxyConfig config, MediaFilter* media, CallEvents* events, Logger logger);
  // Closes every socket at once and tells nobody of the calls that live: they go on.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Opens every listener, or none: the first that fails is told. Starts the probes.
  std::optional<StartError> start();

  // The listeners with the ports that they have got: port 0 asks the kernel for one.
  const std::vector<Listener>& listeners() const;

  // The centre's servers in the order of RFC 3263; those that stay keep their health. To be told
  // before start() too, from the last good answers: a branch that knows no server is in survival.
  void set_upstreams(const std::vector<Upstream>& upstreams);
  // Further names that URIs may carry, with their last good answers.
  void set_names(std::vector<ResolvedName> names);
  // New calls are refused with 503, others go on; `drained` is when no call is left.
  void drain(bool on);
  bool is_drained() const;

  // Reads certificates, keys and CAs again, for connections to come. What is wrong with one, or
  // nothing; then those from before stay in use.
  std::string reload_certificates();

  // For a store: what to write down, and to be called before start() with what was written.
  std::vector<SavedBinding> save_bindings() const;
  void load_bindings(const std::vector<SavedBinding>& saved);
  // Rises with every change of the bindings, refreshes included: nothing to write while it stands.
  uint64_t bindings_version() const;

  // Calls from before we started as the dataplane lists them, whenever it does: they hold their
  // links, until they end or are not in the list any more.
  void adopt_calls(const std::vector<LiveCall>& listed);

  // Everything that a page or a command shows, copied.
  ProxySnapshot snapshot() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::sip
