// SPDX-License-Identifier: Apache-2.0
// What became of a packet that was to be protected or unprotected: one list gives the enum, the
// counter's name and the text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::media {

// X(name, what is wrong): names of drops.
#define HOLDFAST_SRTP_REFUSALS(X)                                                                 \
  X(srtp_bad_packet, "no RTP or RTCP header, or too short for the trailer of its suite")          \
  X(srtp_bad_mki, "another MKI than that of the key")                                             \
  X(srtp_not_encrypted, "SRTCP whose E bit says that it is not encrypted")                        \
  X(srtp_auth_failed, "the authentication tag is wrong")                                          \
  X(srtp_replayed, "a packet that has come before (RFC 3711 section 3.3.2)")                      \
  X(srtp_too_old, "a packet older than the replay window")                                        \
  X(srtp_too_many_ssrcs, "a ninth SSRC of one direction under one key")                           \
  X(srtp_sent_before, "a packet to protect whose number was given out, or is older than we know") \
  X(srtp_key_expired, "the lifetime of the key or its packet indices are used up")                \
  X(srtp_no_room, "no room for the trailer behind the packet")                                    \
  X(srtp_no_key, "no keys, or those of another engine")                                           \
  X(srtp_failed, "the crypto library failed")
#define HOLDFAST_SRTP_VERDICTS(X)        \
  X(srtp_ok, "protected or unprotected") \
  HOLDFAST_SRTP_REFUSALS(X)

enum class SrtpVerdict : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_SRTP_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
};
inline constexpr size_t kSrtpVerdicts = static_cast<size_t>(SrtpVerdict::srtp_failed) + 1;
std::string_view name_of(SrtpVerdict verdict);
std::string_view text_of(SrtpVerdict verdict);

// Packets by verdict.
struct SrtpCounts {
  std::array<uint64_t, kSrtpVerdicts> packets{};
  uint64_t& operator[](SrtpVerdict verdict) { return packets[static_cast<size_t>(verdict)]; }
  uint64_t operator[](SrtpVerdict verdict) const { return packets[static_cast<size_t>(verdict)]; }
};

}  // namespace holdfast::media
