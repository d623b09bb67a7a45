// SPDX-License-Identifier: Apache-2.0
// Groups and branches: what is sent where, when it is given up, and what comes next.
#include "sip/proxy/response_context.hh"

#include <algorithm>
#include <utility>

#include "sip/proxy/response_branch.hh"

namespace holdfast::sip {
namespace {

// Silence that makes a server suspect (UpstreamMember's evidence response_overdue).
constexpr uint32_t kOverdueMs = 1000;
// One phone of a group is busy, another has been unplugged: the caller need not wait timer B for
// it.
constexpr uint32_t kStragglersMs = 4000;
// A BYE that nobody answers ends the call all the same; later packets would only be strays.
constexpr uint32_t kByeMs = 2000;
constexpr uint32_t kTryingMs = 200;  // RFC 3261 section 17.2.1

ServerTransaction::Kind server_kind(Method method) {
  return method == Method::invite ? ServerTransaction::Kind::invite
                                  : ServerTransaction::Kind::other;
}

// Of a second try: what says no more than the failure of the first. Who challenges, or takes it for
// a request that came twice (RFC 3261 section 8.2.2.2), would have the caller believe that of the
// first.
bool is_no_news(int status, bool answered) {
  if (!answered) return true;
  switch (status) {
    case 401:
    case 407:
    case 415:
    case 482:
    case 488:
    case 606:
      return true;
    default:
      return false;
  }
}

}  // namespace

ResponseContext::ResponseContext(Wire& wire, Start start)
    : wire_(wire),
      start_(std::move(start)),
      server_(wire.loop, wire.config.timers, server_kind(start_.view.method),
              start_.view.origin.transport != Transport::udp,
              {[this](const std::string& bytes) {
                 NextHop hop = start_.reply_to;
                 // The connection it came by has gone: section 18.2.2 has us open one to sent-by.
                 if (hop.transport != Transport::udp &&
                     !wire_.endpoints.is_connected(hop.address, hop.transport, hop.interface)) {
                   const uint16_t port = start_.view.via.front().port;
                   hop.address.port = port != 0 ? port : default_port(hop.transport);
                   hop.tls_name = wire_.tls_name_at(hop.address.ip);
                 }
                 wire_.endpoints.send(hop, bytes);
               },
               [this] { maybe_done(); }}),
      stragglers_(wire.loop),
      wait_(wire.loop),
      bye_(wire.loop),
      trying_(wire.loop) {}

ResponseContext::~ResponseContext() {
  drop();
}

void ResponseContext::drop() {
  for (const auto& branch : branches_) {
    const std::string& key = start_.forward.targets[branch->target].branch;
    if (branch->transaction != nullptr) wire_.forget(key, start_.view.method_name);
    if (branch->cancel != nullptr) wire_.forget(key, "CANCEL");
  }
  branches_.clear();
}

void ResponseContext::begin() {
  if (is_invite()) trying_.start(kTryingMs, [this] { say_trying(); });
  if (start_.view.method == Method::bye)
    bye_.start(kByeMs, [this] {
      dialog_over(start_.call.sender == media::Side::caller ? CallEnd::caller_hung_up
                                                            : CallEnd::callee_hung_up);
    });
  begin_group(start_.forward.targets.front().group);
}

bool ResponseContext::leads_to_centre_only(uint8_t group) const {
  return std::all_of(start_.forward.targets.begin(), start_.forward.targets.end(),
                     [&](const Target& target) {
                       return target.group != group || wire_.upstream_at(target.hop).has_value();
                     });
}

// In survival the centre is not asked again while somebody else can be.
std::optional<uint8_t> ResponseContext::next_group() const {
  std::optional<uint8_t> first;
  for (const Target& target : start_.forward.targets) {
    if (target.group <= group_) continue;
    if (!first) first = target.group;
    if (wire_.health.state() != HealthState::survival || !leads_to_centre_only(target.group))
      return target.group;
  }
  return start_.forward.fallback_refresh && wire_.health.state() == HealthState::survival
             ? std::nullopt
             : first;
}

void ResponseContext::begin_group(uint8_t group) {
  group_ = group;
  launching_ = true;
  for (size_t i = 0; i < start_.forward.targets.size(); ++i)
    if (start_.forward.targets[i].group == group) launch(i);
  launching_ = false;
  if (start_.forward.answer_wait_ms > 0 && (next_group() || start_.forward.fallback_refresh))
    wait_.start(start_.forward.answer_wait_ms, [this] { on_group_silent(); });
  check_group();
}

void ResponseContext::launch(size_t index, const Branch* first) {
  const Target& target = start_.forward.targets[index];
  branches_.push_back(std::make_unique<Branch>(wire_.loop));
  Branch& branch = *branches_.back();
  branch.target = index;
  branch.first = first;
  branch.hop = wire_.hop_now(target);
  branch.upstream = wire_.upstream_at(branch.hop);
  branch.gateway = gateway_at(wire_.config.route, branch.hop);
  const Listener* listener = wire_.endpoints.listener_towards(branch.hop);
  if (listener == nullptr) {
    wire_.count("no_socket_for_hop");
    return finish_branch(branch, 503, Outcome::failed, std::nullopt);
  }
  branch.hop.interface = listener->interface;
  const bool asks = passes_filter();
  branch.sent = make_copy(*start_.request, start_.view, start_.forward, target, *listener,
                          asks ? start_.call.token : std::string());
  if (!asks) return send(branch);
  ask_filter(media_message(branch, branch.sent, 0, start_.view.to.tag),
             [this, &branch](const MediaVerdict& verdict) {
               if (branch.outcome != Outcome::none) return;  // given up meanwhile
               if (verdict.kind == MediaVerdict::Kind::refuse) {
                 branch.refusal = verdict.reason;
                 return finish_branch(branch, verdict.status, Outcome::refused, std::nullopt);
               }
               if (verdict.kind == MediaVerdict::Kind::replace) branch.sent.set_body(verdict.body);
               send(branch);
             });
}

void ResponseContext::send(Branch& branch) {
  branch.bytes = branch.sent.serialise();
  branch.sent_ms = wire_.loop.now_ms();
  branch.may_resend =
      branch.gateway != nullptr && branch.hop.transport != Transport::udp &&
      wire_.endpoints.is_connected(branch.hop.address, branch.hop.transport, branch.hop.interface);
  const auto failed = [this, &branch](SendFailure failure) { on_sending_failed(branch, failure); };
  ClientTransaction::Owner owner;
  owner.send_request = [this, &branch] {
    if (wire_.endpoints.send(branch.hop, branch.bytes)) return;
    wire_.loop.after(0, [weak = weak_from_this(), &branch] {
      const auto self = weak.lock();
      if (self != nullptr && !self->branches_.empty())
        self->on_sending_failed(branch, SendFailure::transport_error);
    });
  };
  owner.send_ack = [this, &branch] { wire_.endpoints.send(branch.hop, branch.ack_bytes); };
  owner.timed_out = [this, &branch] { on_timeout(branch); };
  owner.ended = [this] { maybe_done(); };
  branch.transaction = std::make_unique<ClientTransaction>(
      wire_.loop, wire_.config.timers,
      is_invite() ? ClientTransaction::Kind::invite : ClientTransaction::Kind::other,
      branch.hop.transport != Transport::udp, std::move(owner));
  wire_.expect(start_.forward.targets[branch.target].branch, start_.view.method_name,
               {peer_key(branch.hop.address, branch.hop.transport),
                [this, &branch](const Arrived& arrived) { on_response(branch, arrived); }, failed});
  if (branch.upstream || branch.gateway != nullptr)
    branch.overdue.start(kOverdueMs, [this, &branch] { told(branch, Evidence::response_overdue); });
  branch.transaction->start();
  if (is_invite()) say_trying();
}

void ResponseContext::say_trying() {
  trying_.stop();
  if (std::exchange(has_said_trying_, true) || server_.has_final()) return;
  server_.respond(100, make_reply(*start_.request, 100, "Trying", {}, {}).serialise());
}

void ResponseContext::told(const Branch& branch, Evidence evidence) {
  if (branch.gateway != nullptr) return wire_.gateway_told(*branch.gateway, evidence);
  if (!branch.upstream) return;
  wire_.health.observed(wire_.loop.now_ms(), *branch.upstream, evidence, branch.sent_ms);
  wire_.health_told();
}

void ResponseContext::on_sending_failed(Branch& branch, SendFailure failure) {
  if (branch.transaction == nullptr || branch.transaction->has_any_answer() ||
      branch.transaction->is_over())
    return;
  // By a new connection; who has had the request knows it again by its branch.
  if (branch.outcome == Outcome::none && std::exchange(branch.may_resend, false) &&
      wire_.endpoints.send(branch.hop, branch.bytes))
    return wire_.count("sent_by_new_connection");
  branch.overdue.stop();
  branch.transaction->abort();
  told(branch, failure == SendFailure::icmp_unreachable ? Evidence::icmp_unreachable
                                                        : Evidence::transport_error);
  if (branch.outcome != Outcome::none) return;
  if (passes_filter())
    ask_filter(media_message(branch, branch.sent, 503, {}), [](const MediaVerdict&) {});
  finish_branch(branch, 503, Outcome::failed, std::nullopt);
}

// Timer B or F.
void ResponseContext::on_timeout(Branch& branch) {
  branch.overdue.stop();
  told(branch, Evidence::transaction_timeout);
  if (branch.outcome == Outcome::none) give_up(branch, 408, Outcome::silent);
}

// Silence of the whole group: whoever has said nothing is given up for the next.
void ResponseContext::on_group_silent() {
  if (finished_ || answered_ || cancelled_) return;
  for (const auto& branch : branches_)
    if (branch->outcome == Outcome::answered ||
        (branch->outcome == Outcome::none && branch->has_provisional))
      return;
  launching_ = true;
  for (const auto& branch : branches_) give_up(*branch, 408, Outcome::silent);
  launching_ = false;
  check_group();
}

void ResponseContext::on_stragglers() {
  if (finished_ || answered_) return;
  launching_ = true;
  for (const auto& branch : branches_)
    if (!branch->has_provisional) give_up(*branch, 408, Outcome::silent);
  launching_ = false;
  check_group();
}

void ResponseContext::centre_lost() {
  if (finished_ || answered_ || cancelled_) return;
  const bool waits_in_vain =
      std::all_of(branches_.begin(), branches_.end(), [](const auto& branch) {
        return branch->outcome != Outcome::none || (branch->upstream && !branch->rang);
      });
  const auto next = next_group();
  const bool has_other_way =
      start_.forward.fallback_refresh || (next && !leads_to_centre_only(*next));
  if (!waits_in_vain || !has_other_way) return;
  wire_.count("moved_to_survival");
  launching_ = true;
  for (const auto& branch : branches_) give_up(*branch, 408, Outcome::silent);
  launching_ = false;
  check_group();
}

void ResponseContext::cancel(std::string_view reason) {
  if (finished_ || answered_ || cancelled_ || !is_invite()) return;
  cancelled_ = true;
  cancel_reason_ = reason;
  wait_.stop();
  launching_ = true;
  for (const auto& branch : branches_) {
    if (branch->outcome != Outcome::none) continue;
    if (branch->has_provisional)
      cancel_branch(*branch);
    else
      // Section 9.1 forbids a CANCEL before the first answer; the caller need not wait for it.
      give_up(*branch, 487, Outcome::answered);
  }
  launching_ = false;
  check_group();
}

void ResponseContext::cancel_branch(Branch& branch) {
  if (!is_invite() || branch.cancel != nullptr || branch.transaction == nullptr ||
      !branch.transaction->wants_final())
    return;
  if (!branch.has_provisional) {
    branch.cancel_wanted = true;
    return;
  }
  branch.timer_c.stop();
  branch.cancel_bytes = make_cancel(branch.sent, cancel_reason_).serialise();
  branch.cancel = std::make_unique<ClientTransaction>(
      wire_.loop, wire_.config.timers, ClientTransaction::Kind::other,
      branch.hop.transport != Transport::udp,
      ClientTransaction::Owner{
          [this, &branch] { wire_.endpoints.send(branch.hop, branch.cancel_bytes); }, [] {}, [] {},
          [this] { maybe_done(); }});
  wire_.expect(
      start_.forward.targets[branch.target].branch, "CANCEL",
      {peer_key(branch.hop.address, branch.hop.transport),
       [&branch](const Arrived& arrived) { branch.cancel->response(arrived.message.status()); },
       [&branch](SendFailure) { branch.cancel->abort(); }});
  branch.cancel_limit.start(wire_.config.timers.give_up_ms(), [this, &branch] {
    if (branch.outcome == Outcome::none)
      give_up(branch, cancelled_ ? 487 : 408, cancelled_ ? Outcome::answered : Outcome::silent);
    if (branch.transaction->wants_final()) branch.transaction->abort();
  });
  branch.cancel->start();
}

void ResponseContext::give_up(Branch& branch, int status, Outcome outcome) {
  if (branch.outcome != Outcome::none) return;
  branch.given_up = true;
  branch.timer_c.stop();
  if (branch.transaction != nullptr) {
    branch.transaction->stop_retransmitting();
    cancel_branch(branch);
  }
  if (passes_filter())
    ask_filter(media_message(branch, branch.sent, status, {}), [](const MediaVerdict&) {});
  finish_branch(branch, status, outcome, std::nullopt);
}

void ResponseContext::finish_branch(Branch& branch, int status, Outcome outcome,
                                    std::optional<Message> answer) {
  if (branch.outcome != Outcome::none) return;
  if (branch.first != nullptr && is_no_news(status, outcome == Outcome::answered)) {
    outcome = Outcome::answered;
    status = branch.first->status;
    answer = branch.first->answer;
  }
  branch.outcome = outcome;
  branch.status = status;
  branch.answer = std::move(answer);
  branch.timer_c.stop();
  if (status >= 600)
    for (const auto& other : branches_)
      if (other->outcome == Outcome::none) cancel_branch(*other);
  check_group();
}

void ResponseContext::check_group() {
  if (launching_) return;
  if (finished_ || answered_) return maybe_done();
  bool unreachable = true, open = false;
  for (const auto& branch : branches_) {
    open |= branch->outcome == Outcome::none;
    unreachable &= branch->outcome == Outcome::silent || branch->outcome == Outcome::failed ||
                   branch->outcome == Outcome::unavailable || branch->outcome == Outcome::none ||
                   branch->outcome == Outcome::repeated;
  }
  if (open && !unreachable && !stragglers_.is_running())
    stragglers_.start(kStragglersMs, [this] { on_stragglers(); });
  if (open) return;
  stragglers_.stop();
  wait_.stop();
  if (unreachable && !cancelled_) {
    if (const auto next = next_group()) return begin_group(*next);
    if (start_.forward.fallback_refresh) return answer_by_fallback();
  }
  answer_best();
}

bool ResponseContext::is_lingering() const {
  return finished_ && in_filter_ == 0 &&
         std::all_of(branches_.begin(), branches_.end(), [](const auto& branch) {
           return branch->transaction == nullptr || !branch->transaction->wants_final();
         });
}

// What only absorbs what comes late keeps no more than that takes: some 3 KiB instead of 10.
void ResponseContext::slim() {
  if (is_slim_ || !is_lingering()) return;
  for (const auto& branch : branches_)
    if (branch->given_up) return;  // a late 2xx needs all that was sent
  is_slim_ = true;
  for (const auto& branch : branches_) {
    branch->sent = Message::request({}, {});
    branch->answer.reset();
    std::string().swap(branch->bytes);
  }
  start_.request.reset();
  start_.view.via.resize(1);
  start_.view.route.clear();
  for (Target& target : start_.forward.targets) {
    Target kept;
    kept.branch = std::move(target.branch);
    target = std::move(kept);
  }
}

void ResponseContext::maybe_done() {
  slim();
  if (done_ || !server_.is_over() || in_filter_ > 0) return;
  for (const auto& branch : branches_) {
    if (branch->transaction != nullptr && !branch->transaction->is_over()) return;
    if (branch->cancel != nullptr && !branch->cancel->is_over()) return;
  }
  done_ = true;
  wire_.context_done(start_.id);
}

}  // namespace holdfast::sip
