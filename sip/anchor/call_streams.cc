// SPDX-License-Identifier: Apache-2.0
// Has the dataplane follow the streams that a call wants, and takes over those from before a
// restart.
#include <algorithm>
#include <utility>

#include "sip/anchor/call_media.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using media::StreamChange;

constexpr size_t kMaxFinished = 64;  // reports kept until the call ends
constexpr size_t kMaxFormer = 64;

bool is_held(const media::MediaStream& stream) {
  return std::any_of(stream.ends.begin(), stream.ends.end(), [](const media::StreamEnd& end) {
    return end.held_by_address || end.direction != media::SdpDirection::sendrecv;
  });
}

control::LegSpec spec_of(const media::StreamEnd& end) {
  control::LegSpec spec;
  spec.remote = end.remote;
  spec.rtcp_mux = end.rtcp_mux;
  const bool own_rtcp =
      !end.rtcp_mux && end.remote && end.remote_rtcp &&
      (end.remote_rtcp->ip != end.remote->ip || end.remote_rtcp->port != end.remote->port + 1);
  if (own_rtcp) spec.remote_rtcp = end.remote_rtcp;
  for (const media::PayloadClock& clock : end.clocks.all())
    spec.clock_rates.push_back({clock.payload_type, clock.hz});
  return spec;
}

// The class that marks the stream's packets. What is neither video nor fax (text, RFC 4103) is
// small and wants to be on time, as audio does.
control::Media media_of(const media::MediaStream& stream) {
  if (!stream.rtp || stream.media == "image") return control::Media::kFax;
  return stream.media == "video" ? control::Media::kVideo : control::Media::kAudio;
}

// What the end of an adopted stream would have said in SDP.
media::MediaDescription described(const StreamEntry* entry, Side side) {
  media::MediaDescription line;
  line.media = "audio";
  line.transport = media::MediaTransport::rtp;
  if (!entry) return line;
  const control::LegSpec& leg = entry->plan.legs[media::index_of(side)];
  line.media = entry->plan.name.media;
  if (!entry->plan.name.rtp) line.transport = media::MediaTransport::udptl;
  constexpr uint16_t kDiscard = 9;  // any port but 0, where no remote is known
  line.port = leg.remote ? leg.remote->port : kDiscard;
  line.remote = leg.remote;
  line.remote_rtcp = leg.remote_rtcp;
  line.rtcp_mux = leg.rtcp_mux;
  line.rtcp_mux_onward = true;  // who answers with it was offered it
  line.crypto = leg.sealed;
  line.srtp = entry->plan.srtp[media::index_of(side)];
  for (const media::SrtpEnd& end : entry->plan.srtp)
    line.srtp_ours |= end.mode != media::SrtpEnd::Mode::plain;
  if (leg.remote && !leg.remote_rtcp && leg.remote->port < UINT16_MAX && entry->plan.name.rtp)
    line.remote_rtcp = {leg.remote->ip, static_cast<uint16_t>(leg.remote->port + 1)};
  return line;
}

}  // namespace

StreamName CallMedia::name_of(const media::MediaStream& stream) const {
  const auto alias = aliases_.find(stream.branch);
  const uint64_t branch = alias == aliases_.end() ? hash_of_branch(stream.branch) : alias->second;
  return {call_key_, branch, stream.slot, stream.media, stream.rtp};
}

StreamPlan CallMedia::plan_of(const media::MediaStream& stream) {
  StreamPlan plan;
  plan.name = name_of(stream);
  const auto where = places_.find(stream.branch);
  for (const Side side : {Side::caller, Side::callee}) {
    control::LegSpec& leg = plan.legs[media::index_of(side)];
    leg = spec_of(stream.end(side));
    leg.media = media_of(stream);
    if (!stream.rtp) leg.payload = control::Payload::kUdptl;
    leg.sealed = stream.sealed;
    media::SrtpEnd& srtp = plan.srtp[media::index_of(side)] = stream.end(side).srtp;
    srtp.out = out_keys_.choose(to_string(plan.name), side, srtp.out,
                                stream.contested && side == Side::callee);
    if (where == places_.end()) continue;
    const Where& place = where->second[media::index_of(side)];
    leg.interface = place.interface;
    leg.family = leg.remote ? leg.remote->ip.family : place.family;
    if (leg.remote && rules_at(place.interface).strict_source) leg.learn = control::Learn::kStrict;
  }
  plan.learning = stream.learning;
  plan.renewals = stream.renewals;
  plan.agreed = stream.agreed;
  plan.held = is_held(stream);
  plan.talking = answered_;
  plan.emergency = emergency_;
  return plan;
}

InterfaceRules CallMedia::rules_at(const std::string& interface) const {
  const auto found = parts_.config.rules.find(interface);
  return found == parts_.config.rules.end() ? InterfaceRules{} : found->second;
}

// Where the two sides of the message's branch are.
void CallMedia::remember_places(const Job& job) {
  const MediaMessage& message = job.message;
  const std::string branch(media_.branch_of(key(message.sender, message)));
  if (branch.empty()) return;
  auto& places = places_[branch];
  const auto where = [](const Origin& origin) {
    return Where{origin.interface, origin.address.ip.family};
  };
  places[media::index_of(message.sender)] = where(message.from);
  places[media::index_of(media::other(message.sender))] = where(message.to);
}

// Makes the dataplane's streams those that media_ wants.
void CallMedia::bring(Then then) {
  const media::StreamList wanted = media_.wanted();
  const auto steps = media::changes(current_, wanted);
  current_ = wanted;
  const bool adds = std::any_of(steps.begin(), steps.end(), [this](const StreamChange& step) {
    return step.kind == StreamChange::Kind::add && !parts_.streams.find(name_of(step.stream));
  });
  if (!adds) return carry_out(steps, std::move(then));
  parts_.streams.when_up([self = shared_from_this(), steps, then = std::move(then)](bool up) {
    if (!up) return then({true, std::nullopt});
    self->carry_out(steps, then);
  });
}

void CallMedia::carry_out(const std::vector<StreamChange>& steps, Then then) {
  struct Progress {
    size_t open = 1;
    Brought brought;
  };
  const auto progress = std::make_shared<Progress>();
  const auto one = [self = shared_from_this(), progress, then = std::move(then)] {
    if (--progress->open > 0) return;
    self->note_streams();
    then(progress->brought);
  };
  progress->open += steps.size();
  for (const StreamChange& step : steps) {
    const StreamPlan plan = plan_of(step.stream);
    const StreamEntry* entry = parts_.streams.find(plan.name);
    if (step.kind == StreamChange::Kind::remove) {
      if (entry && former_.size() < kMaxFormer) former_[to_string(plan.name)] = entry->places;
      out_keys_.removed(to_string(plan.name));
      parts_.streams.remove(plan.name, [self = shared_from_this(), one](auto report) {
        self->keep(std::move(report));
        one();
      });
    } else if (step.kind == StreamChange::Kind::update || entry) {
      parts_.streams.claim(plan.name);
      parts_.streams.update(plan, one);
    } else {
      add(plan, [progress, one](const std::optional<control::ClientError>& failed) {
        const bool refused = failed && failed->kind == control::ClientError::Kind::kRefused;
        if (refused) progress->brought.refused = failed;
        if (failed && !refused) progress->brought.away = true;
        one();
      });
    }
  }
  one();
}

// With the ports that it had when it was there before: the other side was told of them.
void CallMedia::add(StreamPlan plan,
                    const std::function<void(std::optional<control::ClientError>)>& done) {
  const auto former = former_.find(to_string(plan.name));
  if (former == former_.end()) return parts_.streams.add(std::move(plan), nullptr, done);
  const auto places = former->second;
  former_.erase(former);
  parts_.streams.add(plan, &places, [self = shared_from_this(), plan, done](const auto& failed) {
    if (failed && failed->code == control::ErrorCode::kPortTaken)
      return self->parts_.streams.add(plan, nullptr, done);
    done(failed);
  });
}

void CallMedia::note_streams() {
  for (const media::MediaStream& stream : current_) parts_.streams.note(plan_of(stream));
}

void CallMedia::keep(std::optional<control::CallReport> report) {
  if (report && finished_.size() < kMaxFinished) finished_.push_back(std::move(*report));
}

// ---- after a restart of ours ----------------------------------------------------------------

// The adopted streams of the branch that the message belongs to. Inside a dialog nothing names the
// branch any more; then it is the one that sends media to where the message says, or else the one
// with most streams: of the forks of a call that was answered one is left.
std::vector<const StreamEntry*> CallMedia::adopted_branch(const Job& job) const {
  std::map<uint64_t, std::vector<const StreamEntry*>> branches;
  for (const StreamEntry* each : parts_.streams.of_call(call_key_))
    if (each->adopted && !each->plan.name.media.empty())
      branches[each->plan.name.branch].push_back(each);
  if (!job.message.branch.empty()) return branches[hash_of_branch(job.message.branch)];
  const auto likeness = [&](const std::vector<const StreamEntry*>& streams) {
    size_t points = streams.size();
    for (const StreamEntry* each : streams) {
      const size_t slot = each->plan.name.slot;
      const auto& remote = each->plan.legs[media::index_of(job.message.sender)].remote;
      if (slot < job.media.size() && remote && remote == job.media[slot].remote)
        points += media::kMaxSdpMedia;
    }
    return points;
  };
  const auto best = std::max_element(
      branches.begin(), branches.end(),
      [&](const auto& a, const auto& b) { return likeness(a.second) < likeness(b.second); });
  return best == branches.end() ? std::vector<const StreamEntry*>() : best->second;
}

// A dialog from before we started: what its legs are told in the dataplane is taken for the offer
// and answer that stand. If the message itself answers an offer, that one is from before too.
void CallMedia::take_over(const Job& job) {
  const MediaMessage& message = job.message;
  if (!media_.branch_of(key(message.sender, message)).empty()) return;
  if (!message.branch.empty() && !media_.branch_of({caller_tag_, {}, message.branch}).empty())
    return;
  const auto streams = adopted_branch(job);
  if (streams.empty()) return;
  // The call's first INVITE again: its own offer makes the streams, on the ports that they have.
  if (message.method == Method::invite && !message.branch.empty() && message.status == 0) {
    for (const StreamEntry* each : streams) {
      former_[to_string(each->plan.name)] = each->places;
      parts_.streams.claim(each->plan.name);
    }
    return;
  }
  const bool answers = message.method == Method::ack ||
                       (message.status != 0 && notes_of(message).invite_offered != false);
  const Side offerer = answers ? media::other(message.sender) : Side::caller;
  size_t lines = answers ? job.media.size() : 0;
  for (const StreamEntry* each : streams) lines = std::max(lines, each->plan.name.slot + 1);
  media::MediaList offer(lines, described(nullptr, offerer));
  media::MediaList answer = offer;
  for (const StreamEntry* each : streams) {
    media::MediaDescription& line = offer[each->plan.name.slot] = described(each, offerer);
    if (answers && line.srtp_ours) line.srtp.mode = media::SrtpEnd::Mode::kept;  // of either side
    answer[each->plan.name.slot] = described(each, media::other(offerer));
  }
  const bool initial = !message.branch.empty() && offerer == Side::caller;
  const media::DialogKey dialog =
      initial ? media::DialogKey{caller_tag_, {}, message.branch} : key(offerer, message);
  aliases_[message.branch.empty() ? message.callee_tag : message.branch] =
      streams.front()->plan.name.branch;
  (void)media_.offer(dialog, media::Carrier::reliable, offer);
  if (!answers) (void)media_.answer(key(offerer, message), media::Carrier::final, answer);
  for (const StreamEntry* each : streams) parts_.streams.claim(each->plan.name);
  current_ = media_.wanted();
}

}  // namespace holdfast::sip
