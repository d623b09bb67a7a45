// SPDX-License-Identifier: Apache-2.0
// Offer and answer in one dialog.
#include "media/offer_answer.hh"

#include <algorithm>

namespace holdfast::media {
namespace {

// Kinds that the relay handles alike: an offer of RTP/AVP with a=crypto may be answered RTP/SAVP.
bool same_kind(const MediaDescription& a, const MediaDescription& b) {
  if (a.media != b.media) return false;
  return is_rtp(a.transport) ? is_rtp(b.transport) : a.transport == b.transport;
}

std::optional<OfferAnswerReject> misfit(const MediaList& offer, const MediaList& answer) {
  if (offer.size() != answer.size()) return OfferAnswerReject::oa_media_count;
  for (size_t i = 0; i < offer.size(); ++i) {
    if (answer[i].refused()) continue;
    if (offer[i].refused()) return OfferAnswerReject::oa_media_revived;
    if (!same_kind(offer[i], answer[i])) return OfferAnswerReject::oa_media_kind;
  }
  return std::nullopt;
}

StreamEnd end_of(const MediaDescription& own, const MediaDescription* others, bool rtcp_mux) {
  StreamEnd end;
  end.remote = own.remote;
  end.host = own.host;
  end.direction = own.direction;
  end.held_by_address = own.held_by_address;
  end.rtcp_mux = rtcp_mux;
  end.remote_rtcp = end.rtcp_mux ? own.remote : own.remote_rtcp;
  end.srtp = own.srtp;
  if (others)
    for (const PayloadClock& clock : others->clocks.all()) end.clocks.add(clock);
  for (const PayloadClock& clock : own.clocks.all()) end.clocks.add(clock);
  return end;
}

// RTP/AVP with keys is SRTP if the answer has some too.
bool is_sealed(const MediaDescription& offer, const MediaDescription* answer) {
  if (offer.srtp_ours || !is_rtp(offer.transport)) return false;
  return offer.transport == MediaTransport::srtp || (offer.crypto && answer && answer->crypto);
}

MediaStream stream_of(size_t slot, Side offerer, const MediaDescription& offer,
                      const MediaDescription* answer) {
  MediaStream stream;
  stream.slot = slot;
  stream.media = offer.media;
  stream.rtp = is_rtp(offer.transport);
  stream.agreed = answer != nullptr;
  stream.sealed = is_sealed(offer, answer);
  // rtcp-mux is agreed with each side for itself: what one of them can do, the other need not.
  stream.end(offerer) = end_of(offer, answer, answer && offer.rtcp_mux);
  if (answer) {
    stream.end(other(offerer)) = end_of(*answer, &offer, answer->rtcp_mux && offer.rtcp_mux_onward);
  } else {
    stream.end(other(offerer)).clocks = offer.clocks;
    // It may send by our keys at once, under a key of its own that its answer will bring.
    if (!offer.crypto_onward.empty()) stream.end(other(offerer)).srtp.mode = SrtpEnd::Mode::sdes;
  }
  return stream;
}

bool carried(const MediaDescription& media) {
  return !media.refused() && media.transport != MediaTransport::other;
}

}  // namespace

std::string_view name_of(OfferAnswerReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text)  \
  case OfferAnswerReject::name: \
    return #name;
    HOLDFAST_OFFER_ANSWER_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(OfferAnswerReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text)  \
  case OfferAnswerReject::name: \
    return text;
    HOLDFAST_OFFER_ANSWER_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

OfferAnswerOutcome OfferAnswer::offer(Side from, Carrier carrier, const MediaList& media) {
  if (pending_ && pending_->offerer != from) return OfferAnswerReject::oa_glare;
  if (pending_ && pending_->offer == media) {
    pending_->carrier = std::max(pending_->carrier, carrier);
    return Taken::repeat;
  }
  // Only the preview of an offer, in a 1xx that may be lost, can give way to another.
  if (pending_ && (pending_->answer || pending_->carrier != Carrier::provisional))
    return OfferAnswerReject::oa_offer_pending;
  if (standing_ && media.size() < standing_->offer.size())
    return OfferAnswerReject::oa_media_removed;
  pending_ = Exchange{from, carrier, media, std::nullopt};
  return Taken::fresh;
}

OfferAnswerOutcome OfferAnswer::answer(Side from, Carrier carrier, const MediaList& media) {
  if (!pending_) {
    if (!standing_ || standing_->offerer == from) return OfferAnswerReject::oa_answer_unasked;
    if (*standing_->answer != media) return OfferAnswerReject::oa_answer_changed;
    return Taken::repeat;
  }
  if (pending_->offerer == from) return OfferAnswerReject::oa_answer_own_offer;
  if (const auto refused = misfit(pending_->offer, media)) return *refused;
  const bool same = pending_->answer == media;
  pending_->answer = media;
  if (carrier != Carrier::provisional) settle();
  return same ? Taken::repeat : Taken::fresh;
}

bool OfferAnswer::withdraw() {
  const bool was = pending_.has_value();
  pending_.reset();
  return was;
}

void OfferAnswer::settle() {
  if (!pending_ || !pending_->answer) return;
  if (standing_) ++renewals_;
  standing_ = std::move(pending_);
  pending_.reset();
}

std::optional<Side> OfferAnswer::offer_pending() const {
  if (!pending_) return std::nullopt;
  return pending_->offerer;
}

const MediaList* OfferAnswer::last_offer() const {
  if (pending_) return &pending_->offer;
  return standing_ ? &standing_->offer : nullptr;
}

const MediaDescription* OfferAnswer::agreed(Side side, size_t slot) const {
  if (!standing_) return nullptr;
  const MediaList& list = standing_->offerer == side ? standing_->offer : *standing_->answer;
  return slot < list.size() ? &list[slot] : nullptr;
}

const MediaDescription* OfferAnswer::preview(size_t slot) const {
  if (!pending_ || !pending_->answer || slot >= pending_->answer->size()) return nullptr;
  return &(*pending_->answer)[slot];
}

StreamList OfferAnswer::wanted() const {
  StreamList list;
  const bool preview = pending_ && pending_->answer;
  if (const auto& now = preview ? pending_ : standing_)
    for (size_t i = 0; i < now->offer.size(); ++i)
      if (carried(now->offer[i]) && carried((*now->answer)[i]))
        list.push_back(stream_of(i, now->offerer, now->offer[i], &(*now->answer)[i]));
  for (MediaStream& stream : list) stream.renewals = renewals_;
  if (!pending_ || preview) return list;
  for (size_t i = 0; i < pending_->offer.size(); ++i) {
    if (!carried(pending_->offer[i])) continue;
    MediaStream offered = stream_of(i, pending_->offerer, pending_->offer[i], nullptr);
    const bool stands = std::any_of(list.begin(), list.end(), [&](const MediaStream& stream) {
      return stream.same_key(offered);
    });
    if (!stands) list.push_back(std::move(offered));
  }
  for (MediaStream& stream : list) stream.renewals = renewals_;
  std::stable_sort(list.begin(), list.end(),
                   [](const MediaStream& a, const MediaStream& b) { return a.slot < b.slot; });
  return list;
}

}  // namespace holdfast::media
