// SPDX-License-Identifier: Apache-2.0
// Link, network and UDP headers of captured frames.
#include "bench/replay_capture.hh"

#include <pcap/pcap.h>

#include <memory>
#include <optional>

#include "media/endian.hh"

namespace holdfast::replay {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint8_t kProtocolUdp = 17;
constexpr int kLinuxSll2 = 276;  // DLT_LINUX_SLL2, which older headers lack
constexpr size_t kUdpHeaderBytes = 8;

uint16_t word(Bytes bytes, size_t at) {
  return load_be16(bytes.data() + at);
}

// What follows the link header, if it is IP.
std::optional<Bytes> ip_of_ethertype(Bytes frame, size_t type_at, size_t payload_at) {
  if (frame.size() < payload_at) return std::nullopt;
  uint16_t type = word(frame, type_at);
  while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
    if (frame.size() < payload_at + 4) return std::nullopt;
    type = word(frame, payload_at + 2);
    payload_at += 4;
  }
  if (type != kEtherIpv4 && type != kEtherIpv6) return std::nullopt;
  return frame.subspan(payload_at);
}

std::optional<Bytes> ip_of(int link_type, Bytes frame) {
  switch (link_type) {
    case DLT_EN10MB:
      return ip_of_ethertype(frame, 12, 14);
    case DLT_LINUX_SLL:
      return ip_of_ethertype(frame, 14, 16);
    case kLinuxSll2:
      return ip_of_ethertype(frame, 0, 20);
    case DLT_NULL:
    case DLT_LOOP:
      return frame.size() < 4 ? std::nullopt : std::optional(frame.subspan(4));
    default:  // raw IP
      return frame;
  }
}

// `udp` is what was captured from the UDP header on; `ip_length` is what the IP header says is
// there.
Result<Datagram, FrameSkip> parse_udp(Bytes udp, size_t ip_length, Datagram datagram) {
  if (ip_length < kUdpHeaderBytes) return FrameSkip::bad_length;
  if (udp.size() < kUdpHeaderBytes) return FrameSkip::cut_short;
  const size_t length = word(udp, 4);
  if (length < kUdpHeaderBytes || length > ip_length) return FrameSkip::bad_length;
  datagram.from.port = word(udp, 0);
  datagram.to.port = word(udp, 2);
  datagram.whole = udp.size() >= length;
  datagram.payload = udp.first(datagram.whole ? length : udp.size()).subspan(kUdpHeaderBytes);
  return datagram;
}

Result<Datagram, FrameSkip> parse_ipv4(Bytes ip) {
  if (ip.size() < 20) return FrameSkip::cut_short;
  const size_t header = size_t{ip[0] & 0x0fU} * 4;
  size_t total = word(ip, 2);
  if (total == 0) total = ip.size();  // captured before segmentation offload filled it in
  if (header < 20 || total < header) return FrameSkip::bad_length;
  if ((word(ip, 6) & 0x3fff) != 0) return FrameSkip::fragment;
  if (ip[9] != kProtocolUdp) return FrameSkip::not_udp;
  if (ip.size() < header) return FrameSkip::cut_short;
  Datagram datagram;
  datagram.from.ip = IpAddress::v4(ip.data() + 12);
  datagram.to.ip = IpAddress::v4(ip.data() + 16);
  return parse_udp(ip.subspan(header), total - header, datagram);
}

Result<Datagram, FrameSkip> parse_ipv6(Bytes ip) {
  if (ip.size() < 40) return FrameSkip::cut_short;
  size_t left = word(ip, 4);
  uint8_t next = ip[6];
  size_t at = 40;
  // RFC 8200 section 4: hop-by-hop options, routing, destination options; each says what follows.
  while (next == 0 || next == 43 || next == 60) {
    if (ip.size() < at + 8) return FrameSkip::cut_short;
    const size_t length = (size_t{ip[at + 1]} + 1) * 8;
    if (length > left) return FrameSkip::bad_length;
    next = ip[at];
    at += length;
    left -= length;
  }
  if (next == 44) return FrameSkip::fragment;
  if (next != kProtocolUdp) return FrameSkip::not_udp;
  if (ip.size() < at) return FrameSkip::cut_short;
  Datagram datagram;
  datagram.from.ip = IpAddress::v6(ip.data() + 8);
  datagram.to.ip = IpAddress::v6(ip.data() + 24);
  return parse_udp(ip.subspan(at), left, datagram);
}

}  // namespace

bool is_known_link_type(int link_type) {
  switch (link_type) {
    case DLT_EN10MB:
    case DLT_LINUX_SLL:
    case kLinuxSll2:
    case DLT_NULL:
    case DLT_LOOP:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return true;
    default:
      return false;
  }
}

Result<Datagram, FrameSkip> parse_frame(int link_type, Bytes frame) {
  const auto ip = ip_of(link_type, frame);
  if (!ip) return FrameSkip::not_ip;
  if (ip->empty()) return FrameSkip::cut_short;
  switch ((*ip)[0] >> 4) {
    case 4:
      return parse_ipv4(*ip);
    case 6:
      return parse_ipv6(*ip);
    default:
      return FrameSkip::not_ip;
  }
}

std::string read_capture(const std::string& path, CaptureCounts& counts,
                         const std::function<void(const Datagram&, uint64_t)>& on_datagram) {
  char error[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> capture(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error),
      [](pcap_t* p) {
        if (p != nullptr) pcap_close(p);
      });
  if (!capture) return error;
  const int link_type = pcap_datalink(capture.get());
  if (!is_known_link_type(link_type))
    return path + ": link type " + std::to_string(link_type) + " is not known here";
  pcap_pkthdr* head = nullptr;
  const uint8_t* bytes = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(capture.get(), &head, &bytes)) == 1) {
    ++counts.frames;
    const auto datagram = parse_frame(link_type, {bytes, head->caplen});
    if (!datagram) {
      ++counts.skipped[static_cast<size_t>(datagram.error())];
      continue;
    }
    // With nanosecond precision tv_usec holds nanoseconds.
    on_datagram(*datagram, static_cast<uint64_t>(head->ts.tv_sec) * 1'000'000'000 +
                               static_cast<uint64_t>(head->ts.tv_usec));
  }
  if (status == PCAP_ERROR_BREAK) return {};  // the end of the file
  return path + ": " + pcap_geterr(capture.get());
}

}  // namespace holdfast::replay
