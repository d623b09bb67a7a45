// SPDX-License-Identifier: Apache-2.0
// Any bytes: refused, or a compound of which every field of every packet can be read, and whose
// sequence numbers can be put back without touching what else there is.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "media/rtcp_packet.hh"
#include "media/rtcp_renumber.hh"
#include "media/rtcp_xr.hh"

using namespace holdfast::media;

namespace {

volatile uint64_t sink;  // keeps the reads

uint64_t read_xr(const RtcpPacket& packet) {
  uint64_t sum = 0;
  size_t bytes = 8;
  XrBlocks blocks(packet);
  while (const auto block = blocks.next()) {
    bytes += 4;  // at least
    sum += block->type();
    if (!block->is_read() || !block->fits()) continue;
    if (block->is(XrType::voip_metrics)) {
      const XrVoipMetrics said = block->voip_metrics();
      sum += said.ssrc + said.loss_rate_q8 + said.jitter_buffer_absolute_maximum_ms;
    } else if (block->is(XrType::statistics_summary)) {
      const XrStatistics said = block->statistics();
      sum += said.lost.value_or(0) + said.duplicates.value_or(0) +
             said.mean_jitter_ticks.value_or(0) + said.end_seq;
    } else if (block->is(XrType::receiver_reference_time)) {
      sum += block->reference_ntp();
    } else {
      for (size_t i = 0; i < block->delay_count(); ++i) sum += block->delay(i).delay_since_rr_q16;
    }
  }
  if (bytes > packet.bytes().size()) std::abort();
  return sum;
}

void read_all(const RtcpPacket& packet) {
  if (packet.bytes().size() < kRtcpHeaderBytes || packet.bytes().size() % 4 != 0) std::abort();
  if (packet.type() < 192 || packet.type() > 223) std::abort();
  uint64_t sum = packet.bytes().back() + packet.ssrc().value_or(0);
  if (const auto info = packet.sender_info()) sum += info->ntp + info->octet_count;
  for (size_t i = 0; i < packet.report_count(); ++i) {
    const RtcpReportBlock block = packet.report(i);
    if (block.cumulative_lost < -0x800000 || block.cumulative_lost > 0x7fffff) std::abort();
    sum += block.delay_since_sr_q16;
  }
  if (packet.is(RtcpType::bye))
    for (size_t i = 0; i < packet.count(); ++i) sum += packet.bye_ssrc(i);
  if (packet.is(RtcpType::xr)) sum += read_xr(packet);
  sink = sum;
}

// Of two SSRCs that it speaks of, or nearly so; there and back it is what it was.
void renumber(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  const auto compound = parse_rtcp(bytes);
  if (!compound) std::abort();
  RtpShift shifts[] = {{size < 12 ? 0 : holdfast::load_be32(data + 8), 0x8000},
                       {0xdeadbeef, 0xffff'8000}};
  const unsigned changed = renumber_rtcp(*compound, bytes, shifts);
  if (!parse_rtcp(bytes) || changed > size / kRtcpHeaderBytes) std::abort();
  for (RtpShift& shift : shifts) shift.added = 0 - shift.added;
  if (renumber_rtcp(*compound, bytes, shifts) != changed) std::abort();
  if (!std::equal(bytes.begin(), bytes.end(), data)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto compound = parse_rtcp({data, size});
  if (!compound) {
    if (name_of(compound.error()).empty() || text_of(compound.error()).empty()) std::abort();
    return 0;
  }
  size_t packets = 0;
  for (const RtcpPacket packet : *compound) {
    read_all(packet);
    if (++packets > size / kRtcpHeaderBytes) std::abort();
  }
  if (packets == 0) std::abort();
  renumber(data, size);
  return 0;
}
