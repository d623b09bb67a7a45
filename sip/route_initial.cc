// SPDX-License-Identifier: Apache-2.0
// Requests outside a dialog: to the centre, to a phone, to the gateway, by who sends them and by
// the state of the centre.
#include <algorithm>
#include <utility>

#include "sip/media_sides.hh"
#include "sip/route_steps.hh"

namespace holdfast::sip {
namespace {

// Servers of the centre that one INVITE is tried at before we route it ourselves.
constexpr size_t kMaxTries = 2;

// What needs the centre's own state is not for a phone to answer.
bool is_for_phones(Method method) {
  return method != Method::subscribe && method != Method::publish;
}

uint8_t next_group(const Forward& forward) {
  return forward.targets.empty() ? 0 : static_cast<uint8_t>(forward.targets.back().group + 1);
}

void add_phones(Forward& forward, const std::vector<const Binding*>& bindings) {
  const uint8_t group = next_group(forward);
  for (const Binding* binding : bindings) {
    if (forward.targets.size() == kMaxTargets) return;
    Target target;
    target.hop = hop_to(*binding);
    target.request_uri = binding->contact;
    for (const Uri& hop : binding->path) target.route.push_back({hop, {}});
    target.group = group;
    forward.targets.push_back(std::move(target));
  }
}

// Behind which interface the link's far end is, and how it is talked to.
Origin place_of(const Prepared& prepared, LinkId link) {
  const RouteState& state = prepared.state;
  const auto place = [](const NextHop& hop) {
    return Origin{hop.address, hop.transport, hop.interface};
  };
  if (link == kCentreLink && !state.candidates.empty())
    return place(hop_to(state, state.candidates.front()));
  const size_t gateway = size_t{link} - 1;
  if (link != kCentreLink && gateway < state.config.gateways.size())
    return place(hop_to(state.config.gateways[gateway]));
  return {};
}

// The first link that has no room for this call; kNoLink: it may go there. Only an INVITE asks:
// what else a dialog needs is never in its way.
LinkId full_link(const Prepared& prepared, LinkId callee) {
  const RouteState& state = prepared.state;
  const Request& request = prepared.request;
  if (state.admission == nullptr || request.method != Method::invite) return kNoLink;
  CallUse use;
  use.links = {
      link_of(state.config, state.upstreams, request.origin.address.ip, request.origin.interface),
      callee};
  if (request.media.is_joined && use.links[0] == kCentreLink) use.links[0] = kNoLink;
  const MediaSides sides = sides_of(state.config.media, request.origin, place_of(prepared, callee));
  use.demands = {media::sum_of(request.media.lines, sent_trailers(request.media, sides)),
                 media::sum_of(request.media.lines, onward_trailers(request.media, sides))};
  return state.admission->full_link(state.call_key, use);
}

Decision no_bandwidth(const Prepared& prepared, LinkId link) {
  Decision decision = reply(prepared, ReplyName::no_bandwidth);
  if (auto* answer = std::get_if<Reply>(&decision)) answer->full_link = link;
  return decision;
}

// Those whose trunks have room, unless it is a call for help. The first that has none, if all have.
LinkId add_gateways(const Prepared& prepared, Forward& forward, const std::string& number) {
  const RouteConfig& config = prepared.state.config;
  LinkId full = kNoLink;
  bool any = false;
  for (size_t i = 0; i < config.gateways.size(); ++i) {
    const Gateway& gateway = config.gateways[i];
    if (forward.targets.size() == kMaxTargets) break;
    const LinkId here = forward.exempt ? kNoLink : full_link(prepared, static_cast<LinkId>(i + 1));
    if (here != kNoLink) {
      if (full == kNoLink) full = here;
      continue;
    }
    any = true;
    Target target;
    target.hop = hop_to(gateway);
    target.request_uri.user = number;
    target.request_uri.host = gateway.address.ip.to_string();
    target.request_uri.port = gateway.address.port;
    if (gateway.transport != Transport::udp)
      target.request_uri.set("transport", name_of(gateway.transport));
    target.group = next_group(forward);
    forward.targets.push_back(std::move(target));
  }
  return any ? kNoLink : full;
}

void add_centre(const Prepared& prepared, Forward& forward, size_t at_most) {
  for (const Upstream& upstream : prepared.state.candidates) {
    if (at_most-- == 0 || forward.targets.size() == kMaxTargets) return;
    Target target;
    target.hop = hop_to(prepared.state, upstream);
    target.request_uri = uri_for_centre(prepared);
    target.route = prepared.route;
    target.group = next_group(forward);
    forward.targets.push_back(std::move(target));
  }
}

Decision finished(const Prepared& prepared, Forward forward, CallToken token) {
  if (const auto bad = finish(prepared, forward, token)) return reply(prepared, *bad);
  return forward;
}

Dialled dial(const Prepared& prepared) {
  const RouteState& state = prepared.state;
  const auto is_extension = [&state](const std::string& user) {
    return !state.bindings.find_user(state.now_ms, user).empty();
  };
  return prepared.peer == Peer::gateway ? state.dial_plan.inbound(prepared.uri, is_extension)
                                        : state.dial_plan.outbound(prepared.uri, is_extension);
}

std::vector<const Binding*> phones_of(const Prepared& prepared, const Dialled& dialled) {
  const RouteState& state = prepared.state;
  // The user's own domain first, where two domains share an extension.
  if (user_key(prepared.uri) == dialled.number)
    return state.bindings.find(state.now_ms, prepared.uri);
  return state.bindings.find_user(state.now_ms, dialled.number);
}

// Our own routing, as further groups of `forward`. What stands in the way, if anything; for
// no_bandwidth, `full` says where.
std::optional<ReplyName> add_local(const Prepared& prepared, const Dialled& dialled,
                                   Forward& forward, LinkId& full) {
  const RouteState& state = prepared.state;
  if (!is_for_phones(prepared.request.method)) return ReplyName::centre_unreachable;
  if (dialled.kind == DialKind::extension) {
    full = full_link(prepared, kNoLink);  // of the gateway that it comes from
    if (full != kNoLink) return ReplyName::no_bandwidth;
    add_phones(forward, phones_of(prepared, dialled));
    return std::nullopt;
  }
  const Method method = prepared.request.method;
  if (dialled.kind != DialKind::gateway || (method != Method::invite && method != Method::cancel))
    return ReplyName::dial_plan_rejected;
  // Nobody can ask for a password now; that the centre knew the phone has to do.
  if (!state.bindings.is_known_source(state.now_ms, prepared.request.origin))
    return ReplyName::caller_not_registered;
  full = add_gateways(prepared, forward, dialled.number);
  return full == kNoLink ? std::nullopt : std::optional(ReplyName::no_bandwidth);
}

Decision by_ourselves(const Prepared& prepared) {
  const Dialled dialled = dial(prepared);
  Forward forward;
  forward.name = dialled.kind == DialKind::extension ? ForwardName::local_to_phone
                                                     : ForwardName::local_to_gateway;
  LinkId full = kNoLink;
  if (const auto bad = add_local(prepared, dialled, forward, full)) {
    if (*bad == ReplyName::no_bandwidth) return no_bandwidth(prepared, full);
    Decision decision = reply(prepared, *bad);
    auto* answer = std::get_if<Reply>(&decision);
    if (answer != nullptr && *bad == ReplyName::dial_plan_rejected && dialled.reject_code != 0)
      answer->code = dialled.reject_code;
    return decision;
  }
  if (forward.targets.size() > 1 && forward.targets.back().group > 0)
    forward.answer_wait_ms = prepared.state.config.call_budget_ms;
  return finished(prepared, std::move(forward), {0, prepared.peer, false, true});
}

// By the dial plan, as without the centre, when the link to it is full and its rule says so.
std::optional<Decision> overflow(const Prepared& prepared, const Dialled& dialled, LinkId full) {
  const RouteState& state = prepared.state;
  if (full != kCentreLink || state.config.centre_limits.when_full != WhenFull::gateway ||
      prepared.peer != Peer::phone || dialled.kind != DialKind::gateway)
    return std::nullopt;
  Forward forward;
  forward.name = ForwardName::overflow_to_gateway;
  forward.overflowed_from = full;
  LinkId gateway = kNoLink;
  if (add_local(prepared, dialled, forward, gateway)) return std::nullopt;
  if (forward.targets.size() > 1) forward.answer_wait_ms = state.config.call_budget_ms;
  return finished(prepared, std::move(forward), {0, prepared.peer, false, false});
}

Decision by_the_centre(const Prepared& prepared) {
  const Method method = prepared.request.method;
  Forward forward;
  forward.name = ForwardName::to_centre;
  add_centre(prepared, forward, method == Method::invite ? kMaxTries : kMaxTargets);
  const size_t tries = forward.targets.size();
  if (tries == 0) return by_ourselves(prepared);
  const Dialled dialled = dial(prepared);
  forward.stays_local = dialled.kind == DialKind::extension;
  const LinkId full = full_link(prepared, forward.stays_local ? kNoLink : kCentreLink);
  if (full != kNoLink) {
    if (auto instead = overflow(prepared, dialled, full)) return *std::move(instead);
    return no_bandwidth(prepared, full);
  }
  LinkId no_way_out = kNoLink;  // then the centre is the only way
  if (method == Method::invite || method == Method::cancel)
    add_local(prepared, dialled, forward,
              no_way_out);  // a call that only the centre can route waits
  if (forward.targets.size() > 1)
    forward.answer_wait_ms = prepared.state.config.call_budget_ms / static_cast<uint32_t>(tries);
  return finished(prepared, std::move(forward), {0, prepared.peer, false, false});
}

// While phones are handed back one by one, those that the centre does not know yet are reached by
// us.
bool waits_for_hand_back(const Prepared& prepared) {
  const Dialled dialled = dial(prepared);
  if (dialled.kind != DialKind::extension) return false;
  const auto phones = phones_of(prepared, dialled);
  const uint64_t since = prepared.state.hand_back_since_ms.value_or(0);
  return std::all_of(phones.begin(), phones.end(), [since](const Binding* binding) {
    return binding->confirmed_at_ms.value_or(0) < since;
  });
}

Decision from_the_branch(const Prepared& prepared) {
  switch (prepared.state.health) {
    case HealthState::online:
    case HealthState::suspect:
      return by_the_centre(prepared);
    case HealthState::survival:
      return by_ourselves(prepared);
    case HealthState::recovering:
      break;
  }
  return waits_for_hand_back(prepared) ? by_ourselves(prepared) : by_the_centre(prepared);
}

// First the gateway, in every state; should it fail, whoever else may know a way to help.
Decision for_help(const Prepared& prepared, const std::string& number) {
  Forward forward;
  forward.name = ForwardName::emergency;
  forward.exempt = true;
  add_gateways(prepared, forward, number);
  add_centre(prepared, forward, kMaxTries);
  if (forward.targets.empty()) return reply(prepared, ReplyName::dial_plan_rejected);
  if (forward.targets.size() > 1) forward.answer_wait_ms = prepared.state.config.call_budget_ms;
  return finished(prepared, std::move(forward), {});
}

// The centre names a phone by its contact (Path), by the Contact that we wrote, or by its user.
std::vector<const Binding*> named_phones(const Prepared& prepared) {
  const RouteState& state = prepared.state;
  const UriParameter* key = prepared.uri.find(kBindingParameter);
  const Binding* one = key != nullptr ? state.bindings.find_key(state.now_ms, key->value)
                                      : state.bindings.find_contact(state.now_ms, prepared.uri);
  if (one != nullptr) return {one};
  if (is_ours(state.config, prepared.uri) && !prepared.uri.user.empty())
    return state.bindings.find_user(state.now_ms, user_key(prepared.uri));
  return {};
}

Decision from_the_centre(const Prepared& prepared) {
  const RouteState& state = prepared.state;
  Forward forward;
  forward.name = ForwardName::to_phone;
  add_phones(forward, named_phones(prepared));
  const LinkId full = full_link(prepared, kNoLink);
  if (!forward.targets.empty())
    return full != kNoLink ? no_bandwidth(prepared, full)
                           : finished(prepared, std::move(forward), {});

  forward.name = ForwardName::to_gateway;
  const bool for_help = state.dial_plan.emergency(prepared.uri).has_value();
  forward.exempt = for_help;
  for (size_t i = 0; i < state.config.gateways.size(); ++i) {
    const Gateway& gateway = state.config.gateways[i];
    if (IpAddress::parse(prepared.uri.host) == gateway.address.ip) {
      const LinkId there = for_help ? kNoLink : full_link(prepared, static_cast<LinkId>(i + 1));
      if (there != kNoLink) return no_bandwidth(prepared, there);
      Target target;
      target.hop = hop_to(gateway);
      target.request_uri = prepared.uri;
      target.route = prepared.route;
      forward.targets.push_back(std::move(target));
      return finished(prepared, std::move(forward), {});
    }
  }
  if (is_ours(state.config, prepared.uri)) {
    const Dialled dialled = dial(prepared);
    if (dialled.kind == DialKind::gateway || dialled.kind == DialKind::emergency) {
      const LinkId there = add_gateways(prepared, forward, dialled.number);
      if (there != kNoLink) return no_bandwidth(prepared, there);
    }
  } else if (prepared.came_by_our_route) {
    // By our Path to a contact that we have not kept: the centre knows what it does.
    Target target;
    target.request_uri = prepared.uri;
    target.route = prepared.route;
    const auto hop =
        resolve(state, target.route.empty() ? target.request_uri : target.route.front().uri);
    if (!hop) return reply(prepared, ReplyName::next_hop_unresolved);
    const LinkId there = full_link(
        prepared, link_of(state.config, state.upstreams, hop->address.ip, hop->interface));
    if (there != kNoLink) return no_bandwidth(prepared, there);
    target.hop = *hop;
    forward.name = ForwardName::to_phone;
    forward.targets.push_back(std::move(target));
  }
  if (forward.targets.empty()) return reply(prepared, ReplyName::no_such_user);
  return finished(prepared, std::move(forward), {});
}

}  // namespace

Decision route_initial(const Prepared& prepared) {
  const Request& request = prepared.request;
  const RouteState& state = prepared.state;
  if (request.method == Method::ack) return reply(prepared, ReplyName::no_dialog);
  const bool is_call = request.method == Method::invite || request.method == Method::cancel;
  if (is_call && prepared.peer == Peer::phone)
    if (const auto number = state.dial_plan.emergency(prepared.uri))
      return for_help(prepared, *number);
  if (request.method != Method::cancel) {
    if (state.overloaded) return reply_later(prepared, ReplyName::overloaded);
    if (state.draining && request.method == Method::invite)
      return reply_later(prepared, ReplyName::draining);
  }
  return prepared.peer == Peer::centre ? from_the_centre(prepared) : from_the_branch(prepared);
}

}  // namespace holdfast::sip
