// SPDX-License-Identifier: Apache-2.0
// From keys of a request to the state of an lcore.
#include "dataplane/calls/srtp_setup.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::dataplane {
namespace {

using control::Error;
using control::ErrorCode;

constexpr const char* kNoMemory = "no memory for the SRTP of one more leg";

media::SrtpFingerprint fingerprint_of(const std::optional<media::SdesKey>& key) {
  return key ? media::fingerprint_of(*key) : media::kNoSrtpKey;
}

// What a state under `key` goes on from. Of a key that is younger than the checkpoint no more is
// known than that SRTCP may have been sent under it, before each loss of it: each has raised the
// floor.
media::SrtpCheckpoint checkpoint_for(const media::SrtpFingerprint& key,
                                     const media::SrtpKeyMark& mark,
                                     const media::SrtpCheckpoint& kept) {
  if (media::mark_of(key) == mark) return kept;
  media::SrtpCheckpoint younger = media::advanced({});
  younger.rtcp_floor = std::max(younger.rtcp_floor, kept.rtcp_floor);
  return younger;
}

}  // namespace

SrtpSetup::SrtpSetup(media::SrtpChosen engine, Reserve reserve, Brought brought)
    : chosen_(std::move(engine)),
      reserve_(std::move(reserve)),
      brought_(std::move(brought)),
      scratch_(std::make_unique<SrtpLeg>()) {}

std::optional<Error> SrtpSetup::plan(LegIndex leg, const SrtpLegSummary& has,
                                     const control::LegSrtp& wanted, std::string_view checkpoint,
                                     SrtpChange& change) {
  wipe(change);
  if (chosen_.engine == nullptr)
    return Error{ErrorCode::kNoSrtp, "this dataplane has no engine for SRTP: " + chosen_.why};
  if (!reserve_(leg)) return Error{ErrorCode::kNoSrtp, kNoMemory};

  const media::SrtpFingerprint in_key = fingerprint_of(wanted.in);
  const media::SrtpFingerprint out_key = fingerprint_of(wanted.out);
  change.in = in_key != has.in_key;
  change.out = out_key != has.out_key;
  const auto kept = media::checkpoint_from_text(checkpoint);
  bool opened = true;
  if (change.in && wanted.in) {
    opened = chosen_.engine->open(scratch_->in, *wanted.in);
    if (kept && media::mark_of(in_key) == kept->in_key)
      media::restore(scratch_->in, kept->in);
    else if (kept)
      media::carry_rocs(scratch_->in, kept->in);
    change.state.in = scratch_->in;
    change.state.in_key = in_key;
    chosen_.engine->release(scratch_->in);
  }
  if (change.out && wanted.out) {
    opened = chosen_.engine->open(scratch_->out, *wanted.out) && opened;
    if (kept) media::restore(scratch_->out, checkpoint_for(out_key, kept->out_key, kept->out));
    change.state.out = scratch_->out;
    change.state.out_key = out_key;
    chosen_.engine->release(scratch_->out);
  }
  if (opened) return std::nullopt;
  wipe(change);
  return Error{ErrorCode::kNoSrtp, "the SRTP library failed to take a key"};
}

std::string SrtpSetup::take_over(LegIndex leg, LegIndex was, const SrtpLeg* left,
                                 std::unique_ptr<SrtpChange>& change) {
  change.reset();
  if (chosen_.engine == nullptr) return "there is no engine for its SRTP: " + chosen_.why;
  const SrtpLeg* const brought = leg == was && brought_ ? brought_(leg) : nullptr;
  if (brought != nullptr) left = brought;
  if (left == nullptr) return "its SRTP is lost";
  if (!can_adopt(*left)) return "its SRTP is damaged, or of another library";
  if (brought != nullptr) return {};
  if (!reserve_(leg)) return kNoMemory;
  change = std::make_unique<SrtpChange>();
  change->in = change->out = change->with_refused = true;
  std::memcpy(&change->state, left, sizeof *left);
  return {};
}

bool SrtpSetup::can_adopt(const SrtpLeg& left) const {
  return (left.in_key == media::kNoSrtpKey || chosen_.engine->can_adopt(left.in)) &&
         (left.out_key == media::kNoSrtpKey || chosen_.engine->can_adopt(left.out));
}

control::SrtpEngineStatus SrtpSetup::status() const {
  return {chosen_.engine == nullptr ? std::string() : std::string(chosen_.engine->name()),
          chosen_.why, 0};
}

}  // namespace holdfast::dataplane
