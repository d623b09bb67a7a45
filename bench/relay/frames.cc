// SPDX-License-Identifier: Apache-2.0
// Builds the frames, advances them, and breaks them.
#include "bench/relay/frames.hh"

#include <cstring>

#include "dataplane/frame/checksum.hh"
#include "media/endian.hh"

namespace holdfast::bench {
namespace {

using dataplane::checksum_add;
using dataplane::checksum_fold;
using dataplane::checksum_load;
using dataplane::checksum_store;
using dataplane::checksum_update;
using dataplane::checksum_word;

constexpr size_t kIpAt = 14;
constexpr size_t kUdpAt = 34;
constexpr size_t kIpSize = 20;
constexpr size_t kUdpSize = 8;
constexpr uint8_t kUdp = 17;

void put16(uint8_t* at, uint16_t value) {
  const be16 wire(value);
  std::memcpy(at, &wire, sizeof wire);
}
void put32(uint8_t* at, uint32_t value) {
  const be32 wire(value);
  std::memcpy(at, &wire, sizeof wire);
}

void close_ip(uint8_t* frame) {
  put16(frame + kIpAt + 10, 0);
  const uint16_t sum = checksum_fold(checksum_add(frame + kIpAt, kIpSize));
  checksum_store(frame + kIpAt + 10, static_cast<uint16_t>(~sum));
}

// Mends the UDP checksum after the bytes summed in `before` have become those at `at`.
void mend_udp(uint8_t* frame, dataplane::ChecksumSum before, const uint8_t* at, size_t size) {
  const uint16_t old = checksum_load(frame + kUdpAt + 6);
  const uint16_t now = checksum_update(old, before, checksum_add(at, size));
  checksum_store(frame + kUdpAt + 6, now == 0 ? uint16_t{0xffff} : now);
}

// ---- defects --------------------------------------------------------------------------------

size_t resize_payload(Frame& frame, uint16_t udp_payload) {
  set_udp_payload(frame.data(), udp_payload);
  close_udp(frame.data());
  return kRtpAt + udp_payload;
}

size_t other_station(Frame& frame, const BadTargets& /*to*/) {
  frame[5] ^= 0x40;
  return frame.size();
}

size_t bad_ip_checksum(Frame& frame, const BadTargets& /*to*/) {
  frame[kIpAt + 10] ^= 0x55;
  return frame.size();
}

size_t cut_short(Frame& frame, const BadTargets& /*to*/) {
  return frame.size() - 60;
}

size_t first_fragment(Frame& frame, const BadTargets& /*to*/) {
  put16(&frame[kIpAt + 6], 0x2000);
  close_ip(frame.data());
  return frame.size();
}

size_t unused_port(Frame& frame, const BadTargets& to) {
  readdress(frame, to.unused);
  return frame.size();
}

size_t bad_udp_checksum(Frame& frame, const BadTargets& /*to*/) {
  frame[kUdpAt + 6] ^= 0x55;
  return frame.size();
}

size_t other_source(Frame& frame, const BadTargets& /*to*/) {
  put16(&frame[kUdpAt], 5'555);
  close_udp(frame.data());
  return frame.size();
}

size_t rtp_version_3(Frame& frame, const BadTargets& /*to*/) {
  frame[kRtpAt] |= 0xc0;
  close_udp(frame.data());
  return frame.size();
}

size_t stun_request(Frame& frame, const BadTargets& /*to*/) {
  put16(&frame[kRtpAt], 0x0001);
  close_udp(frame.data());
  return frame.size();
}

size_t csrc_past_end(Frame& frame, const BadTargets& /*to*/) {
  frame[kRtpAt] |= 0x0f;
  return resize_payload(frame, 20);
}

size_t on_rtcp_port(Frame& frame, const BadTargets& to) {
  readdress(frame, static_cast<uint16_t>(to.used + 1));
  return frame.size();
}

constexpr Defect kDefects[] = {
    {"wrong_mac", "unicast to another station", other_station},
    {"ip_bad_checksum", "IPv4 header checksum wrong", bad_ip_checksum},
    {"ip_truncated", "frame shorter than its IP packet", cut_short},
    {"fragment", "first fragment of a datagram", first_fragment},
    {"no_leg", "unused media port", unused_port},
    {"udp_bad_checksum", "UDP checksum wrong", bad_udp_checksum},
    {"wrong_source", "another source than the leg is locked to", other_source},
    {"unknown_payload", "RTP version 3 (RFC 3550 section 5.1)", rtp_version_3},
    {"stun", "STUN on a media port (RFC 7983)", stun_request},
    {"rtp_csrc_past_end", "CSRC list past the end", csrc_past_end},
    {"rtp_on_rtcp_port", "RTP on the RTCP port", on_rtcp_port},
};

}  // namespace

std::span<const Defect> defects() {
  return kDefects;
}

Frame first_frame(size_t side, uint32_t call, uint16_t sequence) {
  Frame frame{};
  const Side here = side_of(side);
  const SocketAddress from = remote_of(side, call);
  const SocketAddress to = local_of(side, call);
  std::memcpy(&frame[0], here.appliance_mac.bytes.data(), 6);
  std::memcpy(&frame[6], here.gateway_mac.bytes.data(), 6);
  put16(&frame[12], 0x0800);
  frame[kIpAt] = 0x45;
  put16(&frame[kIpAt + 2], kFrameBytes - kIpAt);
  put16(&frame[kIpAt + 6], 0x4000);  // DF
  frame[kIpAt + 8] = 63;
  frame[kIpAt + 9] = kUdp;
  std::memcpy(&frame[kIpAt + 12], from.ip.bytes.data(), 4);
  std::memcpy(&frame[kIpAt + 16], to.ip.bytes.data(), 4);
  put16(&frame[kUdpAt], from.port);
  put16(&frame[kUdpAt + 2], to.port);
  put16(&frame[kUdpAt + 4], kFrameBytes - kUdpAt);
  frame[kRtpAt] = 0x80;
  frame[kRtpAt + 1] = kPayloadType;
  put16(&frame[kRtpAt + 2], sequence);
  put32(&frame[kRtpAt + 4], uint32_t{sequence} * kTicksPerPacket);
  put32(&frame[kRtpAt + 8], ssrc_of(side, call));
  fill_payload(frame.data(), call);
  close_ip(frame.data());
  close_udp(frame.data());
  return frame;
}

void fill_payload(uint8_t* frame, uint32_t call) {
  for (size_t i = 0; i < kPayloadBytes; ++i)
    frame[kStampAt + i] = static_cast<uint8_t>(i * 37 + call);
}

void set_udp_payload(uint8_t* frame, uint16_t bytes) {
  put16(frame + kIpAt + 2, static_cast<uint16_t>(kIpSize + kUdpSize + bytes));
  put16(frame + kUdpAt + 4, static_cast<uint16_t>(kUdpSize + bytes));
  close_ip(frame);
}

void close_udp(uint8_t* frame) {
  const uint16_t size = load_be16(frame + kUdpAt + 4);
  put16(frame + kUdpAt + 6, 0);
  const auto sum = checksum_add(frame + kIpAt + 12, 8) + checksum_word(kUdp) + checksum_word(size) +
                   checksum_add(frame + kUdpAt, size);
  const auto checksum = static_cast<uint16_t>(~checksum_fold(sum));
  checksum_store(frame + kUdpAt + 6, checksum == 0 ? uint16_t{0xffff} : checksum);
}

void readdress(Frame& frame, uint16_t destination_port) {
  put16(&frame[kUdpAt + 2], destination_port);
  close_udp(frame.data());
}

BadTargets planned_targets(size_t side, uint32_t calls) {
  return {.used = local_of(side, 0).port, .unused = local_of(side, calls + kUnusedPairs / 2).port};
}

BadFrame bad_frame(const Defect& defect, size_t side, const BadTargets& to) {
  BadFrame bad{first_frame(side, 0, 0), 0};
  put32(&bad.bytes[kRtpAt + 8], kBadSsrc);
  readdress(bad.bytes, to.used);
  bad.size = defect.apply(bad.bytes, to);
  return bad;
}

bool is_bad_on_purpose(const uint8_t* frame, size_t size) {
  return size >= kStampAt && load_be32(frame + kRtpAt + 8) == kBadSsrc;
}

void advance_rtp(uint8_t* frame, uint16_t packets) {
  uint8_t* rtp = frame + kRtpAt;
  put16(rtp + 2, static_cast<uint16_t>(load_be16(rtp + 2) + packets));
  put32(rtp + 4, load_be32(rtp + 4) + uint32_t{packets} * kTicksPerPacket);
}

void advance(uint8_t* frame, uint16_t packets) {
  const uint8_t* changed = frame + kRtpAt + 2;
  const auto before = checksum_add(changed, 6);
  advance_rtp(frame, packets);
  mend_udp(frame, before, changed, 6);
}

void stamp(uint8_t* frame, uint64_t value) {
  uint8_t* at = frame + kStampAt;
  const auto before = checksum_add(at, sizeof value);
  std::memcpy(at, &value, sizeof value);
  mend_udp(frame, before, at, sizeof value);
}

uint64_t stamp_of(const uint8_t* frame) {
  uint64_t value = 0;
  std::memcpy(&value, frame + kStampAt, sizeof value);
  return value;
}

}  // namespace holdfast::bench
