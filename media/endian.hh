// SPDX-License-Identifier: Apache-2.0
// Big-endian integers as types: wire fields cannot be mixed up with host integers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace holdfast {

// Unaligned big-endian 16-bit field, as it lies in a packet. Conversion is always spelled out.
class be16 {
 public:
  be16() = default;
  constexpr explicit be16(uint16_t host)
      : bytes_{static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)} {}
  constexpr uint16_t host() const { return static_cast<uint16_t>((bytes_[0] << 8) | bytes_[1]); }
  friend constexpr bool operator==(const be16&, const be16&) = default;

 private:
  uint8_t bytes_[2];
};

// Unaligned big-endian 32-bit field.
class be32 {
 public:
  be32() = default;
  constexpr explicit be32(uint32_t host)
      : bytes_{static_cast<uint8_t>(host >> 24), static_cast<uint8_t>(host >> 16),
               static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)} {}
  constexpr uint32_t host() const {
    return (uint32_t{bytes_[0]} << 24) | (uint32_t{bytes_[1]} << 16) | (uint32_t{bytes_[2]} << 8) |
           bytes_[3];
  }
  friend constexpr bool operator==(const be32&, const be32&) = default;

 private:
  uint8_t bytes_[4];
};

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);

// Reads a field of a packet; the caller has checked that two (four) bytes are there.
inline uint16_t load_be16(const uint8_t* p) {
  return static_cast<uint16_t>((p[0] << 8) | p[1]);
}
inline uint32_t load_be32(const uint8_t* p) {
  uint32_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}

}  // namespace holdfast
