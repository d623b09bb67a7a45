// SPDX-License-Identifier: Apache-2.0
// The steps of route() that lie in files of their own; for sip/route*.cc only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sip/decision.hh"
#include "sip/route_state.hh"

namespace holdfast::sip {

// A request after the checks of RFC 3261 section 16.3 and the Route work of section 16.4.
struct Prepared {
  const Request& request;
  const RouteState& state;
  Peer peer = Peer::stranger;
  Uri uri;
  std::vector<NameAddress> route;  // without ours
  bool came_by_our_route = false;
  std::optional<OpenedToken> token;  // of our Route, if it was sound
  std::string hash;                  // of loop detection
};

Decision route_register(const Prepared& prepared);
Decision route_in_dialog(const Prepared& prepared);
Decision route_initial(const Prepared& prepared);

Decision reply(const Prepared& prepared, ReplyName name);
// With Retry-After.
Decision reply_later(const Prepared& prepared, ReplyName name);

// The copy's branch, and for a request that makes a dialog our Record-Routes, once the targets are
// complete. Answers what stands in the way, if anything does.
std::optional<ReplyName> finish(const Prepared& prepared, Forward& forward, CallToken token);

// Request-URIs that name us go on to the centre under its own name.
Uri uri_for_centre(const Prepared& prepared);

}  // namespace holdfast::sip
