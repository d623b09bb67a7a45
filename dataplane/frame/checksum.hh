// SPDX-License-Identifier: Apache-2.0
// Internet checksum (RFC 1071) and its incremental update (RFC 1624), on unaligned bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::dataplane {

// Sums are kept unfolded in 64 bits and in the machine's byte order: one's complement addition does
// not mind the order as long as both sides use the same (RFC 1071 section 2B). A stored checksum is
// therefore memcpy'd, not swapped.
using ChecksumSum = uint64_t;

inline uint16_t checksum_fold(ChecksumSum sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// Sum of `size` bytes; an odd last byte is padded with zero on its right, as on the wire. Up to 64
// KiB.
inline ChecksumSum checksum_add(const uint8_t* data, size_t size) {
  ChecksumSum sum = 0;
  while (size >= 16) {
    uint32_t words[4];
    std::memcpy(words, data, sizeof words);
    sum += uint64_t{words[0]} + words[1] + words[2] + words[3];
    data += 16;
    size -= 16;
  }
  while (size >= 2) {
    uint16_t word = 0;
    std::memcpy(&word, data, sizeof word);
    sum += word;
    data += 2;
    size -= 2;
  }
  if (size == 1) {
    const uint8_t last[2] = {*data, 0};
    uint16_t word = 0;
    std::memcpy(&word, last, sizeof word);
    sum += word;
  }
  return sum;
}

// A host-order 16-bit number as it adds to a sum.
inline ChecksumSum checksum_word(uint16_t host) {
  const uint8_t wire[2] = {static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)};
  return checksum_add(wire, 2);
}

inline uint16_t checksum_load(const uint8_t* field) {
  uint16_t word = 0;
  std::memcpy(&word, field, sizeof word);
  return word;
}
inline void checksum_store(uint8_t* field, uint16_t checksum) {
  std::memcpy(field, &checksum, sizeof checksum);
}

// RFC 1624 equation 3: the checksum after the words summed in `removed` were replaced by those
// summed in `added`.
inline uint16_t checksum_update(uint16_t old_checksum, ChecksumSum removed, ChecksumSum added) {
  const uint16_t minus_removed = static_cast<uint16_t>(~checksum_fold(removed));
  const ChecksumSum sum =
      uint64_t{static_cast<uint16_t>(~old_checksum)} + minus_removed + checksum_fold(added);
  return static_cast<uint16_t>(~checksum_fold(sum));
}

}  // namespace holdfast::dataplane
