// SPDX-License-Identifier: Apache-2.0
// Enters into the book of links what each call holds, as its messages pass, and refuses what would
// be one call or one codec too many.
//
// Stands before the filter that anchors media, since both have to see the same messages: each
// INVITE on its way to a target, each offer and answer, each end of a call. SIP loop only; never
// waits by itself.
//
// The link on the caller's side is held from the INVITE on, the one on the callee's too, unless
// routing takes the call for one between phones of ours; SDP from across a link that names an
// address of ours gives it back, any other takes it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sip/admission.hh"
#include "sip/decision.hh"
#include "sip/media_ask.hh"
#include "sip/media_filter.hh"
#include "sip/media_sides.hh"

namespace holdfast::sip {

// The reason of its refusals, and the detail in the records.
inline constexpr std::string_view kNoBandwidth = "no_bandwidth";
inline constexpr uint16_t kNoRoomForCall = 480;   // see docs/decisions/0014-call-admission-480.md
inline constexpr uint16_t kNoRoomForOffer = 488;  // RFC 3261 section 14.2: the session stays

class AdmissionFilter final : public MediaFilter {
 public:
  using LinkOf = std::function<LinkId(const Origin&)>;

  // `inner`, if there is one, and the rules outlive it.
  AdmissionFilter(AdmissionBook& book, const MediaRules& rules, MediaFilter* inner, LinkOf link_of)
      : book_(book), rules_(rules), inner_(inner), link_of_(std::move(link_of)) {}

  // Routing has let the call begin, or try again after a challenge. Calls that were never begun
  // hold nothing, whatever they say.
  void begin(uint64_t call_key, const Forward& decision);

  // A call from before we started, as the dataplane lists it or as a request inside of it shows: by
  // the links on its two sides. Does nothing if it is known.
  void adopt(uint64_t call_key, const CallUse& use);
  // It is held as adopted, and has said nothing of its media since.
  bool is_adopted(uint64_t call_key) const;
  // Gives back what was adopted and is not among those that live.
  void retain_adopted(const std::function<bool(uint64_t call_key)>& lives);

  void message(const MediaMessage& message, std::function<void(MediaVerdict)> done) override;
  void dialog_ended(uint64_t call_key, const std::string& caller_tag,
                    const std::string& callee_tag) override;
  void call_ended(uint64_t call_key,
                  std::function<void(std::vector<control::CallReport>)> done) override;
  void on_silence(std::function<void(uint64_t call_key)> silent) override;
  void on_one_way(OneWay one_way) override;
  void on_unanchored(std::function<void(uint64_t call_key)> unanchored) override;

 private:
  // What is known of a call's media. A field for each side, by media::index_of().
  struct Media {
    std::array<LinkId, 2> links{kNoLink, kNoLink};
    std::array<bool, 2> joined{};        // that side's SDP named an address of ours
    bool stays_local = false;            // the callee's side is not asked for yet
    std::array<Trailers, 2> trailers{};  // of what it said last, or was offered; empty: nothing yet
    std::array<media::MediaDemand, 2> demands{media::kUsualDemand, media::kUsualDemand};
  };
  struct Call {
    Media media;
    bool exempt = false;
    bool adopted = false;      // from before we started
    bool has_spoken = false;   // its SDP since then counts, not the list
    bool was_refused = false;  // what it asked for last
    // What to go back to when the offer under way is refused.
    std::optional<Media> before_offer;
    // The newest answer before the 2xx, and whose it is: the 2xx need not say it again.
    MediaAsk early;
    std::string early_tag;
  };

  // The verdict's status; 0: let it pass.
  uint16_t take(uint64_t call_key, Call& call, const MediaMessage& message);
  uint16_t take_first(uint64_t call_key, Call& call, const MediaMessage& message,
                      const MediaAsk& ask);
  uint16_t take_inside(uint64_t call_key, Call& call, const MediaMessage& message,
                       const MediaAsk& ask);
  void weigh(const MediaMessage& message, const MediaAsk& ask, bool offers, Media& media) const;
  void revert(uint64_t call_key);
  bool try_hold(uint64_t call_key, Call& call, const Media& media);
  static CallUse use_of(const Media& media);

  AdmissionBook& book_;
  const MediaRules& rules_;
  MediaFilter* inner_;
  LinkOf link_of_;
  std::unordered_map<uint64_t, Call> calls_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast::sip
