// SPDX-License-Identifier: Apache-2.0
// REGISTER: to the centre with a way back through us, or answered by us while the centre is away.
#include <algorithm>
#include <utility>

#include "sip/route.hh"
#include "sip/route_steps.hh"

namespace holdfast::sip {
namespace {

ReplyName reply_of(BindingReject reject) {
  switch (reject) {
    case BindingReject::wrong_source:
      return ReplyName::wrong_source_refused;
    case BindingReject::old_cseq:
      return ReplyName::register_old_cseq;
    case BindingReject::bad_wildcard:
    case BindingReject::bad_contact:
      return ReplyName::register_bad_request;
    case BindingReject::text_too_long:
      return ReplyName::register_too_large;
    default:
      return ReplyName::unknown_in_survival;
  }
}

Decision answer_locally(const Prepared& prepared, ReplyName if_unknown) {
  const RouteState& state = prepared.state;
  auto plan = state.bindings.plan_refresh(state.now_ms, prepared.request, state.random);
  if (!plan) {
    const ReplyName name = reply_of(plan.error());
    if (name == ReplyName::unknown_in_survival) return reply_later(prepared, if_unknown);
    return reply(prepared, name);
  }
  Reply answer;
  answer.name = ReplyName::register_refreshed;
  answer.code = code_of(answer.name);
  answer.refresh = std::move(plan).value();
  return answer;
}

void lead_back_through_us(const Prepared& prepared, Target& target) {
  const Listener* socket = listener_for(prepared.state.config, target.hop.interface,
                                        target.hop.transport, target.hop.address.ip);
  if (socket == nullptr) return;
  if (prepared.state.config.register_mode == RegisterMode::path) {
    target.path = uri_of(*socket, target.request_uri.scheme);
    target.path->set("lr", "");
    return;
  }
  for (ContactField contact : prepared.request.contacts) {
    Binding binding;
    binding.aor = prepared.request.to.uri;
    binding.contact = contact.uri;
    Uri ours = uri_of(*socket, contact.uri.scheme);
    ours.user = contact.uri.user;
    ours.set(kBindingParameter, binding.key());
    contact.uri = std::move(ours);
    target.contacts.push_back(std::move(contact));
  }
}

Decision to_centre(const Prepared& prepared, bool takes_hand_back) {
  const RouteState& state = prepared.state;
  Forward forward;
  forward.name = ForwardName::register_to_centre;
  forward.takes_hand_back = takes_hand_back;
  for (const Upstream& upstream : state.candidates) {
    if (forward.targets.size() == kMaxTargets) break;
    Target target;
    target.hop = hop_to(state, upstream);
    target.request_uri = uri_for_centre(prepared);
    target.route = prepared.route;
    target.group = static_cast<uint8_t>(forward.targets.size());
    lead_back_through_us(prepared, target);
    forward.targets.push_back(std::move(target));
  }
  auto plan = state.bindings.plan_refresh(state.now_ms, prepared.request, state.random);
  if (plan) forward.fallback_refresh = std::move(plan).value();
  if (forward.targets.empty()) return reply_later(prepared, ReplyName::no_upstream_known);
  if (forward.targets.size() > 1 || forward.fallback_refresh)
    forward.answer_wait_ms =
        state.config.call_budget_ms / static_cast<uint32_t>(forward.targets.size());
  if (const auto bad = finish(prepared, forward, {})) return reply(prepared, *bad);
  return forward;
}

}  // namespace

Decision route_register(const Prepared& prepared) {
  const RouteState& state = prepared.state;
  if (prepared.peer == Peer::centre) return reply(prepared, ReplyName::register_from_inside);
  if (state.overloaded) return reply_later(prepared, ReplyName::overloaded);
  switch (state.health) {
    case HealthState::online:
    case HealthState::suspect:
      return to_centre(prepared, false);
    case HealthState::survival:
      return answer_locally(prepared, ReplyName::unknown_in_survival);
    case HealthState::recovering:
      break;
  }
  if (state.hand_back_ready) return to_centre(prepared, true);
  return answer_locally(prepared, ReplyName::hand_back_wait);
}

void restore_contacts(const Request& request, const Target& target, Response& response) {
  const size_t rewritten = std::min(target.contacts.size(), request.contacts.size());
  for (ContactField& contact : response.contacts) {
    const UriParameter* key = contact.uri.find(kBindingParameter);
    for (size_t i = 0; key != nullptr && i < rewritten; ++i) {
      if (!equal_fold(target.contacts[i].uri.find(kBindingParameter)->value, key->value)) continue;
      contact.uri = request.contacts[i].uri;
      break;
    }
  }
}

}  // namespace holdfast::sip
