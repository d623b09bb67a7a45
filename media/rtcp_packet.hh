// SPDX-License-Identifier: Apache-2.0
// RTCP (RFC 3550 section 6): checks a compound packet once, then reads it in place without copying.
//
// Reduced-size RTCP (RFC 5506) is taken: the first packet need not be a report. Views point into
// the caller's bytes and live no longer than these. Safe on any bytes; no allocation; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "media/endian.hh"
#include "media/result.hh"

namespace holdfast::media {

// Every reason to refuse an RTCP datagram: X(name, what is wrong). The names are drop names.
#define HOLDFAST_RTCP_REJECTS(X)                                                     \
  X(rtcp_too_short, "shorter than the 4 bytes of a packet's header")                 \
  X(rtcp_too_long, "longer than a UDP datagram can be")                              \
  X(rtcp_bad_version, "the version of a packet is not 2")                            \
  X(rtcp_bad_type, "a packet type outside 192 to 223")                               \
  X(rtcp_length_past_end, "a packet's length runs past the end")                     \
  X(rtcp_length_too_small, "a packet is too small for the fixed part of its type")   \
  X(rtcp_count_past_end, "a packet's count asks for more than the packet holds")     \
  X(rtcp_item_past_end, "an SDES item, BYE reason or XR block runs past its packet") \
  X(rtcp_bad_padding,                                                                \
    "padding before the last packet, or its count is not a multiple"                 \
    " of four that the packet can hold")

enum class RtcpReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_RTCP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(RtcpReject reject);
std::string_view text_of(RtcpReject reject);

// Packet types that are looked into (RFC 3550, RFC 4585, RFC 3611). Others from 192 to 223 are
// passed over by their length, as section 6.1 asks.
enum class RtcpType : uint8_t {
  sr = 200,
  rr = 201,
  sdes = 202,
  bye = 203,
  app = 204,
  rtpfb = 205,
  psfb = 206,
  xr = 207,
};

inline constexpr size_t kRtcpHeaderBytes = 4;
inline constexpr size_t kReportBlockBytes = 24;

// One report block of an SR or RR (RFC 3550 section 6.4.1).
struct RtcpReportBlock {
  uint32_t ssrc;                // of the stream that is reported on
  int32_t cumulative_lost;      // 24-bit signed: negative when copies outnumber losses
  uint32_t highest_ext_seq;     // low 16 bits: number; high 16 bits: wraps
  uint32_t jitter_ticks;        // in units of that stream's RTP clock
  uint32_t last_sr_ntp_middle;  // LSR: 0 when no SR came yet
  uint32_t delay_since_sr_q16;  // DLSR: in 1/65536 s
  uint8_t fraction_lost_q8;     // since the last report, in 1/256
};

// The sender part of an SR.
struct RtcpSenderInfo {
  uint64_t ntp;  // 32.32 fixed point
  uint32_t rtp_timestamp;
  uint32_t packet_count;
  uint32_t octet_count;
};

// One packet of a checked compound.
class RtcpPacket {
 public:
  explicit RtcpPacket(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t type() const { return bytes_[1]; }
  bool is(RtcpType type) const { return bytes_[1] == static_cast<uint8_t>(type); }
  // Reports, chunks or sources in it; the format of feedback; the subtype of APP.
  uint8_t count() const { return bytes_[0] & 0x1f; }
  std::span<const uint8_t> bytes() const { return bytes_; }  // with header, without padding

  // The SSRC after the header: the sender's, or the first that leaves in BYE. None in SDES, in an
  // empty BYE, or in a type that is not known.
  std::optional<uint32_t> ssrc() const;
  std::optional<RtcpSenderInfo> sender_info() const;  // SR only
  size_t report_count() const;                        // SR and RR; 0 for others
  // index < report_count(), both.
  RtcpReportBlock report(size_t index) const;
  size_t report_at(size_t index) const;  // where it lies in bytes()
  // BYE: source `index`, index < count().
  uint32_t bye_ssrc(size_t index) const { return load_be32(bytes_.data() + 4 + 4 * index); }

 private:
  std::span<const uint8_t> bytes_;
};

// A checked compound: a range of RtcpPacket.
class RtcpCompound {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RtcpPacket;
    using difference_type = std::ptrdiff_t;
    using pointer = const RtcpPacket*;
    using reference = RtcpPacket;

    explicit Iterator(std::span<const uint8_t> rest) : rest_(rest) {}
    RtcpPacket operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    // Two iterators of one compound: what is left tells where they stand.
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    std::span<const uint8_t> rest_;
  };

  Iterator begin() const { return Iterator(bytes_); }
  Iterator end() const { return Iterator(bytes_.subspan(bytes_.size())); }

 private:
  friend Result<RtcpCompound, RtcpReject> parse_rtcp(std::span<const uint8_t> bytes);
  explicit RtcpCompound(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  std::span<const uint8_t> bytes_;
};

// Checks all of a plain RTCP datagram (RFC 3550 A.2, made lenient by RFC 5506).
Result<RtcpCompound, RtcpReject> parse_rtcp(std::span<const uint8_t> bytes);

// Of SRTCP under keys that we do not have: the header of the first packet, which is in the clear,
// and that SSRC, index and some tag are there (RFC 3711 section 3.4). Nothing: it may be SRTCP.
std::optional<RtcpReject> check_sealed_rtcp(std::span<const uint8_t> bytes);

}  // namespace holdfast::media
