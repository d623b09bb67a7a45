// SPDX-License-Identifier: Apache-2.0
// Responses: to their branch, or statelessly on if the branch is from before a restart.
#include <cstdio>
#include <utility>

#include "sip/branch.hh"
#include "sip/proxy/proxy_core.hh"
#include "sip/proxy/proxy_owned.hh"

namespace holdfast::sip {

void Proxy::Core::on_response(const Message& message, const Origin& origin) {
  const auto view = view_response(message);
  if (!view) return drop(name_of(view.error()));
  const auto found = pending_.find(view->via.front().field.branch + ' ' + view->cseq.method);
  if (found != pending_.end()) {
    heard_of(found->first, found->second.peer);
    const auto answered = found->second.answered;  // which may forget itself
    return answered({message, *view, origin});
  }
  pass_statelessly(message, *view, origin);
}

// Nobody but us can make a branch that fits the Via below it.
bool Proxy::Core::is_our_branch(const ResponseView& view) const {
  const std::string& branch = view.via.front().field.branch;
  constexpr size_t kHashDigits = 16;
  if (branch.size() < kHashDigits) return false;
  const std::string hash = branch.substr(branch.size() - kHashDigits);
  Request below;
  below.via.push_back(view.via[1].field);
  for (size_t i = 0; i < 2 * kMaxTargets; ++i)  // second tries too
    if (make_branch(below, i, hash, config_.route.branch_key) == branch) return true;
  return false;
}

// Of a request in a dialog our Via tells the call; of one that makes a dialog our Record-Route.
std::optional<Proxy::Core::AnswerPlace> Proxy::Core::place_of(const ResponseView& view) const {
  const auto open = [&](const std::string& text) {
    return open_token(text, config_.route.keys, view.call_id, view.from.tag, view.to.tag);
  };
  if (const auto opened = open(view.via.front().token)) return AnswerPlace{*opened, true};
  std::optional<AnswerPlace> found;
  for (const NameAddress& hop : view.record_route) {
    const UriParameter* text = hop.uri.find(kTokenParameter);
    if (text == nullptr || !is_ours(config_.route, hop.uri)) continue;
    if (const auto opened = open(text->value)) found = AnswerPlace{*opened, false};
  }
  return found;
}

// RFC 3261 section 16.7: what matches no branch of ours passes as by a stateless proxy.
void Proxy::Core::pass_statelessly(const Message& message, const ResponseView& view,
                                   const Origin& origin) {
  if (view.via.size() < 2) return drop("response_to_us");
  if (!is_our_branch(view)) return drop("response_not_ours");
  auto back = reply_hop(view.via[1]);
  const Listener* listener = back ? endpoints_.listener_towards(*back) : nullptr;
  if (listener == nullptr || message.status() == 100) return drop("response_leads_nowhere");
  back->interface = listener->interface;
  if (back->transport != Transport::udp &&
      !endpoints_.is_connected(back->address, back->transport, back->interface)) {
    const uint16_t port = view.via[1].field.port;
    back->address.port = port != 0 ? port : default_port(back->transport);
    back->tls_name = tls_name_at(back->address.ip);
  }
  count("response_stateless");

  auto out = std::make_shared<Message>(message);
  out->pop_entry(Header::via);
  const auto send = [this, out, hop = *back] { endpoints_.send(hop, out->serialise()); };
  const auto place = place_of(view);
  const Method method = method_of(view.cseq.method);
  const bool may_carry_sdp =
      method == Method::invite || method == Method::update || method == Method::prack;
  if (!place || !may_carry_sdp) return send();
  const CallToken& call = place->opened.token;
  const bool by_caller = place->opened.sender == sip::Sender::caller;  // the request
  if (message.status() >= 200 && message.status() < 300) {
    Request request;  // as far as the call is concerned
    request.call_id = view.call_id;
    request.from = view.from;
    request.to = view.to;
    request.origin = {back->address, back->transport, back->interface};
    calls_.seen(call.call_key, request, call.caller, by_caller);
  }
  if (media == nullptr) return send();
  MediaMessage ask;
  ask.call_key = call.call_key;
  ask.emergency = call.emergency;
  ask.sender = by_caller ? media::Side::callee : media::Side::caller;
  ask.caller_tag = by_caller ? view.from.tag : view.to.tag;
  ask.callee_tag = by_caller ? view.to.tag : view.from.tag;
  if (!place->in_dialog) ask.branch = view.via.front().field.branch;
  ask.method = method;
  ask.status = message.status();
  ask.from_before = true;
  ask.reliable = view.is_reliable;
  ask.from = origin;
  ask.to = {back->address, back->transport, back->interface};
  ask.body = message.body();
  if (!ask.body.empty()) ask.content_type = message.value(Header::content_type);
  const auto send_refused = [this, out, view, origin, ask, send](const std::string& reason) {
    count("media_" + reason);
    char key[24];
    std::snprintf(key, sizeof key, "%016llx", static_cast<unsigned long long>(ask.call_key));
    const bool asks_again = ask.branch.empty() && ask.status >= 200;
    log(LogLevel::warning, "call " + std::string(key) +
                               ": an answer to an offer from before we started: " + reason +
                               (asks_again ? ", 491 to who offered" : ", goes on without its SDP"));
    out->set_body({});
    if (!asks_again) return send();
    if (ask.method == Method::invite) acknowledge(*out, view, origin);
    *out = make_reply(*out, 491, "Request Pending", {}, config_.server_name);
    send();
  };
  media->message(ask, [this, send, send_refused, out,
                       alive = std::weak_ptr<bool>(alive_)](const MediaVerdict& verdict) {
    if (alive.expired()) return;
    if (verdict.kind == MediaVerdict::Kind::later) return drop("answer_put_off");
    if (verdict.kind == MediaVerdict::Kind::refuse) return send_refused(verdict.reason);
    if (verdict.kind == MediaVerdict::Kind::replace) out->set_body(verdict.body);
    send();
  });
}

// A 2xx that we do not pass on, so that whoever gave it gives it no more.
void Proxy::Core::acknowledge(const Message& answer, const ResponseView& view,
                              const Origin& origin) {
  auto ack = make_in_dialog("ACK", answer, answer, view, config_.route);
  if (!ack) return count("late_2xx_without_contact");
  send_alone(std::move(ack->message), {origin.address, origin.transport, origin.interface, {}});
}

}  // namespace holdfast::sip
