// SPDX-License-Identifier: Apache-2.0
// Turns snapshots into reports.
#include "dataplane/calls/leg_report.hh"

#include <algorithm>
#include <array>
#include <cmath>

#include "dataplane/calls/clock.hh"
#include "dataplane/runtime/lcore_loop.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kActiveNs =
    2'000'000'000;  // a stream without a packet for so long is silent, held or over

control::StreamReport stream_report(const StreamSlot& slot, uint64_t now_ns) {
  const media::StreamReport account = slot.account.report();
  control::StreamReport out;
  out.ssrc = account.ssrc;
  out.payload_type = slot.payload_type;
  out.clock_hz = slot.clock_hz();
  out.first_seq = account.first_seq;
  out.last_ext_seq = static_cast<uint32_t>(account.last_ext_seq);
  out.expected = account.expected;
  out.received = account.received;
  out.lost = account.lost;
  out.lost_by_us = account.lost_by_us;
  out.duplicates = account.duplicates;
  out.reordered = account.reordered;
  out.restarts = account.restarts;
  out.strays = account.strays;
  out.jitter_last = account.jitter_last_ticks;
  out.jitter_mean = static_cast<uint32_t>(std::lround(account.jitter_mean_ticks));
  out.jitter_max = account.jitter_max_ticks;
  for (const media::LossRun& run : account.loss_runs())
    out.loss_runs.push_back({std::to_string(run.length), run.count});
  if (account.other_runs > 0) out.loss_runs.push_back({"other", account.other_runs});
  out.dscp_in = slot.dscp_in;
  out.dscp_in_first = slot.dscp_first;
  out.unmarked = slot.unmarked;
  out.remarked = slot.remarked;
  out.active = now_ns < account.last_arrival_ns + kActiveNs;
  return out;
}

constexpr std::array<control::Media, kMediaClasses> kMedia = {
    control::Media::kAudio, control::Media::kVideo, control::Media::kFax};

control::MarkReport mark_report(const Mark& mark) {
  control::MarkReport out;
  if (!mark.copies()) out.dscp = mark.dscp();
  out.pcp = mark.pcp();
  return out;
}

std::optional<SocketAddress> given(const SocketAddress& address) {
  if (address.is_none()) return std::nullopt;
  return address;
}

// What the port did not take is counted without its kind. Nearly all of it is RTP, so that is where
// it is taken off; RTP and RTCP together are exact.
void set_sent(control::LegReport& out, const LegCounters& counters) {
  const uint64_t rtp_refused = std::min(counters.tx_refused_packets, counters.tx_packets);
  const uint64_t rtcp_refused =
      std::min(counters.tx_refused_packets - rtp_refused, counters.rtcp_tx_packets);
  out.tx = {counters.tx_packets - rtp_refused, counters.tx_octets};
  out.rtcp_sent = counters.rtcp_tx_packets - rtcp_refused;
}

control::VoipMetrics voip_metrics(const FarEnd& said) {
  const FarEnd::Voip& voip = said.voip();
  control::VoipMetrics out;
  out.loss_rate = voip.loss_rate_q8 / 256.0;
  out.discard_rate = voip.discard_rate_q8 / 256.0;
  out.burst_density = voip.burst_density_q8 / 256.0;
  out.gap_density = voip.gap_density_q8 / 256.0;
  out.burst_duration_ms = voip.burst_duration_ms;
  out.gap_duration_ms = voip.gap_duration_ms;
  out.jitter_buffer_ms = voip.jitter_buffer_ms;
  if (voip.round_trip_ms != 0) out.round_trip_ms = voip.round_trip_ms;
  // What is beyond its scale is no score, as 127 is none (RFC 3611 section 4.7.5).
  const auto mos = [](uint8_t tenths) -> std::optional<double> {
    if (tenths < 10 || tenths > 50) return std::nullopt;
    return tenths / 10.0;
  };
  if (said.r_factor() <= 100) out.r_factor = said.r_factor();
  out.mos_lq = mos(said.mos_lq_q10());
  out.mos_cq = mos(said.mos_cq_q10());
  return out;
}

control::FarEndReport far_end_report(const StreamSlot& slot, uint64_t now_ns,
                                     uint64_t now_unix_ms) {
  const FarEnd& said = slot.far_end;
  control::FarEndReport out;
  out.ssrc = slot.account.ssrc();
  out.reports = said.reports();
  out.reported_ms = now_unix_ms - said.age_ms(now_ns);
  out.fraction_lost = said.fraction_lost_q8() / 256.0;
  out.cumulative_lost = said.cumulative_lost();
  out.lost_before = said.lost_before_us();
  out.highest_ext_seq = said.highest_ext_seq();
  out.jitter = said.jitter_ticks();
  if (slot.clock_known) out.jitter_ms = 1000.0 * said.jitter_ticks() / slot.clock_hz();
  if (said.round_trip_us() != FarEnd::kUnknown)
    out.round_trip_ms = static_cast<double>(said.round_trip_us()) / 1000;
  out.round_trip_by_xr = said.round_trip_by_xr();
  if (said.has_voip()) out.voip = voip_metrics(said);
  if (said.has_statistics())
    out.statistics = control::StatisticsSums{said.summed_lost(), said.summed_duplicates()};
  return out;
}

void set_ignored(control::LegReport& out, const LegCounters& counters) {
  const std::pair<const char*, uint32_t> rows[] = {{"unknown_ssrc", counters.reports_unknown_ssrc},
                                                   {"bad_delay", counters.reports_bad_delay},
                                                   {"bad_length", counters.reports_bad_length},
                                                   {"too_many", counters.reports_unread}};
  for (const auto& [name, count] : rows) {
    if (count > 0) out.far_end_ignored.push_back({name, count});
  }
}

void set_srtp(control::LegReport& out, const LegSnapshot& snapshot) {
  if (snapshot.leg.setup.payload != PayloadKind::srtp) return;
  const SrtpLegSummary& srtp = snapshot.srtp;
  for (size_t i = 1; i < media::kSrtpVerdicts; ++i) {
    const auto verdict = static_cast<media::SrtpVerdict>(i);
    if (const uint32_t packets = srtp.refused.of(verdict); packets > 0)
      out.drops.push_back({std::string(name_of(verdict)), packets});
  }
  out.srtp.emplace();
  if (srtp.in_key != media::kNoSrtpKey) out.srtp->in = traits_of(srtp.in_suite).name;
  if (srtp.out_key != media::kNoSrtpKey) out.srtp->out = traits_of(srtp.out_suite).name;
}

}  // namespace

control::LegReport leg_report(const LegSnapshot& snapshot, const LegSnapshot& peer,
                              const std::string& interface, const NextHop& next_hop) {
  const Leg& leg = snapshot.leg;
  const Path& rtp = leg.paths[static_cast<size_t>(PathKind::rtp)];
  control::LegReport out;
  out.leg = snapshot.index;
  out.interface = interface;
  out.local = {leg.setup.local, leg.setup.local_port[0]};
  out.local_rtcp = {leg.setup.local, leg.setup.local_port[leg.setup.rtcp_mux ? 0 : 1]};
  out.remote = given(leg.setup.remote[0]);
  out.remote_rtcp = given(leg.setup.remote[1]);
  out.strict_source = leg.setup.strict_source;
  if (!leg.setup.strict_source) out.learned_source = given(rtp.source);
  out.next_hop.state = rtp.destination.is_none() ? "unknown" : to_string(next_hop.state);
  if (next_hop.state == NextHopState::resolved) out.next_hop.mac = next_hop.mac;
  if (!next_hop.gateway.is_none()) out.next_hop.gateway = next_hop.gateway;
  out.media = kMedia[static_cast<size_t>(leg.setup.media_class)];
  if (leg.setup.payload == PayloadKind::udptl) out.payload = control::Payload::kUdptl;
  out.sealed = leg.setup.payload == PayloadKind::sealed;
  out.mark = mark_report(leg.marks.media);
  out.rtcp_mark = mark_report(leg.marks.rtcp);
  out.rx = {leg.counters.rx_packets, leg.counters.rx_octets};
  out.joined_received = leg.counters.joined_rx_packets;
  out.joined_sent = leg.counters.joined_tx_packets;
  out.rtcp_received = leg.counters.rtcp_rx_packets;
  set_sent(out, leg.counters);
  for (size_t i = 0; i < kLegDropReasons; ++i) {
    if (leg.counters.drops[i] > 0)
      out.drops.push_back({std::string(name_of(leg_drop_at(i))), leg.counters.drops[i]});
  }
  set_srtp(out, snapshot);
  // One after the other: what lies between the two would be taken for age.
  const uint64_t now_ns = steady_ns();
  const uint64_t now_unix_ms = unix_ms();
  for (uint32_t i = 0; i < snapshot.stream_count; ++i)
    out.streams.push_back(stream_report(snapshot.streams[i], now_ns));
  for (uint32_t i = 0; i < peer.stream_count; ++i) {
    if (peer.streams[i].far_end.has_said_anything())
      out.far_end.push_back(far_end_report(peer.streams[i], now_ns, now_unix_ms));
  }
  set_ignored(out, leg.counters);
  const FoldedStreams& folded = leg.folded;
  out.folded = {folded.streams,    folded.expected(), folded.received, folded.lost,
                folded.duplicates, folded.lost_by_us, folded.unmarked, folded.remarked};
  out.streams_left_out = folded.streams;
  out.unaccounted_packets = leg.counters.unaccounted_packets;
  return out;
}

}  // namespace holdfast::dataplane
