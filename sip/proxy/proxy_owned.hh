// SPDX-License-Identifier: Apache-2.0
// What the proxy owns for itself: answers that it made, requests that it sends, probes in flight.
// For sip/proxy/proxy_*.cc only.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "media/wipe.hh"
#include "sip/proxy/proxy_core.hh"

namespace holdfast::sip {

struct Proxy::Core::OwnReply {
  OwnReply(Loop& the_loop, const TransactionTimers& timers, ServerTransaction::Kind kind,
           const NextHop& to, Endpoints& endpoints, std::function<void()> ended)
      : transaction(
            the_loop, timers, kind, to.transport != Transport::udp,
            {[hop = to, &endpoints](const std::string& bytes) { endpoints.send(hop, bytes); },
             std::move(ended)}) {}
  ServerTransaction transaction;
};

struct Proxy::Core::Alone {
  Alone(Loop& the_loop, const TransactionTimers& timers, const NextHop& to,
        media::WipedString request, Endpoints& endpoints, std::function<void()> ended)
      : bytes(std::move(request)),
        transaction(the_loop, timers, ClientTransaction::Kind::other,
                    to.transport != Transport::udp,
                    {[this, hop = to, &endpoints] { endpoints.send(hop, bytes); }, [] {}, [] {},
                     std::move(ended)}) {}
  media::WipedString bytes;
  ClientTransaction transaction;
};

struct Proxy::Core::ProbeInFlight {
  explicit ProbeInFlight(Loop& the_loop) : patience(the_loop) {}
  std::string branch;
  LoopTimer patience;  // the health counts its own time; this one only forgets
};

}  // namespace holdfast::sip
