// SPDX-License-Identifier: Apache-2.0
// The checks that every request passes, and where it goes from there.
#include "sip/route.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "sip/branch.hh"
#include "sip/route_steps.hh"

namespace holdfast::sip {
namespace {

constexpr uint8_t kMaxForwards = 70;  // RFC 3261 section 16.6 step 3
constexpr uint8_t kMaxBreadth = 60;   // RFC 5393 section 5.3.3.1

void take_token(Prepared& prepared, const Uri& ours) {
  const UriParameter* parameter = ours.find(kTokenParameter);
  if (parameter == nullptr || prepared.token) return;
  const Request& request = prepared.request;
  const auto opened = open_token(parameter->value, prepared.state.config.keys, request.call_id,
                                 request.from.tag, request.to.tag);
  if (opened) prepared.token = *opened;
}

// RFC 3261 section 16.4. Both of a double Record-Route are taken off in one go.
void take_off_our_routes(Prepared& prepared) {
  const RouteConfig& config = prepared.state.config;
  auto& route = prepared.route;
  // A strict router has put our Record-Route into the Request-URI and the target to the end.
  if (is_ours(config, prepared.uri) && prepared.uri.is_loose_router() && !route.empty()) {
    prepared.came_by_our_route = true;
    take_token(prepared, prepared.uri);
    prepared.uri = std::move(route.back().uri);
    route.pop_back();
  }
  const auto theirs = std::find_if(route.begin(), route.end(), [&](const NameAddress& hop) {
    if (!is_ours(config, hop.uri)) return true;
    take_token(prepared, hop.uri);
    return false;
  });
  prepared.came_by_our_route |= theirs != route.begin();
  route.erase(route.begin(), theirs);
}

bool is_options_to_us(const Prepared& prepared) {
  return prepared.request.method == Method::options && prepared.route.empty() &&
         prepared.uri.user.empty() && is_ours(prepared.state.config, prepared.uri);
}

// RFC 3261 section 11.2: the code is the one that an INVITE would get.
Decision answer_options(const Prepared& prepared) {
  if (prepared.state.overloaded) return reply_later(prepared, ReplyName::overloaded);
  if (prepared.state.draining) return reply_later(prepared, ReplyName::draining);
  return reply(prepared, ReplyName::options_answered);
}

// RFC 3261 section 16.3; the request's own syntax was the parser's work.
std::optional<Decision> refuse(const Prepared& prepared) {
  const Request& request = prepared.request;
  const RouteConfig& config = prepared.state.config;
  const bool for_help =
      prepared.peer == Peer::phone && prepared.state.dial_plan.emergency(request.uri).has_value();
  if (request.uri.scheme == Scheme::other && !for_help)
    return reply(prepared, ReplyName::bad_scheme);
  if (request.max_forwards == uint8_t{0})
    return request.method == Method::options ? answer_options(prepared)
                                             : reply(prepared, ReplyName::too_many_hops);
  for (const ViaField& via : request.via) {
    Uri sent_by;
    sent_by.host = via.host;
    sent_by.port = via.port;
    if (is_ours(config, sent_by) && is_loop(via.branch, prepared.hash))
      return reply(prepared, ReplyName::loop_detected);
  }
  if (!request.proxy_require.empty() && request.method != Method::ack &&
      request.method != Method::cancel) {
    Decision decision = reply(prepared, ReplyName::bad_extension);
    if (auto* answer = std::get_if<Reply>(&decision)) answer->unsupported = request.proxy_require;
    return decision;
  }
  return std::nullopt;
}

bool makes_dialogs(Method method) {
  switch (method) {
    case Method::invite:
    case Method::subscribe:
    case Method::refer:
    case Method::notify:
    case Method::unknown:
      return true;
    default:
      return false;
  }
}

// RFC 3261 section 16.6 step 4.
bool asks_for_tls(const Target& target) {
  return target.request_uri.scheme == Scheme::sips ||
         (!target.route.empty() && target.route.front().uri.scheme == Scheme::sips);
}

// RFC 5630 section 5.3: what is sips: goes by TLS on every hop, to the last, or not at all. Only a
// call for help goes on as far as it can. Inside a dialog the Route set has decided already.
void keep_secure(const Prepared& prepared, Forward& forward) {
  const Request& request = prepared.request;
  if (!request.to.tag.empty() || forward.exempt) return;
  const bool is_sips = prepared.uri.scheme == Scheme::sips;
  std::erase_if(forward.targets, [&](const Target& target) {
    if (is_sips &&
        (request.origin.transport != Transport::tls || target.request_uri.scheme != Scheme::sips))
      return true;
    return asks_for_tls(target) && target.hop.transport != Transport::tls;
  });
}

// Top first: the socket that faces the next hop, and below, if it is another, the one that the
// request came in by, so that each side finds an address of ours that it can reach.
void record_route(const Prepared& prepared, Target& target, const std::string& token) {
  const RouteConfig& config = prepared.state.config;
  const Origin& in = prepared.request.origin;
  const NextHop& out = target.hop;
  const Listener* const outside =
      listener_for(config, out.interface, out.transport, out.address.ip);
  const Listener* const inside = listener_for(config, in.interface, in.transport, in.address.ip);
  for (const Listener* socket : {outside, inside == outside ? nullptr : inside}) {
    if (socket == nullptr) continue;
    Uri uri = uri_of(*socket, asks_for_tls(target) ? Scheme::sips : Scheme::sip);
    uri.set("lr", "");
    uri.set(kTokenParameter, token);
    target.record_route.push_back(std::move(uri));
  }
}

// RFC 5393 section 5.3.3: the breadth left is shared by the copies that leave together.
std::optional<ReplyName> share_breadth(const Prepared& prepared, Forward& forward) {
  const uint8_t breadth = prepared.request.max_breadth.value_or(kMaxBreadth);
  if (breadth == 0) return ReplyName::max_breadth_exceeded;
  std::array<uint8_t, kMaxTargets> copies{};
  std::erase_if(forward.targets, [&](const Target& target) {
    uint8_t& used = copies[std::min<size_t>(target.group, kMaxTargets - 1)];
    if (used == breadth) return true;
    ++used;
    return false;
  });
  forward.max_breadth =
      static_cast<uint8_t>(breadth / *std::max_element(copies.begin(), copies.end()));
  return std::nullopt;
}

}  // namespace

Decision route(const Request& request, const RouteState& state) {
  Prepared prepared{
      request, state, peer_of(state, request.origin), request.uri, request.route, false, {}, {}};
  if (state.matches_transaction && request.method == Method::ack)
    return Drop{DropName::ack_absorbed, std::nullopt};
  if (state.matches_transaction && request.method == Method::cancel)
    return reply(prepared, ReplyName::cancel_answered);
  prepared.hash = loop_hash(request, prepared.peer, state.config.branch_key);
  if (auto refused = refuse(prepared)) return *std::move(refused);
  take_off_our_routes(prepared);

  if (!request.to.tag.empty()) return route_in_dialog(prepared);
  if (prepared.peer == Peer::stranger) return reply(prepared, ReplyName::stranger_refused);
  if (is_options_to_us(prepared)) return answer_options(prepared);
  if (request.method == Method::register_) return route_register(prepared);
  return route_initial(prepared);
}

Decision reply(const Prepared& prepared, ReplyName name) {
  if (prepared.request.method == Method::ack) return Drop{DropName::ack_refused, name};
  Reply answer;
  answer.name = name;
  answer.code = code_of(name);
  return answer;
}

Decision reply_later(const Prepared& prepared, ReplyName name) {
  Decision decision = reply(prepared, name);
  if (auto* answer = std::get_if<Reply>(&decision))
    answer->retry_after_s = prepared.state.retry_after_s;
  return decision;
}

std::optional<ReplyName> finish(const Prepared& prepared, Forward& forward, CallToken token) {
  const Request& request = prepared.request;
  const RouteConfig& config = prepared.state.config;
  keep_secure(prepared, forward);
  if (forward.targets.empty()) return ReplyName::sips_not_allowed;
  if (forward.targets.size() > kMaxTargets) forward.targets.resize(kMaxTargets);
  if (const auto bad = share_breadth(prepared, forward)) return bad;
  forward.max_forwards = static_cast<uint8_t>(request.max_forwards.value_or(kMaxForwards + 1) - 1);
  forward.stateless = request.method == Method::ack || request.method == Method::cancel;
  // Without a transaction there is no second try.
  if (forward.stateless)
    std::erase_if(forward.targets, [](const Target& t) { return t.group > 0; });

  std::string sealed;
  if (makes_dialogs(request.method) && request.to.tag.empty()) {
    token.call_key = prepared.state.call_key;
    token.emergency = forward.exempt;
    token.caller = prepared.peer;
    auto text = seal_token(token, config.keys, request.call_id, request.from.tag);
    if (!text) return ReplyName::token_not_made;
    sealed = *std::move(text);
  }
  for (size_t i = 0; i < forward.targets.size(); ++i) {
    Target& target = forward.targets[i];
    target.branch = make_branch(request, i, prepared.hash, config.branch_key);
    if (!sealed.empty()) record_route(prepared, target, sealed);
  }
  return std::nullopt;
}

Uri uri_for_centre(const Prepared& prepared) {
  Uri uri = prepared.uri;
  const std::string& domain = prepared.state.config.centre_domain;
  if (domain.empty() || !is_ours(prepared.state.config, uri)) return uri;
  uri.host = domain;
  uri.port = 0;
  std::erase_if(uri.parameters,
                [](const UriParameter& p) { return equal_fold(p.name, "transport"); });
  return uri;
}

}  // namespace holdfast::sip
