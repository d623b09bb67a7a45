// SPDX-License-Identifier: Apache-2.0
// Puts RTCP back into the sequence numbers of a source.
#include "media/rtcp_renumber.hh"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "media/endian.hh"
#include "media/rtcp_xr.hh"

namespace holdfast::media {
namespace {

constexpr size_t kHighestAt = 8;     // in a report block
constexpr uint8_t kGenericNack = 1;  // FMT of RTPFB
constexpr uint8_t kCongestion = 11;
constexpr size_t kMediaSourceAt = 8;    // in feedback: the stream that it is about
constexpr size_t kFeedbackHeader = 12;  // before the entries
constexpr size_t kNackBytes = 4;        // PID and BLP
// Congestion control feedback: blocks of SSRC, begin_seq, num_reports and so many metrics, filled
// to 32 bits, and behind them all the time of the report. There is no source in front of them.
constexpr size_t kCongestionBlocksAt = 8;
constexpr size_t kCongestionTimeBytes = 4;
constexpr size_t kCongestionBeginAt = 4;
constexpr size_t kCongestionCountAt = 6;
constexpr size_t kCongestionBlockHeader = 8;
// Of the four XR blocks: SSRC, begin_seq, end_seq behind the header.
constexpr size_t kXrSsrcAt = 4;
constexpr size_t kXrBeginAt = 8;
constexpr size_t kXrEndAt = 10;

// The block that stands first, with its metrics; empty: there is none that ends in time.
std::span<uint8_t> congestion_block(std::span<uint8_t> rest) {
  if (rest.size() < kCongestionBlockHeader) return {};
  const size_t metrics = load_be16(rest.data() + kCongestionCountAt);
  const size_t bytes = kCongestionBlockHeader + (metrics + 1) / 2 * 4;
  return bytes <= rest.size() ? rest.first(bytes) : std::span<uint8_t>();
}

class Renumbering {
 public:
  explicit Renumbering(std::span<const RtpShift> shifts) : shifts_(shifts) {}

  // `packet`: without padding.
  void packet(std::span<uint8_t> packet, const RtcpPacket& view) {
    for (size_t i = 0; i < view.report_count(); ++i) report(packet.data() + view.report_at(i));
    if (view.is(RtcpType::rtpfb) && view.count() == kGenericNack) nack(packet);
    if (view.is(RtcpType::rtpfb) && view.count() == kCongestion) congestion(packet);
    if (view.is(RtcpType::xr)) xr(packet, view);
  }
  unsigned changed() const { return changed_; }

 private:
  // Null: its numbers are as they were.
  const RtpShift* find(uint32_t ssrc) const {
    const auto found = std::find_if(shifts_.begin(), shifts_.end(),
                                    [ssrc](const RtpShift& each) { return each.ssrc == ssrc; });
    return found == shifts_.end() ? nullptr : &*found;
  }
  static void back_16(uint8_t* at, uint32_t added) {
    const be16 wire(static_cast<uint16_t>(load_be16(at) - added));
    std::memcpy(at, &wire, sizeof wire);
  }

  void report(uint8_t* block) {
    const RtpShift* const shift = find(load_be32(block));
    if (shift == nullptr) return;
    const be32 wire(load_be32(block + kHighestAt) - shift->added);
    std::memcpy(block + kHighestAt, &wire, sizeof wire);
    ++changed_;
  }

  // BLP counts from PID on.
  void nack(std::span<uint8_t> packet) {
    const RtpShift* const shift = find(load_be32(packet.data() + kMediaSourceAt));
    if (shift == nullptr) return;
    for (size_t at = kFeedbackHeader; at + kNackBytes <= packet.size(); at += kNackBytes)
      back_16(packet.data() + at, shift->added);
    ++changed_;
  }

  void congestion(std::span<uint8_t> packet) {
    const auto blocks =
        packet.first(packet.size() - kCongestionTimeBytes).subspan(kCongestionBlocksAt);
    for (auto rest = blocks; !rest.empty();) {
      const size_t bytes = congestion_block(rest).size();
      if (bytes == 0) return;
      rest = rest.subspan(bytes);
    }
    for (auto rest = blocks; !rest.empty();) {
      const auto block = congestion_block(rest);
      rest = rest.subspan(block.size());
      const RtpShift* const shift = find(load_be32(block.data()));
      if (shift == nullptr) continue;
      back_16(block.data() + kCongestionBeginAt, shift->added);
      ++changed_;
    }
  }

  void xr(std::span<uint8_t> packet, const RtcpPacket& view) {
    XrBlocks blocks(view);
    while (const auto block = blocks.next()) {
      const auto at = static_cast<size_t>(block->bytes().data() - view.bytes().data());
      if (block->names_numbers() && block->fits()) xr_block(packet.data() + at, block->thinning());
    }
  }

  void xr_block(uint8_t* block, unsigned thinning) {
    const RtpShift* const shift = find(load_be32(block + kXrSsrcAt));
    if (shift == nullptr) return;
    const uint32_t added = shift->added & (UINT32_MAX << thinning);
    back_16(block + kXrBeginAt, added);
    back_16(block + kXrEndAt, added);
    ++changed_;
  }

  std::span<const RtpShift> shifts_;
  unsigned changed_ = 0;
};

}  // namespace

unsigned renumber_rtcp(const RtcpCompound& compound, std::span<uint8_t> bytes,
                       std::span<const RtpShift> shifts) {
  Renumbering renumbering(shifts);
  for (const RtcpPacket view : compound) {
    const auto at = static_cast<size_t>(view.bytes().data() - bytes.data());
    renumbering.packet(bytes.subspan(at, view.bytes().size()), view);
  }
  return renumbering.changed();
}

}  // namespace holdfast::media
