// SPDX-License-Identifier: Apache-2.0
// Reads the blocks of RTCP XR.
#include "media/rtcp_xr.hh"

#include <cassert>

namespace holdfast::media {
namespace {

constexpr size_t kBlockHeaderBytes = 4;
constexpr size_t kReferenceTimeBytes = 12;
constexpr size_t kSpanBytes = 12;   // header, SSRC, begin_seq and end_seq
constexpr size_t kDelayBytes = 12;  // of each sub-block
constexpr size_t kStatisticsBytes = 40;
constexpr size_t kVoipMetricsBytes = 36;

// Of the type-specific octet of a statistics summary: which of its numbers were measured.
constexpr uint8_t kHasLost = 0x80;
constexpr uint8_t kHasDuplicates = 0x40;
constexpr uint8_t kHasJitter = 0x20;

}  // namespace

bool XrBlock::is_read() const {
  return is(XrType::receiver_reference_time) || is(XrType::dlrr) ||
         is(XrType::statistics_summary) || is(XrType::voip_metrics);
}

bool XrBlock::names_numbers() const {
  return is(XrType::loss_rle) || is(XrType::duplicate_rle) || is(XrType::packet_receipt_times) ||
         is(XrType::statistics_summary);
}

bool XrBlock::fits() const {
  switch (type()) {
    case static_cast<uint8_t>(XrType::loss_rle):
    case static_cast<uint8_t>(XrType::duplicate_rle):
    case static_cast<uint8_t>(XrType::packet_receipt_times):
      return bytes_.size() >= kSpanBytes;
    case static_cast<uint8_t>(XrType::receiver_reference_time):
      return bytes_.size() == kReferenceTimeBytes;
    case static_cast<uint8_t>(XrType::dlrr):
      return (bytes_.size() - kBlockHeaderBytes) % kDelayBytes == 0;
    case static_cast<uint8_t>(XrType::statistics_summary):
      return bytes_.size() == kStatisticsBytes;
    case static_cast<uint8_t>(XrType::voip_metrics):
      return bytes_.size() == kVoipMetricsBytes;
    default:
      return true;
  }
}

XrVoipMetrics XrBlock::voip_metrics() const {
  assert(is(XrType::voip_metrics) && fits());
  const uint8_t* p = bytes_.data() + kBlockHeaderBytes;
  // Between them: signal and noise level and echo return loss (octets 16 to 18), the receiver's
  // configuration (24) and a reserved octet.
  return {.ssrc = load_be32(p),
          .loss_rate_q8 = p[4],
          .discard_rate_q8 = p[5],
          .burst_density_q8 = p[6],
          .gap_density_q8 = p[7],
          .burst_duration_ms = load_be16(p + 8),
          .gap_duration_ms = load_be16(p + 10),
          .round_trip_ms = load_be16(p + 12),
          .end_system_delay_ms = load_be16(p + 14),
          .gmin = p[19],
          .r_factor = p[20],
          .ext_r_factor = p[21],
          .mos_lq_q10 = p[22],
          .mos_cq_q10 = p[23],
          .jitter_buffer_nominal_ms = load_be16(p + 26),
          .jitter_buffer_maximum_ms = load_be16(p + 28),
          .jitter_buffer_absolute_maximum_ms = load_be16(p + 30)};
}

XrStatistics XrBlock::statistics() const {
  assert(is(XrType::statistics_summary) && fits());
  const uint8_t flags = bytes_[1];
  const uint8_t* p = bytes_.data() + kBlockHeaderBytes;
  XrStatistics out{load_be32(p), load_be16(p + 4), load_be16(p + 6), {}, {}, {}};
  if ((flags & kHasLost) != 0) out.lost = load_be32(p + 8);
  if ((flags & kHasDuplicates) != 0) out.duplicates = load_be32(p + 12);
  if ((flags & kHasJitter) != 0) out.mean_jitter_ticks = load_be32(p + 24);  // after min and max
  return out;
}

uint64_t XrBlock::reference_ntp() const {
  assert(is(XrType::receiver_reference_time) && fits());
  const uint8_t* p = bytes_.data() + kBlockHeaderBytes;
  return (uint64_t{load_be32(p)} << 32) | load_be32(p + 4);
}

XrDelay XrBlock::delay(size_t index) const {
  assert(is(XrType::dlrr) && index < delay_count());
  const uint8_t* p = bytes_.data() + kBlockHeaderBytes + index * kDelayBytes;
  return {load_be32(p), load_be32(p + 4), load_be32(p + 8)};
}

std::optional<XrBlock> XrBlocks::next() {
  if (rest_.empty()) return std::nullopt;
  const size_t size = (size_t{load_be16(rest_.data() + 2)} + 1) * 4;  // checked with the compound
  const XrBlock block(rest_.first(size));
  rest_ = rest_.subspan(size);
  return block;
}

}  // namespace holdfast::media
