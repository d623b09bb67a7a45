// SPDX-License-Identifier: Apache-2.0
// Answers: which go back, through the media filter, and which are ours to deal with.
#include <algorithm>
#include <utility>

#include "sip/branch.hh"
#include "sip/proxy/admission_filter.hh"
#include "sip/proxy/best_answer.hh"
#include "sip/proxy/response_branch.hh"
#include "sip/proxy/response_context.hh"
#include "sip/route.hh"

namespace holdfast::sip {
namespace {

// RFC 3326: so that the other phones do not list a missed call.
constexpr std::string_view kElsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";

constexpr bool is_success(int status) {
  return status >= 200 && status < 300;
}

// What an answer that comes again has in common with itself.
std::string again_key(const ResponseView& view, const Message& message) {
  return std::to_string(message.status()) + '\n' + view.to.tag + '\n' +
         std::string(message.value(Header::rseq));
}

// As many as a fork far away has callees; what is beyond is handled anew each time.
constexpr size_t kMaxRelayed = 8;

}  // namespace

std::string_view phrase_for(int status) {
  switch (status) {
    case 403:
      return "Forbidden";
    case 408:
      return "Request Timeout";
    case 480:
      return "Temporarily Unavailable";
    case 487:
      return "Request Terminated";
    case 488:
      return "Not Acceptable Here";
    case 491:
      return "Request Pending";
    case 500:
      return "Server Internal Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Refused";
  }
}

void ResponseContext::on_response(Branch& branch, const Arrived& arrived) {
  const int status = arrived.message.status();
  branch.overdue.stop();
  if (branch.gateway != nullptr) told(branch, Evidence::good_response);
  if (status >= 200 && branch.upstream && branch.transaction->wants_final()) {
    wire_.health.answered(wire_.loop.now_ms(), *branch.upstream, arrived.view.response,
                          branch.sent_ms);
    wire_.health_told();
  }
  if (is_invite() && status >= 300 && branch.ack_bytes.empty())
    branch.ack_bytes = make_ack(branch.sent, arrived.message).serialise();
  if (!branch.transaction->response(status)) return wire_.count("response_absorbed");
  if (branch.given_up) return on_late_response(branch, arrived);
  if (status >= 200) {
    branch.timer_c.stop();
    branch.cancel_limit.stop();
    return relay(branch, arrived);
  }
  branch.has_provisional = true;
  wait_.stop();
  if (branch.cancel_wanted) cancel_branch(branch);
  if (is_invite() && branch.cancel == nullptr)
    branch.timer_c.start(wire_.config.timers.c_ms, [this, &branch] {
      wire_.count("timer_c");
      cancel_branch(branch);
    });
  if (status == 100) return;  // hop by hop
  branch.rang = true;
  if (!finished_) relay(branch, arrived);
}

void ResponseContext::on_late_response(Branch& branch, const Arrived& arrived) {
  const int status = arrived.message.status();
  wire_.count("late_response");
  if (status < 200) {
    branch.has_provisional = true;
    cancel_branch(branch);
  } else if (is_success(status) && is_invite()) {
    end_dialog_of(branch, arrived);
  } else {
    learn(branch, arrived);
  }
}

void ResponseContext::relay(Branch& branch, const Arrived& arrived) {
  const int status = arrived.message.status();
  if (is_success(status)) {
    branch.succeeded = answered_ = true;
    wait_.stop();
    if (cancel_reason_.empty()) cancel_reason_ = kElsewhere;
    for (const auto& other : branches_)
      if (other.get() != &branch && other->outcome == Outcome::none && !other->succeeded)
        cancel_branch(*other);
  }
  const bool comes_again = (is_invite() && is_success(status)) || arrived.view.is_reliable;
  if (comes_again) {
    const std::string key = again_key(arrived.view, arrived.message);
    for (const auto& [known, bytes] : branch.relayed) {
      if (known != key) continue;
      if (!bytes.empty()) server_.respond(status, bytes);
      return;
    }
    if (branch.relayed.size() < kMaxRelayed) branch.relayed.emplace_back(key, media::WipedString{});
  }
  Message out = arrived.message;
  out.pop_entry(Header::via);
  if (start_.view.method == Method::register_) {
    restore_contact_fields(out, start_.view, start_.forward.targets[branch.target]);
    learn(branch, arrived);
  }
  if (!passes_filter()) return relayed(branch, arrived, std::move(out), {});
  ask_filter(media_message(branch, arrived.message, status, arrived.view.to.tag),
             [this, &branch, message = arrived.message, view = arrived.view,
              origin = arrived.origin, out](const MediaVerdict& verdict) {
               relayed(branch, {message, view, origin}, out, verdict);
             });
}

void ResponseContext::relayed(Branch& branch, const Arrived& arrived, Message out,
                              const MediaVerdict& verdict) {
  const int status = out.status();
  if (verdict.kind == MediaVerdict::Kind::replace) out.set_body(verdict.body);
  if (is_success(status)) return relay_success(branch, arrived, std::move(out), verdict);
  if (verdict.kind == MediaVerdict::Kind::refuse) out.set_body({});
  if (status >= 300) {
    if (verdict.kind == MediaVerdict::Kind::again && may_try_again(branch))
      return try_again(branch, std::move(out));
    const Outcome outcome = status == 503 ? Outcome::unavailable : Outcome::answered;
    return finish_branch(branch, status, outcome, std::move(out));
  }
  // A provisional answer of a fork must not overtake another's 2xx.
  if (finished_ || answered_ || branch.outcome != Outcome::none) return;
  bool taken = false;
  const media::WipedString bytes = send_back(status, out, taken);
  if (is_initial_invite()) wire_.calls.ringing(start_.call.call_key);
  if (arrived.view.is_reliable)
    for (auto& [key, known] : branch.relayed)
      if (key == again_key(arrived.view, arrived.message)) known = bytes;
}

// Once, while nobody has answered; whoever rang first would ring twice.
bool ResponseContext::may_try_again(const Branch& branch) const {
  return is_initial_invite() && branch.first == nullptr && !branch.rang &&
         branch.outcome == Outcome::none && !finished_ && !answered_ && !cancelled_;
}

void ResponseContext::try_again(Branch& branch, Message answer) {
  wire_.count("tried_again");
  wait_.stop();
  branch.outcome = Outcome::repeated;
  branch.status = answer.status();
  branch.answer = std::move(answer);
  Target target = start_.forward.targets[branch.target];
  target.branch =
      make_second_branch(start_.view, branch.target, target.branch, wire_.config.route.branch_key);
  start_.forward.targets.push_back(std::move(target));
  launch(start_.forward.targets.size() - 1, &branch);
}

void ResponseContext::relay_success(Branch& branch, const Arrived& arrived, Message out,
                                    const MediaVerdict& verdict) {
  if (verdict.kind == MediaVerdict::Kind::refuse) {
    if (is_initial_invite()) {
      end_dialog_of(branch, arrived);
      branch.refusal = verdict.reason;
      branch.succeeded = false;
      answered_ = std::any_of(branches_.begin(), branches_.end(),
                              [](const auto& other) { return other->succeeded; });
      branch.given_up = true;  // what comes again gets its ACK and nothing else
      return finish_branch(branch, verdict.status, Outcome::refused, std::nullopt);
    }
    out.set_body({});
  }
  bool taken = false;
  const media::WipedString bytes = send_back(out.status(), out, taken);
  if (!taken) {
    // The caller has been told something else meanwhile; or, long ago, of this very answer.
    if (is_initial_invite() && !success_sent_) end_dialog_of(branch, arrived);
    return;
  }
  for (auto& [key, known] : branch.relayed)
    if (key == again_key(arrived.view, arrived.message)) known = bytes;
  success_sent_ = true;
  branch.outcome = Outcome::answered;
  branch.status = out.status();
  if (is_initial_invite()) {
    const Target& target = start_.forward.targets[branch.target];
    const auto gateway = std::any_of(
        wire_.config.route.gateways.begin(), wire_.config.route.gateways.end(),
        [&](const Gateway& known) { return known.address.ip == branch.hop.address.ip; });
    CallAnswered told{start_.call.call_key, Peer::phone, arrived.origin,
                      std::string(name_of(start_.forward.name))};
    if (branch.upstream)
      told.callee = Peer::centre;
    else if (gateway)
      told.callee = Peer::gateway;
    // A later group may lead elsewhere than the decision's name says.
    if (target.group != start_.forward.targets.front().group)
      told.decision = name_of(branch.upstream ? ForwardName::to_centre
                              : gateway       ? ForwardName::local_to_gateway
                                              : ForwardName::local_to_phone);
    wire_.calls.answered(told, arrived.view.to.tag);
  }
  finished_ = true;
  if (start_.view.method == Method::bye)
    dialog_over(start_.call.sender == media::Side::caller ? CallEnd::caller_hung_up
                                                          : CallEnd::callee_hung_up);
  maybe_done();
}

// As a caller that hangs up: ACK for each, BYE once.
void ResponseContext::end_dialog_of(Branch& branch, const Arrived& arrived) {
  for (const std::string_view method : {"ACK", "BYE"}) {
    if (method == "BYE" && !branch.ended_tags.insert(arrived.view.to.tag).second) return;
    auto request =
        make_in_dialog(method, branch.sent, arrived.message, arrived.view, wire_.config.route);
    if (!request) return wire_.count("late_2xx_without_contact");
    // A phone is where the INVITE went, whatever its Contact says.
    auto hop = request->message.has(Header::route) ? wire_.resolve_hop(request->next_hop)
                                                   : std::optional(branch.hop);
    wire_.send_alone(std::move(request->message), hop.value_or(branch.hop));
  }
  wire_.count("late_2xx_ended");
}

void ResponseContext::learn(const Branch& branch, const Arrived& arrived) {
  if (start_.view.method != Method::register_ || !branch.upstream ||
      !is_success(arrived.message.status()))
    return;
  Response response = arrived.view.response;
  restore_contacts(start_.view, start_.forward.targets[branch.target], response);
  wire_.bindings.learn(wire_.loop.now_ms(), start_.view, response);
  wire_.bindings_changed();
}

void ResponseContext::answer_by_fallback() {
  const RefreshPlan& plan = *start_.forward.fallback_refresh;
  wire_.bindings.apply(wire_.loop.now_ms(), plan);
  wire_.bindings_changed();
  wire_.count("register_fallback");
  Message reply = make_reply(*start_.request, 200, "OK", start_.to_tag, wire_.config.server_name);
  add_contacts(reply, plan.answer);
  answer(200, reply, CallEnd::lost_track, {});
}

void ResponseContext::answer_best() {
  // Branches that have said something go before those that have not.
  std::vector<const Branch*> spoken;
  for (const auto& branch : branches_)
    if (branch->outcome == Outcome::answered || branch->outcome == Outcome::refused)
      spoken.push_back(branch.get());
  const bool unreachable = spoken.empty();
  if (unreachable)
    for (const auto& branch : branches_) spoken.push_back(branch.get());
  std::vector<int> statuses;
  statuses.reserve(spoken.size());
  for (const Branch* branch : spoken) statuses.push_back(branch->status);
  const Branch& best = *spoken[best_answer(statuses)];

  CallEnd end = call_end_of(best.status, cancelled_);
  if (cancelled_)
    end = CallEnd::cancelled;
  else if (best.outcome == Outcome::refused)
    end = best.refusal == kNoBandwidth ? CallEnd::no_bandwidth : CallEnd::refused_by_us;
  else if (best.outcome == Outcome::silent || best.outcome == Outcome::failed)
    end = CallEnd::unreachable;

  const int status = best.outcome == Outcome::refused ? best.status : passed_on(best.status);
  if (best.outcome == Outcome::silent && !is_invite()) {
    wire_.count("silent_request");  // RFC 4320 section 4.1: no 408
    server_.abandon();
    finished_ = true;
    if (start_.view.method == Method::bye)
      dialog_over(start_.call.sender == media::Side::caller ? CallEnd::caller_hung_up
                                                            : CallEnd::callee_hung_up);
    return maybe_done();
  }
  if (!best.answer) {
    Message reply = make_reply(*start_.request, status, phrase_for(status), start_.to_tag,
                               wire_.config.server_name);
    if (best.refusal == kNoBandwidth) add_no_bandwidth(reply);
    return answer(status, reply, end, best.refusal);
  }
  Message message = *best.answer;
  if (status != best.status) message.set_status(status, phrase_for(status));
  if (status == 401 || status == 407)  // section 16.7 step 7
    for (const Branch* other : spoken) {
      if (other == &best || !other->answer || (other->status != 401 && other->status != 407))
        continue;
      message.copy_from(*other->answer, Header::www_authenticate);
      message.copy_from(*other->answer, Header::proxy_authenticate);
    }
  answer(status, message, end, best.refusal);
}

void ResponseContext::answer(int status, const Message& message, CallEnd end,
                             const std::string& detail) {
  finished_ = true;
  wait_.stop();
  bool taken = false;
  send_back(status, message, taken);
  if (is_initial_invite() && !is_success(status))
    wire_.calls.failed(start_.call.call_key, status, end, detail);
  // RFC 5057 section 5.1: the far side has forgotten the dialog. What we time out by ourselves is
  // no proof of that: the centre may be away while the phones talk.
  const bool from_far = std::any_of(branches_.begin(), branches_.end(), [](const auto& branch) {
    return branch->outcome == Outcome::answered;
  });
  const Method method = start_.view.method;
  const bool changes_session = is_invite() || method == Method::update;
  if (start_.call.in_dialog && from_far && (status == 481 || (status == 408 && changes_session)) &&
      method != Method::subscribe && method != Method::notify)
    dialog_over(CallEnd::dialog_gone);
  else if (method == Method::bye && status != 401 && status != 407)
    dialog_over(start_.call.sender == media::Side::caller ? CallEnd::caller_hung_up
                                                          : CallEnd::callee_hung_up);
  maybe_done();
}

void ResponseContext::dialog_over(CallEnd end) {
  bye_.stop();
  if (!start_.call.in_dialog || start_.call.call_key == 0 || std::exchange(dialog_told_, true))
    return;
  const bool by_caller = start_.call.sender == media::Side::caller;
  const std::string& caller = by_caller ? start_.view.from.tag : start_.view.to.tag;
  const std::string& callee = by_caller ? start_.view.to.tag : start_.view.from.tag;
  // A BYE that finds no dialog there is still the end that its sender wanted.
  if (start_.view.method == Method::bye && end == CallEnd::dialog_gone)
    end = by_caller ? CallEnd::caller_hung_up : CallEnd::callee_hung_up;
  wire_.calls.dialog_over(start_.call.call_key, caller, callee, end);
  for (const OpenedToken& other : start_.call.left_out)
    wire_.calls.dialog_over(other.token.call_key, caller, callee, end);
}

media::WipedString ResponseContext::send_back(int status, const Message& message, bool& taken) {
  media::WipedString bytes = message.serialise();
  taken = server_.respond(status, bytes);
  return bytes;
}

bool ResponseContext::passes_filter() const {
  if (wire_.media == nullptr || start_.call.call_key == 0) return false;
  switch (start_.view.method) {
    case Method::invite:
    case Method::prack:
    case Method::update:
      return true;
    default:
      return false;
  }
}

MediaMessage ResponseContext::media_message(const Branch& branch, const Message& message,
                                            int status, std::string_view callee_tag) const {
  MediaMessage out;
  const CallPlace& call = start_.call;
  const bool is_response = status != 0;
  out.call_key = call.call_key;
  out.emergency = call.emergency;
  out.sender = is_response ? media::other(call.sender) : call.sender;
  const bool by_caller = call.sender == media::Side::caller;
  out.caller_tag = by_caller ? start_.view.from.tag : start_.view.to.tag;
  if (call.in_dialog)
    out.callee_tag = by_caller ? start_.view.to.tag : start_.view.from.tag;
  else
    out.callee_tag = callee_tag;
  out.again = !is_response && branch.first != nullptr;
  if (!call.in_dialog) out.branch = start_.forward.targets[branch.target].branch;
  out.method = start_.view.method;
  out.status = status;
  const Origin there{branch.hop.address, branch.hop.transport, branch.hop.interface};
  out.from = is_response ? there : start_.view.origin;
  out.to = is_response ? start_.view.origin : there;
  // Without its message, an answer is our own word for a branch that is over.
  if (!is_response || !message.is_request()) {
    out.reliable = is_response && message.status() < 200 && message.has(Header::rseq);
    out.content_type = message.value(Header::content_type);
    out.body = message.body();
  }
  if (out.body.empty()) out.content_type.clear();
  return out;
}

void ResponseContext::ask_filter(const MediaMessage& message,
                                 std::function<void(const MediaVerdict&)> done) {
  ++in_filter_;
  wire_.media->message(
      message, [weak = weak_from_this(), done = std::move(done)](const MediaVerdict& verdict) {
        const auto self = weak.lock();
        if (self == nullptr || self->branches_.empty()) return;
        --self->in_filter_;
        if (verdict.kind == MediaVerdict::Kind::refuse)
          self->wire_.count("media_" + verdict.reason);
        done(verdict);
        self->maybe_done();
      });
}

}  // namespace holdfast::sip
