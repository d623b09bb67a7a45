// SPDX-License-Identifier: Apache-2.0
// Any bytes as UDPTL: taken if, and only if, a slow reading of T.38 and X.691 finds a primary
// packet and something behind it.
#include <cstdlib>
#include <vector>

#include "media/udptl_packet.hh"

namespace {

// udp_transport (T.38 clause 9.1.4): sequence number, primary IFP packet, error recovery.
bool reads_as_udptl(std::vector<uint8_t> rest) {
  const auto take = [&rest]() -> int {
    if (rest.empty()) return -1;
    const int octet = rest.front();
    rest.erase(rest.begin());
    return octet;
  };
  for (int octet = 0; octet < 2; ++octet)
    if (take() < 0) return false;
  int length = take();
  if (length < 0 || length >= 0xc0) return false;
  if (length >= 0x80) {
    const int low = take();
    if (low < 0) return false;
    length = (length - 0x80) * 256 + low;
  }
  if (length == 0) return false;
  for (; length > 0; --length)
    if (take() < 0) return false;
  return take() >= 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (holdfast::media::is_udptl({data, size}) != reads_as_udptl({data, data + size})) std::abort();
  return 0;
}
