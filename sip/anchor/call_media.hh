// SPDX-License-Identifier: Apache-2.0
// The media of one call: follows its offers and answers message by message, has the streams made,
// and writes our addresses into what is sent on.
//
// SIP loop only. Messages, ends of dialogs and the end of the call are worked off one by one; each
// waits until the dataplane has answered for the one before, which is a bounded time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "media/media_call.hh"
#include "media/sdp_origin.hh"
#include "sip/anchor/anchor_counts.hh"
#include "sip/anchor/media_anchor.hh"
#include "sip/anchor/offer_files.hh"
#include "sip/anchor/out_keys.hh"
#include "sip/anchor/sdp_part.hh"
#include "sip/anchor/stream_table.hh"
#include "sip/media_filter.hh"
#include "sip/media_sides.hh"

namespace holdfast::sip {

// What the calls have in common; outlives them.
struct AnchorParts {
  const AnchorConfig& config;
  Loop& loop;
  StreamTable& streams;
  OfferFiles& offers;
  AnchorCounts& counts;
  const Logger& logger;
  std::function<void(uint64_t call_key)> unanchored;  // see MediaFilter; may be none
};

// What names a kept offer in its call, from it, its answer or its ACK.
std::string kept_name(const MediaMessage& message);
media::Carrier carrier_of(const MediaMessage& message);

class CallMedia : public std::enable_shared_from_this<CallMedia> {
 public:
  using Done = std::function<void(MediaVerdict)>;
  using EndDone = std::function<void(std::vector<control::CallReport>)>;

  CallMedia(AnchorParts& parts, uint64_t call_key, const std::string& caller_tag)
      : parts_(parts),
        call_key_(call_key),
        media_(caller_tag),
        caller_tag_(caller_tag),
        out_keys_(parts.counts) {}

  void message(const MediaMessage& message, Done done);
  void dialog_ended(const std::string& callee_tag);
  // Every stream of the call goes, of those too that were not claimed.
  void call_ended(EndDone done);

  bool anchored() const { return !current_.empty(); }
  // Nothing is under way or kept for it, and since when it has said nothing.
  bool idle() const { return current_.empty() && !busy_ && tasks_.empty(); }
  uint64_t said_ms() const { return said_ms_; }
  bool unanchored() const;
  size_t waiting() const { return tasks_.size(); }

 private:
  // What is remembered of a dialog, or of a branch without one yet, beside media_'s state.
  struct Notes {
    std::optional<bool>
        invite_offered;           // by the last INVITE's own SDP; none: from before a restart
    bool invite_settled = false;  // an offer that its response made has been answered
    Method offer_method = Method::unknown;  // of the offer that waits; a response's: of its request
    bool offer_in_response = false;
    uint64_t offer_ms = 0;
    std::optional<media::Side> passing;  // whose offer went unanchored and waits for its answer
    bool unanchored = false;             // what stands passes us by
  };
  // One message on its way through. `sdp` points into the message, so a job stays where it is.
  struct Job {
    MediaMessage message;
    Done done;
    SdpPart part;
    std::optional<media::Sdp> sdp;
    media::MediaList media;
    media::MediaList relayed;  // what the relay sees of it
    std::vector<media::MediaAction> actions;
    std::string_view srtp_refused;  // the first reason, if all its lines are refused by SRTP
    std::optional<KeptOffer> kept;  // of before we started: the message itself, or what it answers
  };
  using JobPtr = std::shared_ptr<Job>;
  enum class Role : uint8_t { offer, answer, echo };
  struct Brought {
    bool away = false;
    std::optional<control::ClientError> refused;
  };
  using Then = std::function<void(const Brought&)>;
  struct Where {
    std::string interface;
    uint8_t family = 0;
  };

  // call_media.cc: one after the other; what a message means
  void enqueue(std::function<void()> task);
  void drain();
  void finish();
  void conclude(const JobPtr& job, MediaVerdict verdict);
  void pass(const JobPtr& job);
  void refuse(const JobPtr& job, uint16_t status, std::string reason);
  void take(const JobPtr& job);
  void take_without_sdp(const JobPtr& job);
  void take_failure(const JobPtr& job);
  bool read_sdp(const JobPtr& job);
  Role role_of(const Job& job);
  Notes& notes_of(const MediaMessage& message);
  media::DialogKey key(media::Side offerer, const MediaMessage& message) const;
  std::optional<media::Side> pending(const MediaMessage& message) const;

  // call_offer.cc: following
  void choose_mux(Job& job);
  void offer(const JobPtr& job, bool allow_new);
  void note_offer(const Job& job, bool fresh);
  bool withdraw_stale(const Job& job);
  void offered(const JobPtr& job, bool allow_new, const Brought& brought);
  void pass_unanchored(const JobPtr& job, AnchorCounter why);
  void answer(const JobPtr& job);
  void pass_answer(const JobPtr& job);
  void withdraw(const media::DialogKey& dialog, std::function<void()> then);
  void choose_actions(Job& job, bool allow_new);
  void rewrite(const JobPtr& job);
  std::optional<media::AnchorMedia> plan_line(const Job& job, std::string_view branch,
                                              size_t line) const;
  // Whether the line's end of that side shares a port for RTP and RTCP, as the dataplane was asked.
  bool has_mux(const Job& job, std::string_view branch, size_t line, media::Side side) const;

  // call_kept.cc: offers that outlive us
  bool is_known(const MediaMessage& message) const;
  void find_kept(Job& job);
  void follow_kept(const Job& answer);
  bool has_lost_keys(const Job& job);
  void lose(const JobPtr& job);
  void keep_offer(const Job& job);
  void forget_offer(const MediaMessage& message);

  // call_srtp.cc: keys
  const media::OfferAnswer* said(const MediaMessage& message) const;
  MediaSides sides_of(const MediaMessage& message) const;
  void settle_offered_srtp(Job& job);
  bool may_want_srtp_alone(const Job& job) const;
  void settle_answered_srtp(Job& job);
  void settle_passing_srtp(Job& job);
  void take_outcome(Job& job, size_t line, const media::SrtpOutcome& outcome);
  void say_given_up(media::Side side);
  void write_srtp(const Job& job, bool is_offer, std::vector<media::CryptoTexts>& texts,
                  std::vector<media::AnchorMedia>& lines) const;

  // call_streams.cc: the dataplane's part
  void bring(Then then);
  void carry_out(const std::vector<media::StreamChange>& steps, Then then);
  void add(StreamPlan plan, const std::function<void(std::optional<control::ClientError>)>& done);
  void note_streams();
  void keep(std::optional<control::CallReport> report);
  StreamName name_of(const media::MediaStream& stream) const;
  StreamPlan plan_of(const media::MediaStream& stream);
  InterfaceRules rules_at(const std::string& interface) const;
  void remember_places(const Job& job);
  void take_over(const Job& job);
  std::vector<const StreamEntry*> adopted_branch(const Job& job) const;

  AnchorParts& parts_;
  uint64_t call_key_;
  media::MediaCall media_;
  std::string caller_tag_;
  media::StreamList current_;           // what the dataplane was asked for
  std::map<std::string, Notes> notes_;  // by dialog
  std::set<std::string> kept_;          // names of its offers that are files
  Notes overflow_;
  std::map<std::string, media::SdpOriginKeeper> keepers_;  // by dialog and who reads
  std::map<std::string, uint64_t, std::less<>> aliases_;   // branches taken over: id to hash
  std::map<std::string, std::array<Where, 2>, std::less<>> places_;  // by branch, then Side
  std::map<std::string, std::array<LegPlace, 2>> former_;            // ports that streams gave back
  OutKeys out_keys_;
  std::vector<control::CallReport> finished_;
  std::deque<std::function<void()>> tasks_;
  size_t messages_waiting_ = 0;
  uint64_t said_ms_ = 0;
  bool busy_ = false;
  bool draining_ = false;
  bool answered_ = false;   // by a 2xx
  bool emergency_ = false;  // a call for help
  bool told_given_up_ = false;
};

}  // namespace holdfast::sip
