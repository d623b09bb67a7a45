// SPDX-License-Identifier: Apache-2.0
// SRTP of a call's m= lines, settled with each side by the rules of the interface that it is
// behind.
#include <algorithm>
#include <utility>

#include "sip/anchor/call_media.hh"
#include "sip/anchor/passing_keys.hh"

namespace holdfast::sip {
namespace {

using media::MediaAction;
using media::Side;

// Those whose keys are in SDP; DTLS has its own, and UDPTL none.
bool may_have_keys(const media::MediaDescription& line) {
  return !line.refused() && (line.transport == media::MediaTransport::rtp ||
                             line.transport == media::MediaTransport::srtp);
}

}  // namespace

const media::OfferAnswer* CallMedia::said(const MediaMessage& message) const {
  return media_.state_of(key(Side::caller, message));
}

MediaSides CallMedia::sides_of(const MediaMessage& message) const {
  return sip::sides_of(parts_.config.media, message.from, message.to);
}

void CallMedia::settle_offered_srtp(Job& job) {
  const MediaMessage& message = job.message;
  MediaSides sides = sides_of(message);
  if (message.again) sides.receiver.must = sides.receiver.may;
  const media::OfferAnswer* state = said(message);
  const media::MediaList* pending =
      state && state->offer_pending() == message.sender ? state->pending_offer() : nullptr;
  settle_passing_srtp(job);
  for (size_t i = 0; i < job.relayed.size(); ++i) {
    media::MediaDescription& line = job.relayed[i];
    if (!may_have_keys(line)) continue;
    media::SrtpBefore before;
    if (pending && i < pending->size()) before.same_offer = &(*pending)[i];
    if (!pending && job.kept && i < job.kept->ours.size()) before.same_offer = &job.kept->ours[i];
    if (state) before.writer = state->agreed(message.sender, i);
    if (state) before.reader = state->agreed(media::other(message.sender), i);
    take_outcome(job, i,
                 settle_offer(crypto_values(*job.sdp, job.sdp->media()[i]), sides.sender,
                              sides.receiver, before, line));
    if (!pending && before.same_offer && !line.crypto_onward.empty())
      line.secure_onward = before.same_offer->secure_onward;
  }
}

// Of the failure of a first INVITE: a phone that has RTP/SAVP alone refuses RTP/AVP, whatever keys
// stand with it, by 488 and the like.
bool CallMedia::may_want_srtp_alone(const Job& job) const {
  const int status = job.message.status;
  if (status != 415 && status != 488 && status != 606) return false;
  const media::OfferAnswer* state = media_.state_of({caller_tag_, {}, job.message.branch});
  const media::MediaList* offer = state ? state->pending_offer() : nullptr;
  return offer && state->offer_pending() == Side::caller &&
         std::any_of(offer->begin(), offer->end(), [](const media::MediaDescription& line) {
           return !line.crypto_onward.empty() && !line.secure_onward;
         });
}

void CallMedia::settle_answered_srtp(Job& job) {
  const MediaMessage& message = job.message;
  const media::OfferAnswer* state = said(message);
  const media::MediaList* offer = state ? state->last_offer() : nullptr;
  settle_passing_srtp(job);
  if (!offer) return;
  for (size_t i = 0; i < std::min(job.relayed.size(), offer->size()); ++i) {
    media::MediaDescription& line = job.relayed[i];
    if (!may_have_keys(line) || (*offer)[i].refused()) continue;
    const media::MediaDescription* before = state->preview(i);
    if (!before) before = state->agreed(message.sender, i);
    take_outcome(
        job, i,
        settle_answer(crypto_values(*job.sdp, job.sdp->media()[i]), (*offer)[i], before, line));
  }
}

// Lines that policy lets pass us by are refused where SRTP would have to end here.
void CallMedia::settle_passing_srtp(Job& job) {
  job.srtp_refused = {};
  const MediaSides sides = sides_of(job.message);
  for (size_t i = 0; i < job.actions.size(); ++i) {
    const media::SdpMedia& section = job.sdp->media()[i];
    if (job.actions[i] != MediaAction::pass ||
        passing_of(*job.sdp, section, sides) != SrtpPassing::not_at_all)
      continue;
    const bool plain =
        job.media[i].transport != media::MediaTransport::srtp && !job.media[i].crypto;
    media::SrtpOutcome outcome;
    outcome.refused = media::name_of(plain              ? media::SrtpReject::srtp_required
                                     : sides.sender.may ? sides.receiver.why_not
                                                        : sides.sender.why_not);
    take_outcome(job, i, outcome);
  }
}

// A refused line gets port 0; srtp_refused stays when no other is left.
void CallMedia::take_outcome(Job& job, size_t line, const media::SrtpOutcome& outcome) {
  for (const media::SdesReject reject : outcome.passed_over)
    parts_.counts.add_srtp(media::name_of(reject));
  if (outcome.given_up) say_given_up(job.message.sender);
  if (outcome.refused.empty()) return;
  parts_.counts.add_srtp(outcome.refused);
  parts_.counts.add(AnchorCounter::srtp_lines_refused);
  job.actions[line] = MediaAction::refuse;
  job.relayed[line].refuse();
  const bool any_left = std::any_of(job.actions.begin(), job.actions.end(), [](MediaAction action) {
    return action != MediaAction::refuse;
  });
  if (!any_left) job.srtp_refused = outcome.refused;
}

// `offer` allows it, and whoever talks should not find it out by chance.
void CallMedia::say_given_up(Side side) {
  parts_.counts.add(AnchorCounter::srtp_given_up);
  if (std::exchange(told_given_up_, true)) return;
  const std::string call = to_string(StreamName{call_key_, 0, 0, {}, true}).substr(0, 19);
  parts_.logger(LogLevel::warning,
                "media: the " + std::string(side == Side::caller ? "caller" : "callee") +
                    " of call " + call + " goes on in plain RTP, having had SRTP");
}

// Our keys into what is sent on. `texts` must live as long as `lines`. An answer goes out as its
// offer came: with its protocol, and the tag of the attribute that was taken.
void CallMedia::write_srtp(const Job& job, bool is_offer, std::vector<media::CryptoTexts>& texts,
                           std::vector<media::AnchorMedia>& lines) const {
  const media::OfferAnswer* state = said(job.message);
  const media::MediaList* offer = is_offer ? &job.relayed : (state ? state->last_offer() : nullptr);
  texts.clear();
  texts.resize(lines.size());
  for (size_t i = 0; offer && i < std::min(lines.size(), offer->size()); ++i) {
    const media::MediaDescription& line = (*offer)[i];
    if (lines[i].action != MediaAction::anchor || !line.srtp_ours) continue;
    if (is_offer) {
      for (const media::CryptoOffer& each : line.crypto_onward) texts[i].add(each);
      lines[i].secure = line.secure_onward;
    } else {
      if (line.srtp.out) texts[i].add({line.crypto_tag, line.srtp.out});
      lines[i].secure = line.transport == media::MediaTransport::srtp;
    }
    lines[i].crypto = texts[i].all();
  }
}

}  // namespace holdfast::sip
