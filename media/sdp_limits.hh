// SPDX-License-Identifier: Apache-2.0
// Every bound of the SDP and offer/answer code, in one place.
#pragma once

#include <cstddef>

namespace holdfast::media {

inline constexpr size_t kMaxSdpBytes = 64 * 1024;  // what one UDP datagram could bring
inline constexpr size_t kMaxSdpLines = 512;        // large browser offers have about 250
inline constexpr size_t kMaxSdpMedia = 16;         // m= lines
inline constexpr size_t kMaxSdpHostBytes = 255;    // a DNS name in c= (RFC 1035 section 2.3.4)
inline constexpr size_t kMaxSdpTokenBytes = 64;    // media and proto of an m= line
inline constexpr size_t kMaxSdpOriginBytes =
    256;                                        // user, and session id, of an o= line that we keep
inline constexpr size_t kMaxDynamicClocks = 4;  // what the dataplane takes for one leg

// What anchoring may add to a body: CR to bare LF, and in each section c=, a=rtcp and a=rtcp-mux
// (together below 128 bytes); the o= line grows by a version and an address.
// Six a=crypto of ours, the longest of them 110 bytes, come to 672.
inline constexpr size_t kMaxAnchorGrowthBytes =
    kMaxSdpLines + (kMaxSdpMedia + 1) * 128 + kMaxSdpMedia * 672 + 2 * kMaxSdpOriginBytes + 128;

inline constexpr size_t kMaxBranches = 8;       // INVITEs of one call that we sent on
inline constexpr size_t kMaxForkedDialogs = 8;  // to-tags that answered one of them
inline constexpr size_t kMaxTagBytes = 256;     // of a tag or branch that becomes a key

}  // namespace holdfast::media
