// SPDX-License-Identifier: Apache-2.0
// Requests: from bytes to a decision, and the decision carried out.
#include <algorithm>
#include <cstring>
#include <utility>

#include "sip/proxy/proxy_core.hh"
#include "sip/proxy/proxy_owned.hh"
#include "sip/route.hh"

namespace holdfast::sip {
namespace {

constexpr std::string_view kCookie = "z9hG4bK";  // RFC 3261 section 8.1.1.7
// Phones that were told to come back do so over this much time.
constexpr uint32_t kRetryAfterS = 30;
// Contexts looked at for one that only absorbs what comes late, before a request is refused.
constexpr size_t kRoomSearch = 64;

bool makes_calls(Method method) {
  switch (method) {
    case Method::invite:
    case Method::ack:
    case Method::bye:
    case Method::prack:
    case Method::update:
      return true;
    default:
      return false;
  }
}

bool is_initial_invite(const Request& view) {
  return view.method == Method::invite && view.to.tag.empty();
}

}  // namespace

void Proxy::Core::received(const Origin& origin, std::string_view bytes) {
  count("messages_in");
  auto message = Message::parse(bytes, config_.limits.max_message_bytes);
  if (!message) return drop(name_of(message.error()));
  if (!message->is_request()) return on_response(*message, origin);
  on_request(std::make_shared<Message>(std::move(message).value()), origin);
}

void Proxy::Core::rejected(const Origin&, MessageReject reject) {
  drop(name_of(reject));
}

// 400 when the sender can be told, which takes a Via that can be read.
void Proxy::Core::refuse(const Message& message, const Origin& origin, MessageReject reject) {
  drop(name_of(reject));
  const auto vias = message.entries(Header::via);
  const auto via = vias.empty() ? std::nullopt : parse_via(vias.front());
  if (!via || message.method() == Method::ack) return;
  Message stamped = message;
  stamp_via(stamped, origin);
  const Message reply = make_reply(stamped, 400, "Bad Request", random_hex(), config_.server_name);
  endpoints_.send(reply_hop(*via, origin), reply.serialise());
}

void Proxy::Core::on_request(const std::shared_ptr<Message>& message, const Origin& origin) {
  auto view = view_request(*message, origin);
  if (!view) return refuse(*message, origin, view.error());
  Incoming in;
  in.message = message;
  in.view = std::move(view).value();
  in.via = *parse_via(message->entries(Header::via).front());
  in.key = server_key(in, in.view.method == Method::ack ? "INVITE" : in.view.method_name);
  if (absorb(in)) return;
  stamp_via(*message, origin);
  in.call = place_of(in.view);
  decide(in);
}

// RFC 3261 section 17.2.3. What has no cookie is told apart by all that names a request.
std::string Proxy::Core::server_key(const Incoming& in, std::string_view method) const {
  const Request& view = in.view;
  std::string key = view.origin.address.ip.to_string();
  key.append("\n").append(method).append("\n");
  if (in.via.field.branch.starts_with(kCookie))
    return key.append(in.via.field.branch)
        .append("\n")
        .append(fold(in.via.field.host))
        .append("\n")
        .append(std::to_string(in.via.field.port));
  return key.append(in.message->entries(Header::via).front())
      .append("\n")
      .append(view.call_id)
      .append("\n")
      .append(std::to_string(view.cseq))
      .append("\n")
      .append(view.from.tag);
}

// Whether a server transaction of ours has dealt with it.
bool Proxy::Core::absorb(const Incoming& in) {
  const auto found = servers_.find(in.key);
  if (found == servers_.end()) return false;
  Server& server = found->second;
  if (in.view.method == Method::ack) {
    const bool ours =
        server.context != nullptr ? server.context->ack() : server.reply->transaction.ack();
    if (ours) ++counter(decisions_, counter_of(Drop{DropName::ack_absorbed, std::nullopt}));
    return ours;
  }
  count("request_again");
  if (server.context != nullptr)
    server.context->retransmission();
  else
    server.reply->transaction.retransmission();
  return true;
}

std::optional<OpenedToken> Proxy::Core::open_ours(const Request& view, const Uri& uri) const {
  const UriParameter* token = uri.find(kTokenParameter);
  if (token == nullptr || !is_ours(config_.route, uri)) return std::nullopt;
  const auto opened =
      open_token(token->value, config_.route.keys, view.call_id, view.from.tag, view.to.tag);
  return opened ? std::optional(*opened) : std::nullopt;
}

// By our token if it came back, else by what we remember.
CallPlace Proxy::Core::place_of(const Request& view) const {
  CallPlace place;
  place.in_dialog = !view.to.tag.empty();
  if (!place.in_dialog) return place;
  const auto open = [&](const Uri& uri) {
    const UriParameter* token = uri.find(kTokenParameter);
    if (token == nullptr || !is_ours(config_.route, uri)) return false;
    const auto opened =
        open_token(token->value, config_.route.keys, view.call_id, view.from.tag, view.to.tag);
    if (!opened) return false;
    place.call_key = opened->token.call_key;
    place.emergency = opened->token.emergency;
    place.token = token->value;
    place.sender =
        opened->sender == sip::Sender::caller ? media::Side::caller : media::Side::callee;
    return true;
  };
  bool known = open(view.uri);
  for (size_t i = 0; !known && i < view.route.size(); ++i) {
    if (!is_ours(config_.route, view.route[i].uri)) break;
    known = open(view.route[i].uri);
  }
  if (!known) {
    place.call_key = calls_.find(view.call_id, view.from.tag, view.to.tag);
    if (place.call_key != 0 && calls_.caller_tag(place.call_key) != view.from.tag)
      place.sender = media::Side::callee;
    const CallToken token = calls_.token(place.call_key);
    if (token.call_key != 0)
      place.token =
          seal_token(token, config_.route.keys, view.call_id, calls_.caller_tag(place.call_key))
              .value_or(std::string());
  }
  // Dialogs of SUBSCRIBE and REFER carry tokens too, and are no calls.
  if (!makes_calls(view.method) && !calls_.knows(place.call_key)) place.call_key = 0;
  return place;
}

Peer Proxy::Core::peer_at(const Origin& origin) const {
  RouteState state{config_.route,
                   bindings_,
                   config_.dial_plan,
                   0,
                   health_.state(),
                   {},
                   {},
                   {},
                   false,
                   false,
                   false,
                   30,
                   0,
                   0,
                   false,
                   {}};
  state.upstreams = upstreams_;
  return peer_of(state, origin);
}

RouteState Proxy::Core::state_of(const Incoming& in, bool matches) const {
  const uint64_t now = loop.now_ms();
  RouteState state{config_.route,
                   bindings_,
                   config_.dial_plan,
                   now,
                   health_.state(),
                   {},
                   {},
                   {},
                   false,
                   false,
                   false,
                   30,
                   0,
                   0,
                   matches,
                   {}};
  state.upstreams = upstreams_;
  state.candidates = health_.candidates(now);
  state.hand_back_since_ms = health_.hand_back_since_ms();
  state.hand_back_ready = health_.hand_back_ready(now);
  state.overloaded = endpoints_.is_behind() || transactions() >= config_.limits.max_transactions ||
                     (is_initial_invite(in.view) && in.new_call_key == 0 && calls_.is_full());
  state.draining = draining_;
  state.random = static_cast<uint32_t>(random());
  state.retry_after_s = kRetryAfterS + state.random % kRetryAfterS;
  state.call_key = in.new_call_key;
  state.names = names_;
  state.admission = &book_;
  return state;
}

// A function of the request, as its branches are: an INVITE that comes again after a restart of
// ours finds the media that its first time has set up.
uint64_t Proxy::Core::new_call_key(const Request& request, Peer peer) const {
  const auto digest = keyed_digest(
      config_.route.branch_key,
      {"call", request.call_id, request.from.tag, name_of(peer), request.origin.interface});
  uint64_t key = 0;
  if (digest) std::memcpy(&key, digest->data(), sizeof key);
  return key == 0 || calls_.knows(key) || calls_.is_over(key) ? random() : key;
}

void Proxy::Core::decide(Incoming& in) {
  // Calls for help and requests in dialogs go on beyond the bound, but not for ever.
  if (transactions() >= 2 * config_.limits.max_transactions && !make_room())
    return drop("transactions_full");
  if (transactions() >= config_.limits.max_transactions && !make_room()) count("transactions_full");
  ResponseContext* cancels = nullptr;
  if (in.view.method == Method::cancel) {
    const auto invite = servers_.find(server_key(in, "INVITE"));
    if (invite != servers_.end()) cancels = invite->second.context.get();
    if (invite != servers_.end() && cancels == nullptr) {
      // Of a request that we have answered ourselves: nothing is left to cancel.
      ++counter(decisions_, "reply_cancel_answered");
      return send_reply(in, 200,
                        make_reply(*in.message, 200, "OK", to_tag(in), config_.server_name));
    }
  }
  const Peer peer = peer_at(in.view.origin);
  if (is_initial_invite(in.view)) in.new_call_key = calls_.key_of_retry(in.view, peer);
  if (makes_calls(in.view.method)) refresh_rules();
  if (is_initial_invite(in.view))
    in.view.media =
        read_media_ask(in.message->value(Header::content_type), in.message->body(), rules_);
  RouteState state = state_of(in, cancels != nullptr);
  if (state.call_key == 0) state.call_key = new_call_key(in.view, peer);
  in.new_call_key = state.call_key;
  Decision decision = route(in.view, state);
  const std::string name = counter_of(decision);
  ++counter(decisions_, name);
  if (makes_calls(in.view.method) && in.call.in_dialog && !std::holds_alternative<Reply>(decision))
    calls_.seen(in.call.call_key, in.view, peer, in.call.sender == media::Side::caller);

  if (auto* forwarded = std::get_if<Forward>(&decision)) {
    if (is_initial_invite(in.view)) {
      in.call.call_key = state.call_key;
      in.call.emergency = forwarded->exempt;
      calls_.attempt(began_of(in, name, forwarded->name == ForwardName::emergency), in.view);
      // Beyond the bound of calls nobody would tell of its end.
      if (calls_.knows(state.call_key)) admission_.begin(state.call_key, *forwarded);
    } else if (in.call.in_dialog && calls_.knows(in.call.call_key)) {
      hold_as_seen(in, *forwarded);
    }
    return forwarded->stateless ? forward_stateless(in, std::move(*forwarded))
                                : forward(in, std::move(*forwarded));
  }
  if (const auto* reply = std::get_if<Reply>(&decision)) {
    // A stranger's attempts are noise, not calls of the branch.
    const bool full = reply->name == ReplyName::no_bandwidth;
    book_.count(reply->full_link, AdmissionBook::Count::refused);
    if (is_initial_invite(in.view) && peer != Peer::stranger)
      calls_.refused(
          began_of(in, name, false), in.view, reply->code,
          full ? CallEnd::no_bandwidth : CallEnd::refused_by_us,
          full ? book_.links()[reply->full_link].name : std::string(name_of(reply->name)));
    answer(in, *reply);
    if (cancels != nullptr) cancels->cancel(in.message->value(Header::reason));
  }
}

// A call from before a restart that the dataplane has not listed: by who sends, and where to.
void Proxy::Core::hold_as_seen(const Incoming& in, const Forward& forward) {
  const uint64_t key = in.call.call_key;
  if (book_.find(key) != nullptr || calls_.is_over(key) || forward.targets.empty()) return;
  const Origin& from = in.view.origin;
  const NextHop& to = forward.targets.front().hop;
  CallUse use;
  use.links = {link_of(config_.route, upstreams_, from.address.ip, from.interface),
               link_of(config_.route, upstreams_, to.address.ip, to.interface)};
  if (in.call.sender == media::Side::callee) std::swap(use.links[0], use.links[1]);
  admission_.adopt(key, use);
}

std::vector<IpAddress> Proxy::Core::phones_now() const {
  std::vector<IpAddress> phones;
  for (const Binding* binding : bindings_.list(loop.now_ms()))
    phones.push_back(binding->source.address.ip);
  return phones;
}

// Media that is not anchored goes from phone to phone, or to the gateway, by their own addresses.
void Proxy::Core::refresh_rules() {
  if (rules_version_ == bindings_version_) return;
  rules_version_ = bindings_version_;
  rules_.addresses = phones_now();
  for (const Gateway& gateway : config_.route.gateways)
    rules_.addresses.push_back(gateway.address.ip);
  const std::vector<IpAddress>& ours = config_.route.media.addresses;
  rules_.addresses.insert(rules_.addresses.end(), ours.begin(), ours.end());
}

void Proxy::Core::adopt_calls(const std::vector<LiveCall>& listed) {
  const std::vector<IpAddress> phones = phones_now();
  std::unordered_set<uint64_t> there;
  for (const LiveCall& call : listed) {
    if (calls_.is_over(call.call_key)) continue;
    there.insert(call.call_key);
    if (book_.find(call.call_key) == nullptr || admission_.is_adopted(call.call_key))
      admission_.adopt(call.call_key, use_of_listed(call, config_.route, upstreams_, phones));
  }
  admission_.retain_adopted([&](uint64_t key) { return there.contains(key) || calls_.knows(key); });
}

CallBegan Proxy::Core::began_of(const Incoming& in, const std::string& decision,
                                bool emergency) const {
  CallBegan call;
  call.call_key = in.new_call_key;
  call.call_id = in.view.call_id;
  call.from = in.view.from.uri.to_string();
  call.to = in.view.to.uri.to_string();
  call.dialled = in.view.uri.to_string();
  call.caller = peer_at(in.view.origin);
  call.origin = in.view.origin;
  call.decision = decision;
  call.survival = decision.starts_with("local_");
  call.emergency = emergency;
  call.user_agent = in.message->value(Header::user_agent);
  return call;
}

void Proxy::Core::forward(Incoming& in, Forward forward) {
  if (forward.takes_hand_back) health_.take_hand_back(loop.now_ms());
  const size_t kept = forward.targets.front().route.size();
  for (size_t i = 0; in.view.method == Method::bye && i + kept < in.view.route.size(); ++i) {
    const auto token = open_ours(in.view, in.view.route[i].uri);
    if (token && token->token.call_key != in.call.call_key &&
        std::none_of(in.call.left_out.begin(), in.call.left_out.end(), [&](const auto& known) {
          return known.token.call_key == token->token.call_key;
        }))
      in.call.left_out.push_back(*token);
  }
  const uint64_t id = ++last_id_;
  const NextHop back = reply_hop(in.via, in.view.origin);
  const std::string tag = to_tag(in);
  auto context = std::make_shared<ResponseContext>(
      *this, ResponseContext::Start{id, in.message, std::move(in.view), std::move(forward), in.call,
                                    tag, back});
  servers_.insert_or_assign(in.key, Server{context, nullptr});
  server_keys_.emplace(id, in.key);
  ages_.push_back(id);
  context->begin();
}

// ACK of a 2xx, and CANCEL of an INVITE from before a restart: RFC 3261 section 16.11.
void Proxy::Core::forward_stateless(Incoming& in, Forward forward) {
  if (forward.targets.empty()) return;
  const Target& target = forward.targets.front();
  NextHop hop = hop_now(target);
  const Listener* listener = endpoints_.listener_towards(hop);
  if (listener == nullptr) return count("no_socket_for_hop");
  hop.interface = listener->interface;
  auto copy =
      std::make_shared<Message>(make_copy(*in.message, in.view, forward, target, *listener));
  const auto send = [this, hop, copy] {
    if (!endpoints_.send(hop, copy->serialise())) count("stateless_send_failed");
  };
  if (media == nullptr || in.call.call_key == 0 || in.view.method != Method::ack) return send();
  MediaMessage ask;
  ask.call_key = in.call.call_key;
  ask.emergency = in.call.emergency;
  ask.sender = in.call.sender;
  const bool by_caller = in.call.sender == media::Side::caller;
  ask.caller_tag = by_caller ? in.view.from.tag : in.view.to.tag;
  ask.callee_tag = by_caller ? in.view.to.tag : in.view.from.tag;
  ask.method = in.view.method;
  ask.from = in.view.origin;
  ask.to = {hop.address, hop.transport, hop.interface};
  ask.body = copy->body();
  if (!ask.body.empty()) ask.content_type = copy->value(Header::content_type);
  media->message(
      ask, [this, send, copy, alive = std::weak_ptr<bool>(alive_)](const MediaVerdict& verdict) {
        if (alive.expired()) return;
        // An ACK cannot be refused: without it the callee would ring off. Its body can.
        if (verdict.kind == MediaVerdict::Kind::refuse) count("media_" + verdict.reason);
        if (verdict.kind == MediaVerdict::Kind::refuse) copy->set_body({});
        if (verdict.kind == MediaVerdict::Kind::replace) copy->set_body(verdict.body);
        send();
      });
}

void Proxy::Core::answer(const Incoming& in, const Reply& reply) {
  Message message =
      make_reply(*in.message, reply.code, phrase_of(reply.name), to_tag(in), config_.server_name);
  if (reply.name == ReplyName::no_bandwidth) add_no_bandwidth(message);
  if (reply.name == ReplyName::sips_not_allowed) add_sips_not_allowed(message);
  if (reply.retry_after_s) message.set(Header::retry_after, std::to_string(*reply.retry_after_s));
  for (const std::string& tag : reply.unsupported) message.push_back(Header::unsupported, tag);
  if (reply.refresh) {
    bindings_.apply(loop.now_ms(), *reply.refresh);
    bindings_changed();
    add_contacts(message, reply.refresh->answer);
  }
  send_reply(in, reply.code, message);
}

void Proxy::Core::send_reply(const Incoming& in, int status, const Message& reply) {
  const NextHop back = reply_hop(in.via, in.view.origin);
  // OPTIONS says the same each time; while full, so does everything.
  if (in.view.method == Method::options || transactions() >= config_.limits.max_transactions) {
    endpoints_.send(back, reply.serialise());
    return;
  }
  const auto kind = in.view.method == Method::invite ? ServerTransaction::Kind::invite
                                                     : ServerTransaction::Kind::other;
  const auto own = std::make_shared<OwnReply>(
      loop, config_.timers, kind, back, endpoints_, [this, key = in.key] {
        loop.after(0, [this, key, alive = std::weak_ptr<bool>(alive_)] {
          if (!alive.expired()) servers_.erase(key);
        });
      });
  servers_.insert_or_assign(in.key, Server{nullptr, own});
  own->transaction.respond(status, reply.serialise());
}

// The same for every answer to one request, after a restart too.
std::string Proxy::Core::to_tag(const Incoming& in) const {
  const auto digest = keyed_digest(
      config_.route.branch_key,
      {"to tag", in.via.field.branch, in.view.call_id, in.view.from.tag, in.view.uri.to_string()});
  return digest ? to_hex(std::span(*digest).first(8)) : random_hex();
}

// Absorbing what comes late is the first thing to give up, the oldest first.
bool Proxy::Core::make_room() {
  for (size_t i = 0; i < kRoomSearch && !ages_.empty(); ++i) {
    const uint64_t id = ages_.front();
    ages_.pop_front();
    const auto key = server_keys_.find(id);
    if (key == server_keys_.end()) continue;
    const auto server = servers_.find(key->second);
    if (server == servers_.end() || server->second.context == nullptr) continue;
    if (!server->second.context->is_lingering()) {
      ages_.push_back(id);
      continue;
    }
    servers_.erase(server);  // requests come in no context's call, so nobody is inside it
    server_keys_.erase(key);
    count("transaction_cut_short");
    return true;
  }
  return false;
}

}  // namespace holdfast::sip
