// SPDX-License-Identifier: Apache-2.0
// Frames of any bytes: classification stays inside them, and what it calls media can be rewritten
// and parses again.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dataplane/frame/frame_view.hh"
#include "dataplane/frame/header_template.hh"

namespace {

using namespace holdfast;
using namespace holdfast::dataplane;

PortFilter filter(uint16_t vlan) {
  return {
      .mac = *MacAddress::parse("02:00:00:00:00:01"),
      .vlan = vlan,
      .first_port = 20000,
      .last_port = 29999,
      .addresses = {{*IpAddress::parse("198.18.1.2"), 0}, {*IpAddress::parse("2001:db8:1::2"), 1}}};
}

const PortFilter kFilters[] = {filter(0), filter(100)};

// Back to where a frame came in.
struct Header {
  Header(const char* address, uint16_t vlan)
      : to{*IpAddress::parse(address), 20002}, frame({}, vlan, to.ip), rest(frame, ends(), kMac) {}
  HeaderEnds ends() const { return {20000, to}; }
  static inline const MacAddress kMac = *MacAddress::parse("02:00:00:00:00:01");
  SocketAddress to;
  HeaderFrame frame;
  HeaderTemplate rest;
};

const Header kHeaders[] = {{"198.18.1.2", 0}, {"2001:db8:1::2", 100}};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2000) return 0;
  for (size_t i = 0; i < 2; ++i) {
    const FrameView view = view_frame(data, static_cast<uint32_t>(size), kFilters[i]);
    if (view.fate != FrameFate::media) continue;
    require(size_t{view.payload_offset} + view.payload_size <= size);
    const UdpChecksum checksum = check_udp(data, view);
    if (!checksum.good) continue;
    const Header& header = kHeaders[i];
    std::vector<uint8_t> out(header.frame.size() + size_t{view.payload_size});
    std::memcpy(out.data() + header.frame.size(), data + view.payload_offset, view.payload_size);
    header.rest.write(header.frame, header.ends(), out.data(), view.payload_size,
                      view.traffic_class, data[0] & 7, checksum.payload_sum, checksum.absent);
    const FrameView again = view_frame(out.data(), static_cast<uint32_t>(out.size()), kFilters[i]);
    require(again.fate == FrameFate::media && again.payload_size == view.payload_size &&
            again.traffic_class == view.traffic_class);
    require(check_udp(out.data(), again).good);
  }
  return 0;
}
