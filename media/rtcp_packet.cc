// SPDX-License-Identifier: Apache-2.0
// Checks and reads RTCP compounds.
#include "media/rtcp_packet.hh"

#include <cassert>

namespace holdfast::media {
namespace {

using Bytes = std::span<const uint8_t>;
using Fault = std::optional<RtcpReject>;  // none: all is well

constexpr size_t kMaxUdpBytes = 65'527;
constexpr size_t kSenderInfoBytes = 20;
constexpr size_t kSsrcBytes = 4;

size_t length_of(Bytes packet) {
  return (size_t{load_be16(packet.data() + 2)} + 1) * 4;
}
bool is_padded(Bytes packet) {
  return (packet[0] & 0x20) != 0;
}

// Where a packet's report blocks begin.
size_t reports_at(uint8_t type) {
  const size_t fixed = kRtcpHeaderBytes + kSsrcBytes;
  return type == static_cast<uint8_t>(RtcpType::sr) ? fixed + kSenderInfoBytes : fixed;
}

Fault check_reports(Bytes packet) {
  const size_t at = reports_at(packet[1]);
  if (packet.size() < at) return RtcpReject::rtcp_length_too_small;
  // What follows the blocks is a profile's extension (6.4.3).
  if ((packet.size() - at) / kReportBlockBytes < (packet[0] & 0x1f))
    return RtcpReject::rtcp_count_past_end;
  return {};
}

// RFC 3550 section 6.5: each chunk is an SSRC and items up to a null octet, filled to 32 bits.
Fault check_sdes(Bytes packet) {
  size_t at = kRtcpHeaderBytes;
  for (int chunk = packet[0] & 0x1f; chunk > 0; --chunk) {
    if (packet.size() - at < kSsrcBytes + 1) return RtcpReject::rtcp_count_past_end;
    at += kSsrcBytes;
    while (packet[at] != 0) {
      if (packet.size() - at < 2) return RtcpReject::rtcp_item_past_end;
      at += 2 + size_t{packet[at + 1]};
      if (at >= packet.size()) return RtcpReject::rtcp_item_past_end;
    }
    at = (at / 4 + 1) * 4;  // the packet ends on 32 bits too, so this stays inside
  }
  return {};
}

Fault check_bye(Bytes packet) {  // section 6.6
  const size_t at = kRtcpHeaderBytes + size_t{packet[0] & 0x1fU} * kSsrcBytes;
  if (at > packet.size()) return RtcpReject::rtcp_count_past_end;
  if (at < packet.size() && packet[at] > packet.size() - at - 1)
    return RtcpReject::rtcp_item_past_end;
  return {};
}

Fault check_xr(Bytes packet) {  // RFC 3611 section 3
  size_t at = kRtcpHeaderBytes + kSsrcBytes;
  if (packet.size() < at) return RtcpReject::rtcp_length_too_small;
  while (at < packet.size()) {  // both are multiples of four
    at += (size_t{load_be16(packet.data() + at + 2)} + 1) * 4;
    if (at > packet.size()) return RtcpReject::rtcp_item_past_end;
  }
  return {};
}

Fault check_size(Bytes packet, size_t least) {
  if (packet.size() < least) return RtcpReject::rtcp_length_too_small;
  return {};
}

// `packet` is one packet without its padding, a multiple of four bytes.
Fault check_packet(Bytes packet) {
  switch (packet[1]) {
    case static_cast<uint8_t>(RtcpType::sr):
    case static_cast<uint8_t>(RtcpType::rr):
      return check_reports(packet);
    case static_cast<uint8_t>(RtcpType::sdes):
      return check_sdes(packet);
    case static_cast<uint8_t>(RtcpType::bye):
      return check_bye(packet);
    case static_cast<uint8_t>(RtcpType::app):  // SSRC and name
    case static_cast<uint8_t>(RtcpType::rtpfb):
    case static_cast<uint8_t>(RtcpType::psfb):  // SSRCs of the sender and of the media source
      return check_size(packet, 12);
    case static_cast<uint8_t>(RtcpType::xr):
      return check_xr(packet);
    default:
      return {};
  }
}

// The first packet of `rest`, without padding. Checked before.
Bytes first_packet(Bytes rest) {
  Bytes packet = rest.first(length_of(rest));
  if (is_padded(packet)) packet = packet.first(packet.size() - packet.back());
  return packet;
}

Fault check_first(Bytes rest) {
  if (rest.size() < kRtcpHeaderBytes) return RtcpReject::rtcp_too_short;
  if ((rest[0] >> 6) != 2) return RtcpReject::rtcp_bad_version;
  if (rest[1] < 192 || rest[1] > 223) return RtcpReject::rtcp_bad_type;  // RFC 5761 section 4
  const size_t length = length_of(rest);
  if (length > rest.size()) return RtcpReject::rtcp_length_past_end;
  if (is_padded(rest)) {
    const uint8_t padding = rest[length - 1];
    if (length != rest.size() || padding == 0 || padding % 4 != 0 ||
        padding > length - kRtcpHeaderBytes)
      return RtcpReject::rtcp_bad_padding;
  }
  return check_packet(first_packet(rest));
}

}  // namespace

std::string_view name_of(RtcpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case RtcpReject::name:       \
    return #name;
    HOLDFAST_RTCP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "rtcp_unknown_reject";
}

std::string_view text_of(RtcpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case RtcpReject::name:       \
    return text;
    HOLDFAST_RTCP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "unknown";
}

std::optional<uint32_t> RtcpPacket::ssrc() const {
  const bool known = type() >= static_cast<uint8_t>(RtcpType::sr) &&
                     type() <= static_cast<uint8_t>(RtcpType::xr) && !is(RtcpType::sdes);
  if (!known || (is(RtcpType::bye) && count() == 0)) return std::nullopt;
  return load_be32(bytes_.data() + kRtcpHeaderBytes);
}

std::optional<RtcpSenderInfo> RtcpPacket::sender_info() const {
  if (!is(RtcpType::sr)) return std::nullopt;
  const uint8_t* p = bytes_.data() + kRtcpHeaderBytes + kSsrcBytes;
  return RtcpSenderInfo{(uint64_t{load_be32(p)} << 32) | load_be32(p + 4), load_be32(p + 8),
                        load_be32(p + 12), load_be32(p + 16)};
}

size_t RtcpPacket::report_count() const {
  return is(RtcpType::sr) || is(RtcpType::rr) ? count() : 0;
}

size_t RtcpPacket::report_at(size_t index) const {
  assert(index < report_count());
  return reports_at(type()) + index * kReportBlockBytes;
}

RtcpReportBlock RtcpPacket::report(size_t index) const {
  const uint8_t* p = bytes_.data() + report_at(index);
  const uint32_t lost = load_be32(p + 4);
  RtcpReportBlock block;
  block.ssrc = load_be32(p);
  block.fraction_lost_q8 = static_cast<uint8_t>(lost >> 24);
  block.cumulative_lost = static_cast<int32_t>(lost << 8) >> 8;  // extends the 24-bit sign
  block.highest_ext_seq = load_be32(p + 8);
  block.jitter_ticks = load_be32(p + 12);
  block.last_sr_ntp_middle = load_be32(p + 16);
  block.delay_since_sr_q16 = load_be32(p + 20);
  return block;
}

RtcpPacket RtcpCompound::Iterator::operator*() const {
  return RtcpPacket(first_packet(rest_));
}

RtcpCompound::Iterator& RtcpCompound::Iterator::operator++() {
  rest_ = rest_.subspan(length_of(rest_));
  return *this;
}

Result<RtcpCompound, RtcpReject> parse_rtcp(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return RtcpReject::rtcp_too_short;
  if (bytes.size() > kMaxUdpBytes) return RtcpReject::rtcp_too_long;
  Bytes rest = bytes;
  while (!rest.empty()) {
    if (const Fault fault = check_first(rest)) return *fault;
    rest = rest.subspan(length_of(rest));
  }
  return RtcpCompound(bytes);
}

std::optional<RtcpReject> check_sealed_rtcp(std::span<const uint8_t> bytes) {
  constexpr size_t kIndexBytes = 4;
  constexpr size_t kLeastTagBytes = 4;
  constexpr size_t kLeastTrailer = kIndexBytes + kLeastTagBytes;
  if (bytes.size() < kRtcpHeaderBytes + kSsrcBytes + kLeastTrailer)
    return RtcpReject::rtcp_too_short;
  if (bytes.size() > kMaxUdpBytes) return RtcpReject::rtcp_too_long;
  if (bytes[0] >> 6 != 2) return RtcpReject::rtcp_bad_version;
  if (bytes[1] < 192 || bytes[1] > 223) return RtcpReject::rtcp_bad_type;
  if (length_of(bytes) < kRtcpHeaderBytes + kSsrcBytes) return RtcpReject::rtcp_length_too_small;
  if (length_of(bytes) > bytes.size() - kLeastTrailer) return RtcpReject::rtcp_length_past_end;
  return std::nullopt;
}

}  // namespace holdfast::media
