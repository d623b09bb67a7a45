// SPDX-License-Identifier: Apache-2.0
// Keeps the o= line that one side of a dialog sees from us consistent.
#include "media/sdp_origin.hh"

#include <algorithm>
#include <string>

#include "media/sdp_limits.hh"
#include "media/sdp_text.hh"
#include "media/wipe.hh"

namespace holdfast::media {
namespace {

// FNV-1a: tells a changed body from a repeated one; nobody gains by making two alike.
uint64_t hash_without_origin(std::string_view body) {
  const size_t begin = std::min(body.find("\r\no="), body.size());
  const size_t end = std::min(body.find("\r\n", begin + 2), body.size());
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](std::string_view part) {
    for (const char c : part) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  };
  mix(body.substr(0, begin));
  mix(body.substr(end));
  return hash;
}

// A version that is no number (it must be one) counts as 0.
uint64_t number_of(std::string_view version) {
  return parse_number<uint64_t>(version).value_or(0);
}

}  // namespace

Result<std::string, SdpReject> SdpOriginKeeper::anchor(const Sdp& sdp, const AnchorPlan& plan) {
  AnchorPlan with_identity = plan;
  with_identity.identity = sent_;
  auto body = anchor_sdp(sdp, with_identity);
  if (!body || !sdp.origin()) return body;
  const SdpOrigin& theirs = *sdp.origin();
  const uint64_t hash = hash_without_origin(*body);
  wipe(body.value());  // there may be keys in it
  if (theirs.user.size() + theirs.session_id.size() + theirs.version.size() > kMaxSdpOriginBytes)
    return SdpReject::sdp_bad_origin;
  follow(theirs, hash != body_hash_);
  body_hash_ = hash;
  with_identity.identity = sent_;
  return anchor_sdp(sdp, with_identity);
}

void SdpOriginKeeper::follow(const SdpOrigin& theirs, bool changed) {
  const SdpIdentity now{std::string(theirs.user), std::string(theirs.session_id),
                        std::string(theirs.version)};
  const uint64_t their_version = number_of(theirs.version);
  if (!sent_) {
    version_ = their_version;
    sent_ = now;
  } else {
    const bool same_session = now.user == theirs_.user && now.session_id == theirs_.session_id;
    const uint64_t before = number_of(theirs_.version);
    // Their step, where they made one; else one of our own when what we send differs.
    if (same_session && their_version > before)
      version_ += their_version - before;
    else if (changed)
      ++version_;
  }
  sent_->version = std::to_string(version_);
  theirs_ = now;
}

}  // namespace holdfast::media
