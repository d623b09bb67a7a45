// SPDX-License-Identifier: Apache-2.0
// The report blocks of RTCP XR (RFC 3611) that say how a call is heard: VoIP metrics (4.7),
// statistics summary (4.6), and reference times with their answers (4.4, 4.5). Of those that go
// packet by packet (4.1 to 4.3) it is known that they name sequence numbers.
//
// Reads in place from an XR packet of a checked compound, whose blocks are known to end inside it.
// A block of a known type may still have a length that its type cannot have: fits() tells, and only
// of a block that fits may the fields be asked for. Safe on any bytes; no allocation; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "media/rtcp_packet.hh"

namespace holdfast::media {

// Section 4. Others are passed over by their length.
enum class XrType : uint8_t {
  loss_rle = 1,
  duplicate_rle = 2,
  packet_receipt_times = 3,
  receiver_reference_time = 4,
  dlrr = 5,
  statistics_summary = 6,
  voip_metrics = 7,
};

// Section 4.7, about one stream as its receiver hears it.
struct XrVoipMetrics {
  static constexpr uint8_t kUnavailable = 127;  // of the four scores

  uint32_t ssrc;               // of the stream that is reported on
  uint8_t loss_rate_q8;        // lost on the network since it began, in 1/256
  uint8_t discard_rate_q8;     // came too late or too early for the jitter buffer
  uint8_t burst_density_q8;    // lost or discarded within bursts
  uint8_t gap_density_q8;      // ... and between them
  uint16_t burst_duration_ms;  // mean
  uint16_t gap_duration_ms;
  uint16_t round_trip_ms;  // between the two RTP ends, by the reporter's own RTCP; 0: not known
  uint16_t end_system_delay_ms;
  uint8_t gmin;      // packets without loss that end a burst
  uint8_t r_factor;  // 0 to 100
  uint8_t ext_r_factor;
  uint8_t mos_lq_q10;  // 10 to 50, in tenths
  uint8_t mos_cq_q10;
  uint16_t jitter_buffer_nominal_ms;
  uint16_t jitter_buffer_maximum_ms;
  uint16_t jitter_buffer_absolute_maximum_ms;
};

// Section 4.6: of the packets from begin_seq to before end_seq.
struct XrStatistics {
  uint32_t ssrc;
  uint16_t begin_seq;
  uint16_t end_seq;
  std::optional<uint32_t> lost;               // L flag
  std::optional<uint32_t> duplicates;         // D flag
  std::optional<uint32_t> mean_jitter_ticks;  // J flag; in units of the stream's RTP clock
};

// Section 4.5: the answer to a reference time of the receiver `ssrc`.
struct XrDelay {
  uint32_t ssrc;
  uint32_t last_rr_ntp_middle;  // 0: none came yet
  uint32_t delay_since_rr_q16;  // in 1/65536 s
};

class XrBlock {
 public:
  explicit XrBlock(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t type() const { return bytes_[0]; }
  bool is(XrType type) const { return bytes_[0] == static_cast<uint8_t>(type); }
  std::span<const uint8_t> bytes() const { return bytes_; }  // with its header
  bool is_read() const;                                      // one of those whose fields are below
  bool names_numbers() const;  // by begin_seq and end_seq, behind the SSRC
  bool fits() const;           // its length is one that its type can have
  // Where it names_numbers(): it speaks of the multiples of 2^this alone (section 4.1).
  unsigned thinning() const { return is(XrType::statistics_summary) ? 0 : bytes_[1] & 0x0fU; }

  // Each only of its type, and when it fits.
  XrVoipMetrics voip_metrics() const;
  XrStatistics statistics() const;
  uint64_t reference_ntp() const;  // 32.32 fixed point, of the packet's sender
  size_t delay_count() const { return (bytes_.size() - 4) / 12; }
  XrDelay delay(size_t index) const;  // index < delay_count()

 private:
  std::span<const uint8_t> bytes_;  // with its header
};

// The blocks of an XR packet of a checked compound, one after the other.
class XrBlocks {
 public:
  // `packet` is an XR.
  explicit XrBlocks(const RtcpPacket& packet) : rest_(packet.bytes().subspan(8)) {}
  // The next block; none: that was all.
  std::optional<XrBlock> next();

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace holdfast::media
