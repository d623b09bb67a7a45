// SPDX-License-Identifier: Apache-2.0
// RTCP on its way through: sender reports are remembered, report blocks taken down.
#include "dataplane/relay/relay_core.hh"
#include "media/rtcp_xr.hh"

namespace holdfast::dataplane {

// `compound` came from the endpoint of `leg`. What it sends arrives here; what it reports on
// arrived at the peer. So many packets and blocks are looked at, and no more: a datagram has room
// for sixty blocks, and each is a search.
void RelayCore::read_rtcp(Leg& leg, const media::RtcpCompound& compound, uint64_t now_ns) {
  const Leg& peer = *leg_of(leg.setup.peer);
  size_t left = kMaxReportsRead;
  for (const media::RtcpPacket packet : compound) {
    if (packet.is(media::RtcpType::xr)) {
      read_xr(leg, packet, left, now_ns);
      continue;
    }
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

// RFC 3611. A block whose length its type cannot have is passed over, and counted.
void RelayCore::read_xr(Leg& leg, const media::RtcpPacket& packet, size_t& left, uint64_t now_ns) {
  media::XrBlocks blocks(packet);
  while (const auto block = blocks.next()) {
    if (!block->is_read()) continue;
    if (!block->fits()) {
      ++leg.counters.reports_bad_length;
      continue;
    }
    const size_t wanted = block->is(media::XrType::dlrr) ? block->delay_count() : 1;
    if (wanted > left) {
      leg.counters.reports_unread += static_cast<uint32_t>(wanted);
      continue;
    }
    left -= wanted;
    read_xr_block(leg, packet, *block, now_ns);
  }
}

void RelayCore::read_xr_block(Leg& leg, const media::RtcpPacket& packet,
                              const media::XrBlock& block, uint64_t now_ns) {
  const Leg& peer = *leg_of(leg.setup.peer);
  const auto heard = [&](uint32_t ssrc) {
    StreamSlot* slot = streams_.find(peer, ssrc);
    if (slot == nullptr) ++leg.counters.reports_unknown_ssrc;
    return slot;
  };
  switch (static_cast<media::XrType>(block.type())) {
    case media::XrType::loss_rle:  // packet by packet: not read
    case media::XrType::duplicate_rle:
    case media::XrType::packet_receipt_times:
      break;
    case media::XrType::receiver_reference_time:
      if (StreamSlot* sent = streams_.find(leg, *packet.ssrc()))
        sent->far_end.on_sender_report(block.reference_ntp(), now_ns);
      break;
    case media::XrType::dlrr:
      for (size_t i = 0; i < block.delay_count(); ++i) {
        const media::XrDelay delay = block.delay(i);
        StreamSlot* slot = heard(delay.ssrc);
        if (slot != nullptr && !slot->far_end.on_delay(delay, now_ns))
          ++leg.counters.reports_bad_delay;
      }
      break;
    case media::XrType::statistics_summary: {
      const media::XrStatistics said = block.statistics();
      if (StreamSlot* slot = heard(said.ssrc)) slot->far_end.on_statistics(said, now_ns);
      break;
    }
    case media::XrType::voip_metrics: {
      const media::XrVoipMetrics said = block.voip_metrics();
      if (StreamSlot* slot = heard(said.ssrc)) slot->far_end.on_voip_metrics(said, now_ns);
      break;
    }
  }
}

}  // namespace holdfast::dataplane
