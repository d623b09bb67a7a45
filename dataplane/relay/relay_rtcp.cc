// SPDX-License-Identifier: Apache-2.0
// RTCP on its way through: sender reports are remembered, report blocks taken down.
#include "dataplane/relay/relay_core.hh"

namespace holdfast::dataplane {

// `compound` came from the endpoint of `leg`. What it sends arrives here; what it reports on
// arrived at the peer. So many packets and blocks are looked at, and no more: a datagram has room
// for sixty blocks, and each is a search.
void RelayCore::read_rtcp(Leg& leg, const media::RtcpCompound& compound, uint64_t now_ns) {
  const Leg& peer = *leg_of(leg.setup.peer);
  size_t left = kMaxReportsRead;
  for (const media::RtcpPacket packet : compound) {
    const auto info = packet.sender_info();
    const size_t wanted = packet.report_count() + (info ? 1 : 0);
    if (wanted > left) {
      leg.counters.reports_unread += static_cast<uint32_t>(wanted);
      continue;
    }
    left -= wanted;
    if (info) {
      StreamSlot* sent = streams_.find(leg, *packet.ssrc());
      if (sent != nullptr) sent->far_end.on_sender_report(info->ntp, now_ns);
    }
    for (size_t i = 0; i < packet.report_count(); ++i) {
      const media::RtcpReportBlock block = packet.report(i);
      StreamSlot* heard = streams_.find(peer, block.ssrc);
      if (heard == nullptr) {
        ++leg.counters.reports_unknown_ssrc;
      } else if (!heard->far_end.on_report(block, heard->account.missing_now(), now_ns)) {
        ++leg.counters.reports_bad_delay;
      }
    }
  }
}

}  // namespace holdfast::dataplane
