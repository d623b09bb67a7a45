// SPDX-License-Identifier: Apache-2.0
// Any bytes: refused, or a compound of which every field of every packet can be read.
#include <cstdlib>

#include "media/rtcp_packet.hh"

using namespace holdfast::media;

namespace {

volatile uint64_t sink;  // keeps the reads

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
  sink = sum;
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
  return 0;
}
