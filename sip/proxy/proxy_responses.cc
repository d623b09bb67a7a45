// SPDX-License-Identifier: Apache-2.0
// Responses: to their branch, or statelessly on if the branch is from before a restart.
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
  ask.reliable = view.is_reliable;
  ask.from = origin;
  ask.to = {back->address, back->transport, back->interface};
  ask.body = message.body();
  if (!ask.body.empty()) ask.content_type = message.value(Header::content_type);
  media->message(ask, [this, send, out, id = view.call_id,
                       alive = std::weak_ptr<bool>(alive_)](const MediaVerdict& verdict) {
    if (alive.expired()) return;
    if (verdict.kind == MediaVerdict::Kind::refuse) {
      count("media_" + verdict.reason);
      log(LogLevel::warning, "call " + id + ": an answer to a request from before we started " +
                                 "goes on without its SDP: " + verdict.reason);
      out->set_body({});
    }
    if (verdict.kind == MediaVerdict::Kind::replace) out->set_body(verdict.body);
    send();
  });
}

}  // namespace holdfast::sip
