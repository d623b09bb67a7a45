// SPDX-License-Identifier: Apache-2.0
// What a message changes in the book.
#include "sip/proxy/admission_filter.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

using media::Side;

constexpr size_t kCallee = media::index_of(Side::callee);
using Demands = std::array<media::MediaDemand, 2>;

Demands larger(const Demands& a, const Demands& b) {
  return {media::larger(a[0], b[0]), media::larger(a[1], b[1])};
}

}  // namespace

void AdmissionFilter::begin(uint64_t call_key, const Forward& decision) {
  Call& call = calls_[call_key];
  const bool known = book_.find(call_key) != nullptr;
  call.exempt = decision.exempt;
  call.media.stays_local = decision.stays_local;
  call.early = {};
  call.early_tag.clear();
  if (known) return;  // after a challenge
  const NextHop& first = decision.targets.front().hop;
  if (call.exempt)
    book_.count(link_of_({first.address, first.transport, first.interface}),
                AdmissionBook::Count::exempt);
  book_.count(decision.overflowed_from, AdmissionBook::Count::overflowed);
}

void AdmissionFilter::adopt(uint64_t call_key, const CallUse& use) {
  const auto [found, fresh] = calls_.try_emplace(call_key);
  if (!fresh && !is_adopted(call_key)) return;
  Call& call = found->second;
  call.adopted = true;
  call.media.links = use.links;
  call.media.demands = use.demands;
  book_.hold(call_key, use);
}

bool AdmissionFilter::is_adopted(uint64_t call_key) const {
  const auto found = calls_.find(call_key);
  return found != calls_.end() && found->second.adopted && !found->second.has_spoken;
}

void AdmissionFilter::retain_adopted(const std::function<bool(uint64_t)>& lives) {
  for (auto each = calls_.begin(); each != calls_.end();) {
    if (!each->second.adopted || lives(each->first)) {
      ++each;
      continue;
    }
    book_.release(each->first);
    each = calls_.erase(each);
  }
}

CallUse AdmissionFilter::use_of(const Media& media) {
  CallUse use;
  for (size_t side = 0; side < 2; ++side) {
    const bool waits = side == kCallee && media.stays_local && media.links[side] == kCentreLink;
    const bool stays = media.joined[side] && media.links[side] == kCentreLink;
    use.links[side] = waits || stays ? kNoLink : media.links[side];
  }
  use.demands = media.demands;
  return use;
}

bool AdmissionFilter::try_hold(uint64_t call_key, Call& call, const Media& media) {
  const CallUse use = use_of(media);
  const LinkId full = call.exempt ? kNoLink : book_.full_link(call_key, use);
  if (full != kNoLink) {
    // A call whose answers are refused one after the other is refused once.
    if (!std::exchange(call.was_refused, true)) book_.count(full, AdmissionBook::Count::refused);
    return false;
  }
  call.was_refused = false;
  call.media = media;
  book_.hold(call_key, use);
  return true;
}

uint16_t AdmissionFilter::take(uint64_t call_key, Call& call, const MediaMessage& message) {
  const MediaAsk ask = read_media_ask(message.content_type, message.body, rules_);
  return message.branch.empty() ? take_inside(call_key, call, message, ask)
                                : take_first(call_key, call, message, ask);
}

// The call's first INVITE on its way to one target, and what comes back.
uint16_t AdmissionFilter::take_first(uint64_t call_key, Call& call, const MediaMessage& message,
                                     const MediaAsk& ask) {
  if (call.adopted) return 0;  // what was being set up at a restart goes on
  Media media = call.media;
  if (message.status == 0) {
    media.links = {link_of_(message.from), link_of_(message.to)};
    media.joined = {ask.says_where && ask.is_joined, false};
    media.trailers = {};
    weigh(message, ask, true, media);
    return try_hold(call_key, call, media) ? 0 : kNoRoomForCall;
  }
  if (message.status >= 300) return 0;  // another branch may live; the end of the call is told
  const bool success = message.status >= 200;
  if (ask.has_sdp) {
    call.early = ask;
    call.early_tag = message.callee_tag;
  } else if (!success || call.early_tag != message.callee_tag || !call.early.has_sdp) {
    return 0;
  }
  const MediaAsk& answer = call.early;
  const bool crosses = answer.says_where && !answer.is_joined;
  media.links[kCallee] = link_of_(message.from);
  weigh(message, answer, false, media);
  if (success) {
    media.stays_local = false;
    media.joined[kCallee] = answer.is_joined;
  } else {  // others may yet answer: nothing is given back
    media.stays_local = media.stays_local && !crosses;
    media.demands = larger(media.demands, call.media.demands);
  }
  return try_hold(call_key, call, media) ? 0 : kNoRoomForCall;
}

uint16_t AdmissionFilter::take_inside(uint64_t call_key, Call& call, const MediaMessage& message,
                                      const MediaAsk& ask) {
  if (message.status >= 300) {
    revert(call_key);
    return 0;
  }
  if (!ask.has_sdp) return 0;
  Media media = call.media;
  if (ask.says_where) media.joined[media::index_of(message.sender)] = ask.is_joined;
  call.has_spoken = true;
  const bool offers = message.status == 0 && message.method != Method::ack;
  weigh(message, ask, offers, media);
  if (!offers) {  // an answer is within its offer, which was asked for
    call.media = media;
    if (message.status >= 200 || message.status == 0) call.before_offer.reset();
    book_.hold(call_key, use_of(media));
    return 0;
  }
  media.demands = larger(media.demands, call.media.demands);
  const Media before = call.before_offer.value_or(call.media);
  if (!try_hold(call_key, call, media)) return kNoRoomForOffer;
  call.before_offer = before;
  return 0;
}

// What the message comes to on each side. An offer inside a dialog lists more suites than the one
// in use, which goes on: what is known of a line stays, so that a hold asks for nothing.
void AdmissionFilter::weigh(const MediaMessage& message, const MediaAsk& ask, bool offers,
                            Media& media) const {
  const MediaSides sides = sides_of(rules_, message.from, message.to);
  const bool ours = sides.receiver.ours;
  const std::array<Trailers, 2> known = media.trailers;
  const size_t sender = media::index_of(message.sender), receiver = 1 - sender;
  media.trailers[sender] = sent_trailers(ask, sides);
  media.trailers[receiver] = onward_trailers(ask, sides);
  for (const size_t side : {sender, receiver}) {
    Trailers& now = media.trailers[side];
    for (size_t i = 0; i < std::min(now.size(), known[side].size()); ++i) {
      const bool goes_on =
          ours ? side == receiver
               : offers && i < ask.srtp.size() && media::may_come_to(ask.srtp[i], known[side][i]);
      if (goes_on) now[i] = known[side][i];
    }
    media.demands[side] = media::sum_of(ask.lines, now);
  }
}

void AdmissionFilter::revert(uint64_t call_key) {
  const auto found = calls_.find(call_key);
  if (found == calls_.end() || !found->second.before_offer) return;
  found->second.media = *std::exchange(found->second.before_offer, std::nullopt);
  book_.hold(call_key, use_of(found->second.media));
}

void AdmissionFilter::message(const MediaMessage& message, std::function<void(MediaVerdict)> done) {
  const auto found = calls_.find(message.call_key);
  const uint16_t refusal =
      found == calls_.end() ? uint16_t{0} : take(message.call_key, found->second, message);
  if (refusal != 0)
    return done({MediaVerdict::Kind::refuse, {}, refusal, std::string(kNoBandwidth)});
  if (inner_ == nullptr) return done({});
  const bool may_revert = message.branch.empty() && message.status == 0;
  if (found == calls_.end() || !may_revert) return inner_->message(message, std::move(done));
  inner_->message(message, [this, alive = std::weak_ptr<bool>(alive_), key = message.call_key,
                            done = std::move(done)](const MediaVerdict& verdict) {
    if (!alive.expired() && verdict.kind == MediaVerdict::Kind::refuse) revert(key);
    done(verdict);
  });
}

void AdmissionFilter::dialog_ended(uint64_t call_key, const std::string& caller_tag,
                                   const std::string& callee_tag) {
  if (inner_ != nullptr) inner_->dialog_ended(call_key, caller_tag, callee_tag);
}

void AdmissionFilter::call_ended(uint64_t call_key,
                                 std::function<void(std::vector<control::CallReport>)> done) {
  book_.release(call_key);
  calls_.erase(call_key);
  if (inner_ == nullptr) return done({});
  inner_->call_ended(call_key, std::move(done));
}

void AdmissionFilter::on_silence(std::function<void(uint64_t)> silent) {
  if (inner_ != nullptr) inner_->on_silence(std::move(silent));
}

void AdmissionFilter::on_one_way(OneWay one_way) {
  if (inner_ != nullptr) inner_->on_one_way(std::move(one_way));
}

void AdmissionFilter::on_unanchored(std::function<void(uint64_t)> unanchored) {
  if (inner_ != nullptr) inner_->on_unanchored(std::move(unanchored));
}

}  // namespace holdfast::sip
