// SPDX-License-Identifier: Apache-2.0
// Requests inside a dialog: they follow their Route set (RFC 3261 section 16.12), in every state.
#include <algorithm>
#include <utility>

#include "sip/route_steps.hh"

namespace holdfast::sip {
namespace {

bool is_known(const Prepared& prepared) {
  if (prepared.token) return true;
  switch (prepared.peer) {
    case Peer::centre:
    case Peer::gateway:
      return true;
    case Peer::phone:
      return prepared.state.bindings.is_known_source(prepared.state.now_ms,
                                                     prepared.request.origin);
    case Peer::stranger:
      break;
  }
  return false;
}

bool is_centre(const RouteState& state, const Uri& uri) {
  const auto hop = resolve(state, uri);
  return hop && std::any_of(state.upstreams.begin(), state.upstreams.end(),
                            [&](const Upstream& known) { return known.address == hop->address; });
}

// A call between two phones that went up to the centre and came back through us has us twice in its
// Route set. While the centre is lost nobody could hang up: a BYE leaves out what lies between.
// Requests that carry SDP do not, since each passage anchors media of its own.
void take_the_short_way(const Prepared& prepared, std::vector<NameAddress>& route) {
  const RouteState& state = prepared.state;
  if (state.health != HealthState::survival || prepared.request.method != Method::bye ||
      route.empty() || !is_centre(state, route.front().uri))
    return;
  const auto is_hop_of_ours = [&](const NameAddress& hop) {
    return is_ours(state.config, hop.uri);
  };
  const auto ours = std::find_if(route.begin(), route.end(), is_hop_of_ours);
  if (ours == route.end()) return;
  route.erase(route.begin(), std::find_if_not(ours, route.end(), is_hop_of_ours));
}

// RFC 3261 section 16.6 step 6: a next hop that is a strict router wants to be the Request-URI.
std::optional<NextHop> next_hop(const RouteState& state, Target& target) {
  if (target.route.empty()) {
    const Binding* phone = state.bindings.find_contact(state.now_ms, target.request_uri);
    if (phone != nullptr) return hop_to(*phone);
    return resolve(state, target.request_uri);
  }
  if (!target.route.front().uri.is_loose_router()) {
    target.route.push_back({std::move(target.request_uri), {}});
    target.request_uri = std::move(target.route.front().uri);
    target.route.erase(target.route.begin());
    return resolve(state, target.request_uri);
  }
  return resolve(state, target.route.front().uri);
}

}  // namespace

Decision route_in_dialog(const Prepared& prepared) {
  const bool to_us = prepared.route.empty() && is_ours(prepared.state.config, prepared.uri);
  if (!is_known(prepared))
    return reply(prepared, prepared.came_by_our_route ? ReplyName::bad_route_token
                                                      : ReplyName::stranger_refused);
  Target target;
  target.request_uri = prepared.uri;
  target.route = prepared.route;
  take_the_short_way(prepared, target.route);
  if (to_us) {
    // Of a rewritten Contact the centre makes the remote target; else there is no dialog with us.
    const UriParameter* key = prepared.uri.find(kBindingParameter);
    const Binding* phone =
        key == nullptr ? nullptr
                       : prepared.state.bindings.find_key(prepared.state.now_ms, key->value);
    if (phone == nullptr) return reply(prepared, ReplyName::no_dialog);
    target.request_uri = phone->contact;
  }
  const auto hop = next_hop(prepared.state, target);
  if (!hop) return reply(prepared, ReplyName::next_hop_unresolved);
  target.hop = *hop;

  Forward forward;
  forward.name = prepared.token ? ForwardName::in_dialog : ForwardName::in_dialog_no_token;
  forward.targets.push_back(std::move(target));
  if (const auto bad = finish(prepared, forward, {})) return reply(prepared, *bad);
  return forward;
}

}  // namespace holdfast::sip
