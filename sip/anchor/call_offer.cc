// SPDX-License-Identifier: Apache-2.0
// Follows offers and answers, and writes what is sent on.
#include <algorithm>
#include <utility>

#include "sip/anchor/call_media.hh"
#include "sip/anchor/passing_keys.hh"

namespace holdfast::sip {
namespace {

using media::MediaAction;
using media::OfferAnswerReject;
using media::Side;

// An offer in a dialog whose answer we have not seen for so long has none any more: a transaction
// without a human in it ends within 64*T1 (RFC 3261 section 17).
constexpr uint64_t kStaleOfferMs = 40'000;

uint16_t status_of(OfferAnswerReject reject) {
  switch (reject) {
    case OfferAnswerReject::oa_glare:
      return 491;
    case OfferAnswerReject::oa_offer_pending:
      return 500;
    case OfferAnswerReject::oa_too_many_branches:
    case OfferAnswerReject::oa_too_many_forks:
      return 503;
    default:
      return 488;
  }
}

uint16_t status_of(const control::ClientError& refusal) {
  const bool our_lack = refusal.code != control::ErrorCode::kBadRequest &&
                        refusal.code != control::ErrorCode::kNoSuchFamily;
  return our_lack ? 503 : 488;
}

}  // namespace

media::Carrier carrier_of(const MediaMessage& message) {
  if (message.method == Method::ack) return media::Carrier::final;
  if (message.status == 0 || message.method != Method::invite) return media::Carrier::reliable;
  if (message.status >= 200) return media::Carrier::final;
  return message.reliable ? media::Carrier::reliable : media::Carrier::provisional;
}

// What becomes of each line. Without `allow_new`, lines that have no stream yet are refused.
void CallMedia::choose_actions(Job& job, bool allow_new) {
  job.actions.clear();
  const std::string branch(media_.branch_of(key(job.message.sender, job.message)));
  for (size_t i = 0; i < job.media.size(); ++i) {
    MediaAction action = media::action_for(job.media[i], parts_.config.media.policy);
    if (action == MediaAction::anchor && !allow_new && !plan_line(job, branch, i))
      action = MediaAction::refuse;
    job.actions.push_back(action);
  }
  std::vector<media::AnchorMedia> plan;
  for (const MediaAction action : job.actions) plan.push_back({action, {}, 0, false});
  job.relayed = job.media;
  media::apply_plan(plan, job.relayed);
}

// Of an offer: rtcp-mux is answered to its writer, and offered to its reader, each as the rules of
// the interface that they are behind have it. Once agreed it is offered again in every offer.
void CallMedia::choose_mux(Job& job) {
  const MediaMessage& message = job.message;
  const RtcpMux writer = rules_at(message.from.interface).rtcp_mux;
  const RtcpMux reader = rules_at(message.to.interface).rtcp_mux;
  const std::string branch(media_.branch_of(key(message.sender, message)));
  for (size_t i = 0; i < job.relayed.size(); ++i) {
    media::MediaDescription& line = job.relayed[i];
    line.rtcp_mux = line.rtcp_mux && writer != RtcpMux::off;
    line.rtcp_mux_onward =
        !line.refused() && media::is_rtp(line.transport) &&
        (reader == RtcpMux::offer || has_mux(job, branch, i, media::other(message.sender)));
  }
}

bool CallMedia::has_mux(const Job& job, std::string_view branch, size_t line, Side side) const {
  return std::any_of(current_.begin(), current_.end(), [&](const media::MediaStream& stream) {
    return stream.branch == branch && stream.slot == line &&
           stream.media == job.media[line].media &&
           stream.rtp == media::is_rtp(job.media[line].transport) && stream.end(side).rtcp_mux;
  });
}

void CallMedia::offer(const JobPtr& job, bool allow_new) {
  const MediaMessage& message = job->message;
  choose_actions(*job, allow_new);
  choose_mux(*job);
  settle_offered_srtp(*job);
  if (!job->srtp_refused.empty()) return refuse(job, 488, std::string(job->srtp_refused));
  const media::DialogKey dialog = key(message.sender, message);
  auto outcome = media_.offer(dialog, carrier_of(message), job->relayed);
  if (!outcome && withdraw_stale(*job))
    outcome = media_.offer(dialog, carrier_of(message), job->relayed);
  if (!outcome) {
    parts_.counts.add(outcome.error());
    return refuse(job, status_of(outcome.error()), std::string(media::name_of(outcome.error())));
  }
  const bool fresh = *outcome == media::Taken::fresh;
  parts_.counts.add(fresh ? AnchorCounter::offers : AnchorCounter::repeats);
  if (message.again) parts_.counts.add(AnchorCounter::srtp_offered_alone);
  note_offer(*job, fresh);
  bring([this, job, allow_new](const Brought& brought) { offered(job, allow_new, brought); });
}

void CallMedia::note_offer(const Job& job, bool fresh) {
  Notes& notes = notes_of(job.message);
  if (fresh) notes.offer_ms = parts_.loop.now_ms();
  notes.offer_method = job.message.method;
  notes.offer_in_response = job.message.status != 0;
  remember_places(job);
}

// True: the way is free for another offer.
bool CallMedia::withdraw_stale(const Job& job) {
  const Notes& notes = notes_of(job.message);
  const auto waits = pending(job.message);
  if (!waits || job.message.callee_tag.empty()) return false;
  if (parts_.loop.now_ms() - notes.offer_ms < kStaleOfferMs) return false;
  return media_.withdraw(key(*waits, job.message)).ok();
}

void CallMedia::offered(const JobPtr& job, bool allow_new, const Brought& brought) {
  if (!brought.away && !brought.refused) return rewrite(job);
  const std::optional<control::ClientError> refused = brought.refused;
  withdraw(key(job->message.sender, job->message), [this, job, allow_new, refused] {
    const std::string branch(media_.branch_of(key(job->message.sender, job->message)));
    const bool has_streams =
        !branch.empty() && std::any_of(current_.begin(), current_.end(),
                                       [&](const auto& stream) { return stream.branch == branch; });
    if (refused && parts_.config.refuse_without_legs) {
      parts_.counts.add(AnchorCounter::refused_no_leg);
      return refuse(job, status_of(*refused), AnchorCounts::name_of(*refused));
    }
    if (!has_streams || !allow_new)
      return pass_unanchored(
          job, refused ? AnchorCounter::unanchored_refused : AnchorCounter::unanchored_away);
    // What stands is ours and goes on; only what would be new has to wait.
    parts_.counts.add(AnchorCounter::lines_refused_away);
    offer(job, false);
  });
}

void CallMedia::pass_unanchored(const JobPtr& job, AnchorCounter why) {
  MediaVerdict verdict = pass_by(job->message, parts_.config.media, parts_.counts);
  if (verdict.kind == MediaVerdict::Kind::refuse) return conclude(job, std::move(verdict));
  parts_.counts.add(why);
  Notes& notes = notes_of(job->message);
  notes.passing = job->message.sender;
  notes.offer_method = job->message.method;
  notes.offer_in_response = job->message.status != 0;
  conclude(job, std::move(verdict));
}

// To an offer that went unanchored.
void CallMedia::pass_answer(const JobPtr& job) {
  MediaVerdict verdict = pass_by(job->message, parts_.config.media, parts_.counts);
  const bool passes = verdict.kind != MediaVerdict::Kind::refuse;
  if (passes) parts_.counts.add(AnchorCounter::unanchored_answers);
  if (carrier_of(job->message) != media::Carrier::provisional) {
    Notes& notes = notes_of(job->message);
    notes.passing.reset();
    notes.unanchored = passes;
    if (unanchored() && parts_.unanchored) parts_.unanchored(call_key_);
  }
  conclude(job, std::move(verdict));
}

void CallMedia::answer(const JobPtr& job) {
  const MediaMessage& message = job->message;
  choose_actions(*job, true);
  settle_answered_srtp(*job);
  // Of the call's first INVITE; in a dialog the line ends, and the call is its users' to end.
  if (!job->srtp_refused.empty() && message.status != 0 && !message.branch.empty())
    return refuse(job, 488, std::string(job->srtp_refused));
  const auto outcome =
      media_.answer(key(media::other(message.sender), message), carrier_of(message), job->relayed);
  if (!outcome) {
    const OfferAnswerReject reject = outcome.error();
    parts_.counts.add(reject);
    if (reject != OfferAnswerReject::oa_answer_changed &&
        reject != OfferAnswerReject::oa_answer_unasked)
      return refuse(job, status_of(reject), std::string(media::name_of(reject)));
    // To be ignored by whoever reads it (RFC 3261 section 13.2.1), yet it must not lead around us.
    parts_.counts.add(AnchorCounter::answers_not_followed);
    return rewrite(job);
  }
  const bool fresh = *outcome == media::Taken::fresh;
  parts_.counts.add(fresh ? AnchorCounter::answers : AnchorCounter::repeats);
  Notes& notes = notes_of(message);
  notes.unanchored = false;
  if (message.status == 0 && notes.offer_in_response) notes.invite_settled = true;
  remember_places(*job);
  // A stream that comes back with another fork may find no leg; its line is refused below.
  bring([this, job](const Brought&) { rewrite(job); });
}

void CallMedia::withdraw(const media::DialogKey& dialog, std::function<void()> then) {
  (void)media_.withdraw(dialog);
  bring([then = std::move(then)](const Brought&) { then(); });
}

std::optional<media::AnchorMedia> CallMedia::plan_line(const Job& job, std::string_view branch,
                                                       size_t line) const {
  const media::MediaDescription& media = job.media[line];
  media::MediaStream stream;
  stream.branch = branch;
  stream.slot = line;
  stream.media = media.media;
  stream.rtp = media::is_rtp(media.transport);
  const StreamEntry* entry = parts_.streams.find(name_of(stream));
  if (!entry) return std::nullopt;
  const LegPlace& reader = entry->places[media::index_of(media::other(job.message.sender))];
  if (reader.local.is_none()) return std::nullopt;
  // A leg with rtcp-mux still listens on the port after its RTP's.
  const bool mux = reader.local_rtcp.port == reader.local.port;
  return media::AnchorMedia{MediaAction::anchor, reader.local,
                            mux ? uint16_t{0} : reader.local_rtcp.port, false};
}

void CallMedia::rewrite(const JobPtr& job) {
  const MediaMessage& message = job->message;
  const Side reader = media::other(message.sender);
  const std::string branch(media_.branch_of(key(message.sender, message)));
  std::vector<media::AnchorMedia> lines;
  media::AnchorPlan plan;
  bool all_pass = true;
  const bool is_offer = pending(message) == message.sender;
  const MediaSides sides = sides_of(message);
  for (size_t i = 0; i < job->actions.size(); ++i) {
    media::AnchorMedia line{job->actions[i], {}, 0, false};
    if (line.action == MediaAction::anchor)
      line = plan_line(*job, branch, i).value_or(media::AnchorMedia{});
    line.rtcp_mux = is_offer ? job->relayed[i].rtcp_mux_onward : has_mux(*job, branch, i, reader);
    if (plan.address.is_none()) plan.address = line.local.ip;
    const bool passes = line.action == MediaAction::pass;
    if (passes && passing_of(*job->sdp, job->sdp->media()[i], sides) != SrtpPassing::as_it_came)
      line.secure = false;
    all_pass = all_pass && passes;
    lines.push_back(line);
  }
  const bool any = !plan.address.is_none();
  // Nothing here is ours: SDP of a dialog that went unanchored, or without any line to change.
  if (all_pass || (!any && branch.empty())) return pass(job);
  if (!any) {
    plan.address = parts_.streams.address_at(places_[branch][media::index_of(reader)].interface,
                                             message.to.address.ip.family);
    if (plan.address.is_none()) plan.address.family = 4;  // unspecified: every port is 0
  }
  std::vector<media::CryptoTexts> texts;
  write_srtp(*job, is_offer, texts, lines);
  plan.media = lines;
  const std::string dialog = message.callee_tag.empty() ? branch : message.callee_tag;
  const std::string suffix = reader == Side::caller ? "<" : ">";
  const auto first = keepers_.find(branch + suffix);
  if (!keepers_.contains(dialog + suffix) && first != keepers_.end())
    keepers_[dialog + suffix] = first->second;
  auto body = keepers_[dialog + suffix].anchor(*job->sdp, plan);
  if (!body) {
    parts_.counts.add(body.error());
    const std::string reason(media::name_of(body.error()));
    if (pending(message) != message.sender) return refuse(job, 488, reason);
    return withdraw(key(message.sender, message),
                    [this, job, reason] { refuse(job, 488, reason); });
  }
  parts_.counts.add(AnchorCounter::bodies_rewritten);
  if (is_offer) keep_offer(*job);
  MediaVerdict verdict{MediaVerdict::Kind::replace, {}, 0, {}};
  verdict.body = replace_sdp(message.body, job->part, *body);
  media::wipe(body.value());
  conclude(job, std::move(verdict));
}

}  // namespace holdfast::sip
