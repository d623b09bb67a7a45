// SPDX-License-Identifier: Apache-2.0
// How an outgoing packet is marked: DSCP (RFC 2474) and 802.1p priority, by the class of its media.
//
// Plain values; the configuration fills in what an interface has for each class, the lcore that
// owns a leg takes that leg's from there. The two ECN bits (RFC 3168) are never part of a mark:
// they go on as they came.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::dataplane {

// What a leg carries, as its m= line says.
enum class MediaClass : uint8_t { audio, video, fax };
inline constexpr size_t kMediaClasses = 3;

class Mark {
 public:
  Mark() = default;  // DSCP 0, priority 0
  static Mark of(uint8_t dscp, uint8_t pcp) { return {kEcn, static_cast<uint8_t>(dscp << 2), pcp}; }
  // The DSCP stays as it came.
  static Mark copied(uint8_t pcp) { return {0xff, 0, pcp}; }

  bool copies() const { return kept_ != kEcn; }
  uint8_t dscp() const { return set_ >> 2; }  // 0 when it copies
  uint8_t pcp() const { return pcp_; }
  // The byte that goes out for the one that came: IPv4's TOS, IPv6's traffic class.
  uint8_t traffic_class(uint8_t came) const { return static_cast<uint8_t>((came & kept_) | set_); }

  friend bool operator==(const Mark&, const Mark&) = default;

 private:
  static constexpr uint8_t kEcn = 0x03;
  Mark(uint8_t kept, uint8_t set, uint8_t pcp) : kept_(kept), set_(set), pcp_(pcp) {}

  uint8_t kept_ = kEcn;  // of the byte that came
  uint8_t set_ = 0;      // in the place of the rest
  uint8_t pcp_ = 0;      // 0 to 7, in the VLAN tag if there is one
};

struct Marks {
  Mark media, rtcp;
  friend bool operator==(const Marks&, const Marks&) = default;
};
using ClassMarks = std::array<Marks, kMediaClasses>;  // by MediaClass

}  // namespace holdfast::dataplane
