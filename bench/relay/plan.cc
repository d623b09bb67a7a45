// SPDX-License-Identifier: Apache-2.0
// The numbering of addresses: 198.18.0.0/16 is behind lan, 198.19.0.0/16 behind wan (RFC 2544).
#include "bench/relay/plan.hh"

namespace holdfast::bench {
namespace {

constexpr uint32_t kRemotesPerNet = 200;
constexpr uint32_t kFirstRemoteNet = 16;
constexpr uint16_t kRemotePort = 4'000;

static_assert(kFirstRemoteNet + kMaxCalls / kRemotesPerNet < 256);

IpAddress address(size_t side, uint32_t third, uint32_t fourth) {
  const std::array<uint8_t, 4> bytes = {198, static_cast<uint8_t>(18 + side),
                                        static_cast<uint8_t>(third), static_cast<uint8_t>(fourth)};
  return IpAddress::v4(bytes.data());
}

MacAddress mac(size_t side, uint8_t last) {
  return {{0x02, 0x00, 0x00, 0x00, static_cast<uint8_t>(side + 1), last}};
}

}  // namespace

Side side_of(size_t side) {
  return {.appliance_mac = mac(side, 0x02),
          .gateway_mac = mac(side, 0x01),
          .appliance = address(side, 0, 2),
          .gateway = address(side, 0, 1)};
}

SocketAddress local_of(size_t side, uint32_t call) {
  return {side_of(side).appliance, static_cast<uint16_t>(kFirstMediaPort + 2 * call)};
}

SocketAddress remote_of(size_t side, uint32_t call) {
  return {address(side, kFirstRemoteNet + call / kRemotesPerNet, 1 + call % kRemotesPerNet),
          kRemotePort};
}

}  // namespace holdfast::bench
