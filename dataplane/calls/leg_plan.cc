// SPDX-License-Identifier: Apache-2.0
// Specs and updates to leg setups.
#include "dataplane/calls/leg_plan.hh"

namespace holdfast::dataplane {
namespace {

using control::Error;
using control::ErrorCode;
using Remotes = std::array<SocketAddress, kPaths>;

// RFC 3605 section 2.1: without an RTCP address it is the RTP port + 1.
Remotes with_default_rtcp(const SocketAddress& rtp) {
  if (rtp.is_none() || rtp.port == UINT16_MAX) return {rtp, SocketAddress{}};
  return {rtp, SocketAddress{rtp.ip, static_cast<uint16_t>(rtp.port + 1)}};
}

void set_clock_rates(const std::vector<control::ClockRate>& rates, LegSetup& setup) {
  setup.clock_rates = {};
  for (size_t i = 0; i < rates.size() && i < kMaxClockRates; ++i) {
    setup.clock_rates[i].payload_type = rates[i].payload_type;
    setup.clock_rates[i].hz = rates[i].hz & 0xff'ffff;
  }
}

MediaClass class_of(control::Media media) {
  switch (media) {
    case control::Media::kVideo:
      return MediaClass::video;
    case control::Media::kFax:
      return MediaClass::fax;
    default:
      return MediaClass::audio;
  }
}

std::optional<Error> check(const LegSetup& setup) {
  for (const SocketAddress& remote : setup.remote) {
    if (!remote.is_none() && remote.ip.family != setup.local.family) {
      return Error{ErrorCode::kBadRequest,
                   "remote " + remote.to_string() + " is not of the leg's address family"};
    }
  }
  if (setup.strict_source && setup.remote[0].is_none())
    return Error{ErrorCode::kBadRequest, "learn strict needs a remote"};
  return std::nullopt;
}

}  // namespace

std::optional<Error> apply_spec(const control::LegSpec& spec, LegSetup& setup) {
  if (spec.remote) setup.remote = with_default_rtcp(*spec.remote);
  if (spec.remote_rtcp) setup.remote[1] = *spec.remote_rtcp;
  setup.rtcp_explicit = spec.remote_rtcp.has_value();
  setup.rtcp_mux = spec.rtcp_mux;
  setup.strict_source = spec.learn == control::Learn::kStrict;
  setup.dscp = spec.dscp.value_or(kClassDscp);
  setup.media_class = class_of(spec.media);
  setup.payload = spec.payload == control::Payload::kUdptl ? PayloadKind::udptl : PayloadKind::rtp;
  set_clock_rates(spec.clock_rates, setup);
  if (spec.sealed) setup.payload = PayloadKind::sealed;
  if (spec.srtp) setup.payload = PayloadKind::srtp;
  return check(setup);
}

Answer<LegChange> plan_update(const LegSetup& before, const control::LegUpdate& update) {
  LegChange change{.setup = before};
  LegSetup& setup = change.setup;
  if (update.clear_remote) setup.remote = {};
  if (update.remote) setup.remote = with_default_rtcp(*update.remote);
  if (update.clear_remote_rtcp) setup.remote = with_default_rtcp(setup.remote[0]);
  if (update.remote || update.clear_remote || update.clear_remote_rtcp) setup.rtcp_explicit = false;
  if (update.remote_rtcp) {
    setup.remote[1] = *update.remote_rtcp;
    setup.rtcp_explicit = true;
  }
  setup.dscp = update.dscp.value_or(setup.dscp);
  if (update.media) setup.media_class = class_of(*update.media);
  setup.rtcp_mux = update.rtcp_mux.value_or(setup.rtcp_mux);
  if (update.learn) setup.strict_source = *update.learn == control::Learn::kStrict;
  if (update.clock_rates) set_clock_rates(*update.clock_rates, setup);
  if (update.srtp && setup.payload == PayloadKind::udptl)
    return Error{ErrorCode::kBadRequest, "srtp protects RTP, not UDPTL"};
  if (update.srtp) setup.payload = PayloadKind::srtp;
  if (update.clear_srtp && setup.payload == PayloadKind::srtp) setup.payload = PayloadKind::rtp;
  const bool is_bare = setup.payload == PayloadKind::rtp || setup.payload == PayloadKind::sealed;
  if (update.sealed && is_bare)
    setup.payload = *update.sealed ? PayloadKind::sealed : PayloadKind::rtp;
  if (auto wrong = check(setup)) return *wrong;
  change.unset = update.clear_remote || update.clear_remote_rtcp;
  change.relearn = update.relearn || update.remote || update.remote_rtcp || change.unset ||
                   setup.strict_source != before.strict_source;
  return change;
}

}  // namespace holdfast::dataplane
