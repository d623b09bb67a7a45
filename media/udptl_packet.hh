// SPDX-License-Identifier: Apache-2.0
// UDPTL (ITU-T T.38 clause 9.1): tells the packets of a fax from what strays to its port.
//
// Safe on any bytes; no allocation; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::media {

// Whether a datagram can be a UDPTL packet: a sequence number of two octets, a primary IFP packet
// that is not empty, behind its length, and at least the octet that begins the error recovery. What
// is in them stays the endpoints' affair.
inline bool is_udptl(std::span<const uint8_t> datagram) {
  constexpr size_t kSequence = 2;
  if (datagram.size() <= kSequence) return false;
  // Aligned PER (ITU-T X.691 clause 11.9): one octet below 128, two with 10 in front below 16384.
  // Longer ones come in fragments, which no UDP datagram of fax needs.
  const std::span rest = datagram.subspan(kSequence);
  size_t length = rest[0];
  size_t header = 1;
  if ((rest[0] & 0xc0) == 0x80) {
    if (rest.size() < 2) return false;
    length = static_cast<size_t>(rest[0] & 0x3f) << 8 | rest[1];
    header = 2;
  } else if (rest[0] >= 0xc0) {
    return false;
  }
  return length > 0 && header + length < rest.size();
}

}  // namespace holdfast::media
