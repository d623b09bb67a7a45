// SPDX-License-Identifier: Apache-2.0
// Offers that outlive this process: what is needed to know their answers, and themselves when they
// come again, as if we had not been killed in between.
#include <algorithm>
#include <utility>

#include "sip/anchor/call_media.hh"

namespace holdfast::sip {
namespace {

bool may_answer(const MediaMessage& message) {
  return message.status != 0 || message.method == Method::ack || message.method == Method::prack;
}

// A request is answered by its response, an offer in a response by the ACK or PRACK.
bool is_answer(const MediaMessage& message, const KeptOffer& offer) {
  if (offer.sender != media::other(message.sender) || !may_answer(message)) return false;
  return (offer.status == 0) == (message.status != 0) &&
         (message.status == 0 || message.method == offer.method);
}

}  // namespace

std::string kept_name(const MediaMessage& message) {
  return message.branch.empty() ? "t" + message.callee_tag : "b" + message.branch;
}

bool CallMedia::is_known(const MediaMessage& message) const {
  return !media_.branch_of(key(message.sender, message)).empty() ||
         (!message.branch.empty() && !media_.branch_of({caller_tag_, {}, message.branch}).empty());
}

// In a dialog every offer, since it may move what stands; of the call's first INVITE one with SRTP:
// all else of it is told by the dataplane's legs.
void CallMedia::keep_offer(const Job& job) {
  const MediaMessage& message = job.message;
  const bool has_keys =
      std::any_of(job.relayed.begin(), job.relayed.end(), [](const media::MediaDescription& line) {
        return line.srtp_ours && (line.srtp.out || !line.crypto_onward.empty());
      });
  const bool by_dialog = message.branch.empty() || message.status != 0;
  const std::string name = by_dialog ? "t" + message.callee_tag : kept_name(message);
  if (!by_dialog && !has_keys) return parts_.offers.forget(call_key_, name);
  KeptOffer offer{message.sender, message.method, message.status, message.reliable, {}, {}};
  offer.sdp = message.body.substr(job.part.begin, job.part.size);
  offer.ours = job.relayed;
  const bool done = parts_.offers.keep(call_key_, name, offer);
  parts_.counts.add(done ? AnchorCounter::offers_kept : AnchorCounter::offers_not_kept);
  if (done && !by_dialog) kept_.insert(name);
}

// It came to nothing, or is over: the ACK tells that its answer has come to the end.
void CallMedia::forget_offer(const MediaMessage& message) {
  parts_.offers.forget(call_key_, kept_name(message));
  if (message.method != Method::ack) return;
  for (const std::string& name : std::exchange(kept_, {})) parts_.offers.forget(call_key_, name);
}

// What the message answers is followed first.
void CallMedia::find_kept(Job& job) {
  const MediaMessage& message = job.message;
  if (is_known(message)) return;
  auto kept = parts_.offers.find(call_key_, kept_name(message));
  if (!kept) return;
  const bool answers = is_answer(message, *kept);
  const auto sdp = std::string_view(message.body).substr(job.part.begin, job.part.size);
  const bool is_again = kept->sender == message.sender && kept->method == message.method &&
                        (kept->status == 0) == (message.status == 0) && kept->sdp == sdp;
  if (!answers && !is_again) return;
  parts_.counts.add(AnchorCounter::offers_of_before);
  if (message.status != 0) notes_of(message).invite_offered = answers;
  if (!message.branch.empty()) kept_.insert(kept_name(message));
  job.kept = std::move(kept);
  if (answers) follow_kept(job);
}

void CallMedia::follow_kept(const Job& answer) {
  const MediaMessage& message = answer.message;
  Job job;
  job.kept = answer.kept;
  job.message = message;
  job.message.sender = job.kept->sender;
  job.message.method = job.kept->method;
  job.message.status = job.kept->status;
  job.message.reliable = job.kept->reliable;
  if (!message.branch.empty()) job.message.callee_tag.clear();
  std::swap(job.message.from, job.message.to);
  job.message.content_type = "application/sdp";
  job.message.body = job.kept->sdp;
  job.part = {SdpPart::Kind::sdp, 0, job.message.body.size()};
  auto sdp = media::parse_sdp(job.message.body);
  auto described = sdp ? media::describe_media(*sdp) : sdp.error();
  if (!described) return;
  job.sdp = std::move(sdp).value();
  job.media = std::move(described).value();
  Notes& notes = notes_of(job.message);
  if (job.message.status != 0) notes.invite_offered = false;
  if (job.message.status == 0 && job.message.method == Method::invite) notes.invite_offered = true;
  take_over(job);
  choose_actions(job, true);
  choose_mux(job);
  settle_offered_srtp(job);
  const media::DialogKey dialog = key(job.message.sender, job.message);
  if (media_.offer(dialog, carrier_of(job.message), job.relayed)) note_offer(job, true);
}

// Without the offer nobody knows the keys that go with the answer: ours that it takes, and those
// that its reader was to send under.
bool CallMedia::has_lost_keys(const Job& job) {
  const MediaMessage& message = job.message;
  if (!message.branch.empty() || !may_answer(message) || message.method == Method::prack ||
      is_known(message) || notes_of(message).invite_offered == false)
    return false;
  const auto streams = adopted_branch(job);
  return std::any_of(streams.begin(), streams.end(), [](const StreamEntry* each) {
    return std::any_of(each->plan.srtp.begin(), each->plan.srtp.end(),
                       [](const auto& end) { return end.mode == media::SrtpEnd::Mode::kept; });
  });
}

// The legs go on as they are, and whoever offered is to offer again.
void CallMedia::lose(const JobPtr& job) {
  const std::string_view why = media::name_of(media::SrtpReject::srtp_keys_lost);
  parts_.counts.add_srtp(why);
  conclude(job, {MediaVerdict::Kind::refuse, {}, 491, std::string(why)});
}

}  // namespace holdfast::sip
