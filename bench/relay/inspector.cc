// SPDX-License-Identifier: Apache-2.0
// Judges what comes back, by the standards and not by the code that is measured.
#include "bench/relay/inspector.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/frame/checksum.hh"
#include "media/endian.hh"

namespace holdfast::bench {
namespace {

constexpr size_t kIpAt = 14;
constexpr size_t kUdpAt = 34;
constexpr uint8_t kUdp = 17;

bool is_address(const uint8_t* ip, const uint8_t* port, const SocketAddress& wanted) {
  return std::memcmp(ip, wanted.ip.bytes.data(), 4) == 0 && load_be16(port) == wanted.port;
}

bool udp_sum_holds(const uint8_t* frame, size_t size) {
  const auto sum = dataplane::checksum_add(frame + kIpAt + 12, 8) + dataplane::checksum_word(kUdp) +
                   dataplane::checksum_word(load_be16(frame + kUdpAt + 4)) +
                   dataplane::checksum_add(frame + kUdpAt, size - kUdpAt);
  return dataplane::checksum_fold(sum) == 0xffff;
}

}  // namespace

bool is_udp(const uint8_t* frame, size_t size) {
  return size >= kRtpAt && load_be16(frame + 12) == 0x0800 && frame[kIpAt + 9] == kUdp;
}

Inspector::Inspector(Treatment treatment, uint32_t calls, const SrtpSuites& suites)
    : treatment_(treatment), calls_(calls), srtp_(suites[0] || suites[1]) {
  for (size_t side = 0; side < kSides; ++side) {
    frame_bytes_[side] = kFrameBytes;
    if (!suites[side]) continue;
    frame_bytes_[side] += media::traits_of(*suites[side]).rtp_tag_bytes;
    for (uint32_t call = 0; call < std::min(calls, kOpenedCalls); ++call)
      opened_[side].push_back(
          make_libsrtp_context(srtp_key_of(*suites[side], side, call, Sender::appliance), false));
  }
}

const char* Inspector::inspect(const uint8_t* frame, size_t size, size_t side) {
  if (size != frame_bytes_[side]) return "length";
  const size_t from = 1 - side;  // both treatments send out of the other port
  const uint32_t number = load_be32(frame + kRtpAt + 8) - kFirstSsrc;
  if (number >= 2 * calls_ || number % 2 != from) return "SSRC";
  if (const char* wrong = inspect_headers(frame, size, side, from, number / 2)) return wrong;
  if (dataplane::checksum_fold(dataplane::checksum_add(frame + kIpAt, 20)) != 0xffff)
    return "IPv4 checksum";
  if (!udp_sum_holds(frame, size)) return "UDP checksum";
  if (frame[kRtpAt] != 0x80 || frame[kRtpAt + 1] != kPayloadType) return "RTP header";
  const uint16_t sequence = load_be16(frame + kRtpAt + 2);
  const auto step = static_cast<uint16_t>(sequence - last_sequence_[number]);
  if (seen_[number] && (step == 0 || step >= 0x8000)) return "order within a stream";
  seen_[number] = true;
  last_sequence_[number] = sequence;
  return srtp_ ? inspect_payload(frame, size, side, number / 2) : nullptr;
}

const char* Inspector::inspect_payload(const uint8_t* frame, size_t size, size_t side,
                                       uint32_t call) {
  std::array<uint8_t, kFrameBytes + SRTP_MAX_TRAILER_LEN> copy;
  std::copy_n(frame, size, copy.begin());
  if (!opened_[side].empty()) {
    if (call >= opened_[side].size()) return nullptr;
    auto length = static_cast<int>(size - kRtpAt);
    if (srtp_unprotect(opened_[side][call].get(), &copy[kRtpAt], &length) != srtp_err_status_ok)
      return "SRTP";
  }
  std::array<uint8_t, kFrameBytes> wanted;
  fill_payload(wanted.data(), call);
  const bool same = std::memcmp(&copy[kStampAt], &wanted[kStampAt], kPayloadBytes) == 0;
  return same ? nullptr : "payload";
}

const char* Inspector::inspect_headers(const uint8_t* frame, size_t size, size_t side, size_t from,
                                       uint32_t call) const {
  const uint8_t* ip = frame + kIpAt;
  const uint8_t* udp = frame + kUdpAt;
  if (load_be16(ip + 2) != size - kIpAt || load_be16(udp + 4) != size - kUdpAt)
    return "length fields";
  if (treatment_ == Treatment::reflect) {
    const Side came = side_of(from);
    if (std::memcmp(frame, came.gateway_mac.bytes.data(), 6) != 0) return "destination MAC";
    if (!is_address(ip + 12, udp, local_of(from, call))) return "source address";
    return is_address(ip + 16, udp + 2, remote_of(from, call)) ? nullptr : "destination address";
  }
  const Side here = side_of(side);
  if (std::memcmp(frame, here.gateway_mac.bytes.data(), 6) != 0) return "destination MAC";
  if (std::memcmp(frame + 6, here.appliance_mac.bytes.data(), 6) != 0) return "source MAC";
  if (ip[1] >> 2 != kExpectedDscp) return "DSCP";
  if (!is_address(ip + 12, udp, local_of(side, call))) return "source address";
  return is_address(ip + 16, udp + 2, remote_of(side, call)) ? nullptr : "destination address";
}

}  // namespace holdfast::bench
