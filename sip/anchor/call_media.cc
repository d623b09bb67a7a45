// SPDX-License-Identifier: Apache-2.0
// Takes the messages of a call one by one and tells what each means for offer and answer.
#include "sip/anchor/call_media.hh"

#include <algorithm>
#include <utility>

#include "sip/anchor/passing_keys.hh"

namespace holdfast::sip {
namespace {

using media::Side;

// Twice what media/ follows: all else of a hostile call shares one.
constexpr size_t kMaxNotes = 2 * media::kMaxBranches * media::kMaxForkedDialogs;

bool may_carry_sdp(Method method) {
  return method == Method::invite || method == Method::ack || method == Method::prack ||
         method == Method::update;
}

std::string note_key(const MediaMessage& message) {
  return message.callee_tag.empty() ? "b" + message.branch : "t" + message.callee_tag;
}

}  // namespace

// ---- one after the other --------------------------------------------------------------------

void CallMedia::enqueue(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  drain();
}

void CallMedia::drain() {
  if (draining_) return;
  const auto alive = shared_from_this();
  draining_ = true;
  while (!busy_ && !tasks_.empty()) {
    busy_ = true;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
  draining_ = false;
}

void CallMedia::finish() {
  busy_ = false;
  drain();
}

void CallMedia::conclude(const JobPtr& job, MediaVerdict verdict) {
  job->done(std::move(verdict));
  finish();
}

void CallMedia::pass(const JobPtr& job) {
  conclude(job, pass_by(job->message, parts_.config.media, parts_.counts));
}

void CallMedia::refuse(const JobPtr& job, uint16_t status, std::string reason) {
  // An ACK cannot be refused, and whoever reads it finds the same wrong with it.
  if (job->message.method == Method::ack) return pass(job);
  conclude(job, {MediaVerdict::Kind::refuse, {}, status, std::move(reason)});
}

void CallMedia::message(const MediaMessage& message, Done done) {
  if (messages_waiting_ >= parts_.config.max_waiting) {
    parts_.counts.add(AnchorCounter::queue_full);
    const bool refusable = message.status == 0 && message.method != Method::ack;
    return done(refusable ? MediaVerdict{MediaVerdict::Kind::refuse, {}, 503, "queue_full"}
                          : pass_by(message, parts_.config.media, parts_.counts));
  }
  said_ms_ = parts_.loop.now_ms();
  emergency_ = emergency_ || message.emergency;
  const auto job = std::make_shared<Job>();
  job->message = message;
  job->done = std::move(done);
  ++messages_waiting_;
  enqueue([this, job] {
    --messages_waiting_;
    take(job);
  });
}

void CallMedia::dialog_ended(const std::string& callee_tag) {
  enqueue([this, callee_tag] {
    media_.remove({caller_tag_, callee_tag, {}});
    parts_.offers.forget(call_key_, "t" + callee_tag);
    notes_.erase("t" + callee_tag);
    bring([this](const Brought&) { finish(); });
  });
}

void CallMedia::call_ended(EndDone done) {
  enqueue([this, done = std::move(done)] {
    media_ = media::MediaCall(caller_tag_);
    notes_.clear();
    bring([this, done](const Brought&) {
      const auto left = parts_.streams.of_call(call_key_);
      const auto open = std::make_shared<size_t>(left.size() + 1);
      const auto one = [self = shared_from_this(), open,
                        done](std::optional<control::CallReport> report) {
        self->keep(std::move(report));
        if (--*open > 0) return;
        done(std::exchange(self->finished_, {}));
        self->finish();
      };
      std::vector<StreamName> names;
      names.reserve(left.size());
      for (const StreamEntry* each : left) names.push_back(each->plan.name);
      for (const StreamName& name : names) parts_.streams.remove(name, one);
      one(std::nullopt);
    });
  });
}

bool CallMedia::unanchored() const {
  return current_.empty() && std::any_of(notes_.begin(), notes_.end(), [](const auto& each) {
           return each.second.unanchored || each.second.passing;
         });
}

// ---- what a message means -------------------------------------------------------------------

media::DialogKey CallMedia::key(Side offerer, const MediaMessage& message) const {
  if (offerer == Side::caller) return {caller_tag_, message.callee_tag, message.branch};
  return {message.callee_tag, caller_tag_, message.branch};
}

// Whose offer waits. A dialog that has said nothing yet goes on from its branch.
std::optional<Side> CallMedia::pending(const MediaMessage& message) const {
  const media::DialogKey dialog = key(Side::caller, message);
  if (!message.callee_tag.empty() && !media_.branch_of(dialog).empty())
    return media_.offer_pending(dialog);
  return media_.offer_pending({caller_tag_, {}, message.branch});
}

CallMedia::Notes& CallMedia::notes_of(const MediaMessage& message) {
  const std::string name = note_key(message);
  const auto found = notes_.find(name);
  if (found != notes_.end()) return found->second;
  if (notes_.size() >= kMaxNotes) return overflow_ = {};
  const auto branch = notes_.find("b" + message.branch);
  const Notes start = branch == notes_.end() ? Notes{} : branch->second;
  return notes_[name] = start;
}

void CallMedia::take(const JobPtr& job) {
  const MediaMessage& message = job->message;
  if (!may_carry_sdp(message.method)) return pass(job);
  if (message.status >= 300) return take_failure(job);
  // An INVITE inside a dialog is of a call that has been answered, before a restart perhaps.
  if (message.method == Method::invite && (message.status >= 200 || message.branch.empty()))
    answered_ = true;
  Notes& notes = notes_of(message);
  job->part = find_sdp(message.content_type, message.body);
  const bool has_sdp = job->part.kind == SdpPart::Kind::sdp;
  if (message.status == 0 && message.method == Method::invite) {
    notes.invite_offered = has_sdp;
    notes.invite_settled = false;
  }
  if (job->part.kind == SdpPart::Kind::not_simple)
    parts_.counts.add(AnchorCounter::multipart_not_simple);
  else if (!has_sdp && !message.body.empty())
    parts_.counts.add(AnchorCounter::bodies_not_sdp);
  if (!has_sdp) return take_without_sdp(job);
  if (notes.passing == media::other(message.sender)) return pass_answer(job);
  if (!read_sdp(job)) return;
  find_kept(*job);
  if (message.method == Method::ack) forget_offer(message);
  if (has_lost_keys(*job)) return lose(job);
  take_over(*job);
  const Role role = role_of(*job);
  if (role == Role::offer) return offer(job, true);
  if (role == Role::answer) return answer(job);
  parts_.counts.add(AnchorCounter::answers_not_followed);
  choose_actions(*job, true);
  rewrite(job);
}

// False: refused.
bool CallMedia::read_sdp(const JobPtr& job) {
  const std::string_view text =
      std::string_view(job->message.body).substr(job->part.begin, job->part.size);
  auto sdp = media::parse_sdp(text);
  auto described = sdp ? media::describe_media(*sdp) : sdp.error();
  if (!described) {
    parts_.counts.add(described.error());
    refuse(job, 488, std::string(media::name_of(described.error())));
    return false;
  }
  job->sdp = std::move(sdp).value();
  job->media = std::move(described).value();
  return true;
}

// RFC 3264, RFC 6337 section 2: what SDP is depends on what was said before.
CallMedia::Role CallMedia::role_of(const Job& job) {
  const MediaMessage& message = job.message;
  const Notes& notes = notes_of(message);
  const auto waits = pending(message);
  if (waits == media::other(message.sender)) {
    // Both offered in requests of their own: that is glare, not an answer.
    const bool request = message.status == 0;
    if (!request || message.method == Method::ack || message.method == Method::prack)
      return Role::answer;
    return Role::offer;
  }
  if (message.status == 0) return message.method == Method::ack ? Role::echo : Role::offer;
  if (message.method != Method::invite) return Role::echo;
  if (notes.invite_offered == false) return notes.invite_settled ? Role::echo : Role::offer;
  return Role::answer;
}

void CallMedia::take_without_sdp(const JobPtr& job) {
  const MediaMessage& message = job->message;
  Notes& notes = notes_of(message);
  const bool success = message.status >= 200;
  // Of an offer that we do not keep we must not find one that was kept before it.
  if (message.status == 0 && (message.method == Method::invite || message.method == Method::ack))
    forget_offer(message);
  const Side offerer = media::other(message.sender);
  // What could have brought the answer has come without it.
  const bool was_due = success ? notes.offer_method == message.method && !notes.offer_in_response
                               : message.method == Method::ack && notes.offer_in_response;
  if (was_due && notes.passing == offerer) {
    notes.unanchored = true;
    notes.passing.reset();
  }
  const bool confirms = success && message.method == Method::invite;
  if (confirms) (void)media_.confirm(key(Side::caller, message));
  if (was_due && !message.callee_tag.empty() && pending(message) == offerer)
    (void)media_.withdraw(key(offerer, message));
  else if (!confirms)
    return pass(job);
  bring([this, job](const Brought&) { pass(job); });
}

// The request failed, and an offer in it came to nothing (RFC 3261 section 14.1).
void CallMedia::take_failure(const JobPtr& job) {
  const MediaMessage& message = job->message;
  forget_offer(message);
  if (message.method == Method::invite && !message.branch.empty()) {
    notes_.erase("b" + message.branch);
    if (!message.callee_tag.empty()) notes_.erase("t" + message.callee_tag);
    const bool again = may_want_srtp_alone(*job);
    return withdraw({caller_tag_, {}, message.branch}, [this, job, again] {
      if (!again) return pass(job);
      conclude(job, {MediaVerdict::Kind::again, {}, 0, {}});
    });
  }
  Notes& notes = notes_of(message);
  const Side offerer = media::other(message.sender);
  if (notes.offer_method != message.method || notes.offer_in_response) return pass(job);
  if (notes.passing == offerer) notes.passing.reset();
  if (pending(message) != offerer) return pass(job);
  withdraw(key(offerer, message), [this, job] { pass(job); });
}

}  // namespace holdfast::sip
