// SPDX-License-Identifier: Apache-2.0
// Builds and judges frames.
#include "tests/dataplane/test_frames.hh"

namespace holdfast::test {
namespace {

void put16(Bytes& out, unsigned v) {
  out.push_back(static_cast<uint8_t>(v >> 8));
  out.push_back(static_cast<uint8_t>(v));
}
void put32(Bytes& out, uint32_t v) {
  put16(out, v >> 16);
  put16(out, v & 0xffff);
}
template <typename It>
void append(Bytes& out, It first, It last) {
  out.insert(out.end(), first, last);
}

Bytes pseudo_header(const UdpFrame& f, size_t udp_size) {
  Bytes p;
  append(p, f.source.ip.bytes.begin(),
         f.source.ip.bytes.begin() + static_cast<long>(f.source.ip.size()));
  append(p, f.destination.ip.bytes.begin(),
         f.destination.ip.bytes.begin() + static_cast<long>(f.source.ip.size()));
  if (f.source.ip.is_v6()) put16(p, 0);
  if (f.source.ip.is_v6()) {
    put16(p, static_cast<unsigned>(udp_size));
    put16(p, 0);
    put16(p, 17);
  } else {
    put16(p, 17);
    put16(p, static_cast<unsigned>(udp_size));
  }
  return p;
}

Bytes udp_datagram(const UdpFrame& f) {
  Bytes udp;
  put16(udp, f.source.port);
  put16(udp, f.destination.port);
  put16(udp, static_cast<unsigned>(8 + f.payload.size()));
  put16(udp, 0);
  append(udp, f.payload.begin(), f.payload.end());
  if (f.udp_checksum) {
    Bytes all = pseudo_header(f, udp.size());
    append(all, udp.begin(), udp.end());
    uint16_t sum = naive_checksum(all);
    if (sum == 0) sum = 0xffff;
    udp[6] = static_cast<uint8_t>(sum >> 8);
    udp[7] = static_cast<uint8_t>(sum);
  }
  return udp;
}

Bytes ip_header(const UdpFrame& f, size_t udp_size) {
  Bytes ip;
  if (f.source.ip.is_v6()) {
    put32(ip, 0x60000000u | (uint32_t{f.traffic_class} << 20));
    put16(ip, static_cast<unsigned>(udp_size));
    ip.push_back(17);
    ip.push_back(64);
  } else {
    ip.push_back(0x45);
    ip.push_back(f.traffic_class);
    put16(ip, static_cast<unsigned>(20 + udp_size));
    put32(ip, 0x12340000);
    ip.push_back(63);
    ip.push_back(17);
    put16(ip, 0);
  }
  append(ip, f.source.ip.bytes.begin(),
         f.source.ip.bytes.begin() + static_cast<long>(f.source.ip.size()));
  append(ip, f.destination.ip.bytes.begin(),
         f.destination.ip.bytes.begin() + static_cast<long>(f.source.ip.size()));
  if (f.source.ip.is_v4()) {
    const uint16_t sum = naive_checksum(ip);
    ip[10] = static_cast<uint8_t>(sum >> 8);
    ip[11] = static_cast<uint8_t>(sum);
  }
  return ip;
}

}  // namespace

uint16_t naive_checksum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

Bytes build(const UdpFrame& f) {
  Bytes frame;
  append(frame, f.to.bytes.begin(), f.to.bytes.end());
  append(frame, f.from.bytes.begin(), f.from.bytes.end());
  if (f.vlan >= 0) {
    put16(frame, 0x8100);
    put16(frame, static_cast<unsigned>(f.vlan));
  }
  put16(frame, f.source.ip.is_v6() ? 0x86dd : 0x0800);
  const Bytes udp = udp_datagram(f);
  const Bytes ip = ip_header(f, udp.size());
  append(frame, ip.begin(), ip.end());
  append(frame, udp.begin(), udp.end());
  return frame;
}

Bytes rtp(uint16_t sequence, uint32_t timestamp, uint32_t ssrc, size_t size) {
  Bytes p = {0x80, 0x08};
  put16(p, sequence);
  put32(p, timestamp);
  put32(p, ssrc);
  for (size_t i = 0; i < size; ++i) p.push_back(static_cast<uint8_t>(i * 7 + sequence));
  return p;
}

Bytes rtcp_rr(uint32_t ssrc) {
  Bytes p = {0x80, 201, 0, 1};
  put32(p, ssrc);
  return p;
}

bool checksums_hold(const Bytes& frame) {
  size_t l3 = 14;
  if (frame[12] == 0x81 && frame[13] == 0x00) l3 += 4;
  const bool v6 = frame[l3 - 2] == 0x86;
  const size_t header = v6 ? 40 : 20;
  const auto begin = frame.begin() + static_cast<long>(l3);
  if (!v6 && naive_checksum(Bytes(begin, begin + 20)) != 0) return false;
  const size_t udp_at = l3 + header;
  const size_t udp_size = static_cast<size_t>(frame[udp_at + 4] << 8 | frame[udp_at + 5]);
  if (udp_at + udp_size > frame.size()) return false;
  if (frame[udp_at + 6] == 0 && frame[udp_at + 7] == 0) return !v6;
  UdpFrame f;
  f.source.ip = v6 ? IpAddress::v6(&frame[l3 + 8]) : IpAddress::v4(&frame[l3 + 12]);
  f.destination.ip = v6 ? IpAddress::v6(&frame[l3 + 24]) : IpAddress::v4(&frame[l3 + 16]);
  Bytes all = pseudo_header(f, udp_size);
  const auto udp = frame.begin() + static_cast<long>(udp_at);
  append(all, udp, udp + static_cast<long>(udp_size));
  return naive_checksum(all) == 0;
}

}  // namespace holdfast::test
