// SPDX-License-Identifier: Apache-2.0
// Offer and answer in one dialog (RFC 3264, RFC 6337): who has offered, what stands, and which
// streams must exist now.
//
// Pure state without clock or text; the caller hands in what describe_media() and apply_plan() made
// of each body, and acts on what it gets. Nothing refused changes the state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "media/media_stream.hh"
#include "media/result.hh"
#include "media/sdp_media.hh"

namespace holdfast::media {

// Every reason to refuse an offer or an answer: X(name, what is wrong). Counter names.
#define HOLDFAST_OFFER_ANSWER_REJECTS(X)                                                         \
  X(oa_glare, "the other side's offer waits for its answer (RFC 3264 section 4): 491")           \
  X(oa_offer_pending, "this side's own offer waits for its answer (RFC 3264 section 4): 500")    \
  X(oa_media_removed, "an offer with fewer m= lines than before (RFC 3264 section 8)")           \
  X(oa_answer_unasked, "an answer without an offer")                                             \
  X(oa_answer_own_offer, "an answer from the side that offered")                                 \
  X(oa_answer_changed, "another answer after the one that counts (RFC 3261 section 13.2.1)")     \
  X(oa_media_count, "an answer with more or fewer m= lines than the offer (RFC 3264 section 6)") \
  X(oa_media_kind, "an answer takes an m= line as another kind than offered")                    \
  X(oa_media_revived,                                                                            \
    "an answer takes an m= line that was offered with port 0, or is ours to "                    \
    "refuse (RFC 3264 section 6)")                                                               \
  X(oa_too_many_branches, "more than 8 INVITEs of one call under way")                           \
  X(oa_too_many_forks, "more than 8 answering dialogs of one INVITE (RFC 3261 section 16.7)")    \
  X(oa_unknown_dialog, "no such branch or tag")                                                  \
  X(oa_bad_key, "a tag or branch is missing or longer than 256 bytes")

enum class OfferAnswerReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_OFFER_ANSWER_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(OfferAnswerReject reject);
std::string_view text_of(OfferAnswerReject reject);

// What carried the SDP.
enum class Carrier : uint8_t {
  provisional,  // 1xx without 100rel: a preview that the next response may replace
  reliable,     // a request, a reliable 1xx (RFC 3262), the 2xx of PRACK or UPDATE
  final         // the 2xx of INVITE, or its ACK
};

enum class Taken : uint8_t {
  fresh,  // something may have changed
  repeat  // said before: a retransmission, or the same answer in a later response
};
using OfferAnswerOutcome = Result<Taken, OfferAnswerReject>;

class OfferAnswer {
 public:
  OfferAnswerOutcome offer(Side from, Carrier carrier, const MediaList& media);
  OfferAnswerOutcome answer(Side from, Carrier carrier, const MediaList& media);
  // The request that carried the offer failed (488, 491, any 3xx to 6xx, a timeout): what stood
  // before it stands again. False: no offer was pending.
  bool withdraw();
  // A 2xx came without SDP: the preview, if there is one, was the answer. RFC 3261 section 13.2.1
  // does not allow that without 100rel, yet it is common.
  void settle();

  // Whose offer waits for an answer that counts.
  std::optional<Side> offer_pending() const;
  // That offer; null: none waits.
  const MediaList* pending_offer() const { return pending_ ? &pending_->offer : nullptr; }
  // The offer that waits, or else the one that stands: which an answer answers.
  const MediaList* last_offer() const;
  // What the side said of the m= line in the exchange that stands; null: nothing.
  const MediaDescription* agreed(Side side, size_t slot) const;
  // Its answer that is on its way: a preview.
  const MediaDescription* preview(size_t slot) const;
  // Streams in the order of their m= lines. While an offer waits, what stood goes on unchanged
  // (RFC 3264 section 8.3.1) and what is new in the offer is there too, not agreed.
  StreamList wanted() const;

 private:
  struct Exchange {
    Side offerer = Side::caller;
    Carrier carrier = Carrier::reliable;  // of the offer
    MediaList offer;
    std::optional<MediaList> answer;
  };

  uint32_t renewals_ = 0;
  std::optional<Exchange> standing_;  // the last one that was answered for good
  std::optional<Exchange> pending_;   // with an answer: a preview
};

}  // namespace holdfast::media
