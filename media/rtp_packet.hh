// SPDX-License-Identifier: Apache-2.0
// RTP fixed header (RFC 3550 section 5.1) as a value, and what kind of datagram a media port got
// (RFC 7983).
//
// Pure and safe on any bytes: a parser returns every field or the one reason why not. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "media/endian.hh"
#include "media/result.hh"

namespace holdfast::media {

// Every reason to refuse an RTP packet: X(name, what is wrong). The names are drop names.
#define HOLDFAST_RTP_REJECTS(X)                                       \
  X(rtp_too_short, "shorter than the 12 bytes of the fixed header")   \
  X(rtp_too_long, "longer than a UDP datagram can be")                \
  X(rtp_bad_version, "the version is not 2")                          \
  X(rtp_csrc_past_end, "the CSRC list runs past the end")             \
  X(rtp_extension_past_end, "the header extension runs past the end") \
  X(rtp_bad_padding, "the padding count is zero or reaches back into the header")

enum class RtpReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_RTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(RtpReject reject);
std::string_view text_of(RtpReject reject);

// The header of one packet in host byte order. Offsets count from the first byte of the packet.
struct RtpPacket {
  uint32_t ssrc = 0;
  uint32_t timestamp = 0;
  uint16_t sequence = 0;
  uint16_t payload_offset = 0;  // header, CSRC list and extension come before
  uint16_t payload_length = 0;  // without padding
  uint8_t payload_type = 0;
  uint8_t csrc_count = 0;
  uint8_t padding_length = 0;  // 0 when there is none, or when it was not looked at
  bool marker = false;
  bool has_extension = false;
};

inline constexpr size_t kRtpHeaderBytes = 12;
inline constexpr size_t kMaxUdpPayloadBytes =
    65'527;  // 65,535 less the UDP header; jumbograms apart

namespace detail {

// One expression builds the result, so that it can stay in registers (measured: a copy of a result
// that was first built in memory costs more than all of the parse).
template <bool kCheckPadding>
[[gnu::always_inline]] inline Result<RtpPacket, RtpReject> parse_rtp(
    std::span<const uint8_t> bytes) {
  const uint8_t* p = bytes.data();
  const size_t size = bytes.size();
  if (size < kRtpHeaderBytes) return RtpReject::rtp_too_short;
  if (size > kMaxUdpPayloadBytes) return RtpReject::rtp_too_long;
  if ((p[0] >> 6) != 2) return RtpReject::rtp_bad_version;
  const uint8_t csrc_count = p[0] & 0x0f;
  const bool has_extension = (p[0] & 0x10) != 0;
  size_t offset = kRtpHeaderBytes + size_t{csrc_count} * 4;
  if (offset > size) return RtpReject::rtp_csrc_past_end;
  if (has_extension) [[unlikely]] {  // RFC 3550 section 5.3.1
    if (size - offset < 4) return RtpReject::rtp_extension_past_end;
    offset += 4 + size_t{load_be16(p + offset + 2)} * 4;
    if (offset > size) return RtpReject::rtp_extension_past_end;
  }
  uint8_t padding = 0;
  if (kCheckPadding && (p[0] & 0x20) != 0) [[unlikely]] {
    padding = p[size - 1];
    if (padding == 0 || padding > size - offset) return RtpReject::rtp_bad_padding;
  }
  return RtpPacket{.ssrc = load_be32(p + 8),
                   .timestamp = load_be32(p + 4),
                   .sequence = load_be16(p + 2),
                   .payload_offset = static_cast<uint16_t>(offset),
                   .payload_length = static_cast<uint16_t>(size - offset - padding),
                   .payload_type = static_cast<uint8_t>(p[1] & 0x7f),
                   .csrc_count = csrc_count,
                   .padding_length = padding,
                   .marker = (p[1] & 0x80) != 0,
                   .has_extension = has_extension};
}

}  // namespace detail

// Parses all but the padding, whose count is the last byte of the packet and encrypted in SRTP
// (RFC 3711 section 3.1): for SRTP this is all that may be believed before authentication.
inline Result<RtpPacket, RtpReject> parse_rtp_header(std::span<const uint8_t> bytes) {
  return detail::parse_rtp<false>(bytes);
}

// Parses a whole plain RTP packet, padding included.
inline Result<RtpPacket, RtpReject> parse_rtp(std::span<const uint8_t> bytes) {
  return detail::parse_rtp<true>(bytes);
}

// What a datagram on a media port is, by its first bytes alone.
enum class MediaKind : uint8_t { rtp, rtcp, stun, zrtp, dtls, turn, other };
std::string_view name_of(MediaKind kind);

// RFC 7983 section 7 tells protocols apart by the first byte; RFC 5761 section 4 tells RTCP from
// RTP by the second: 192 to 223 is RTCP, which is why payload types 64 to 95 are not given to RTP.
// Says nothing about whether the rest is well formed. An empty datagram is `other`.
inline MediaKind classify(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return MediaKind::other;
  const uint8_t first = bytes[0];
  if (first >= 128 && first <= 191) [[likely]] {
    const bool rtcp = bytes.size() >= 2 && bytes[1] >= 192 && bytes[1] <= 223;
    return rtcp ? MediaKind::rtcp : MediaKind::rtp;
  }
  if (first <= 3) return MediaKind::stun;
  if (first >= 16 && first <= 19) return MediaKind::zrtp;
  if (first >= 20 && first <= 63) return MediaKind::dtls;
  if (first >= 64 && first <= 79) return MediaKind::turn;
  return MediaKind::other;
}

// The RTP clock of a static payload type (RFC 3551 section 6, tables 4 and 5); 8000 for all others,
// whose true clock stands in the SDP (a=rtpmap).
uint32_t clock_rate_hz(uint8_t payload_type);

}  // namespace holdfast::media
