// SPDX-License-Identifier: Apache-2.0
// Every way a frame can be dropped, by name: this one list gives the enum, the counters and the
// text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "media/rtcp_packet.hh"
#include "media/rtp_packet.hh"
#include "media/srtp/verdict.hh"

namespace holdfast::dataplane {

// Known before a leg is: X(name, what happened).
#define HOLDFAST_PORT_DROPS(X)                                                 \
  X(port_missed, "came to the port, but its queue was full before we looked")  \
  X(frame_runt, "shorter than its Ethernet header")                            \
  X(frame_too_long, "longer than the port's buffers")                          \
  X(wrong_mac, "unicast to another station")                                   \
  X(wrong_vlan, "not tagged as the interface is configured")                   \
  X(ip_truncated, "IP packet longer than its frame, or cut inside its header") \
  X(ip_bad_version, "IP version differs from the EtherType")                   \
  X(ip_bad_length, "IPv4 header or total length impossible")                   \
  X(ip_bad_checksum, "IPv4 header checksum wrong")                             \
  X(fragment, "first fragment of a datagram into the media range")             \
  X(udp_truncated, "IP payload shorter than a UDP header")                     \
  X(udp_bad_length, "UDP length impossible")                                   \
  X(no_leg, "no leg has this media port")                                      \
  X(call_ended, "the call that had this media port has ended")                 \
  X(not_media, "steered here, but the kernel's")                               \
  X(to_kernel_full, "the queue or tap towards the kernel was full")            \
  X(tap_refused, "the kernel did not take the frame")                          \
  X(tap_full, "the kernel had more for the port than its rate allows")         \
  X(tap_oversize, "the kernel gave a frame longer than the MTU")

// Known to belong to a leg; counted there too.
#define HOLDFAST_LEG_DROPS(X)                                      \
  X(udp_bad_checksum, "UDP checksum wrong, or zero on IPv6")       \
  X(wrong_source, "not from the source that the leg is locked to") \
  X(stun, "STUN on a media port (RFC 7983)")                       \
  X(dtls, "DTLS on a media port (RFC 7983)")                       \
  X(zrtp, "ZRTP on a media port (RFC 7983)")                       \
  X(turn, "TURN channel data on a media port (RFC 7983)")          \
  X(unknown_payload, "neither RTP nor RTCP; of a fax, no UDPTL")   \
  X(rtp_on_rtcp_port, "RTP on the port that is for RTCP")          \
  HOLDFAST_RTP_REJECTS(X)                                          \
  HOLDFAST_RTCP_REJECTS(X)                                         \
  X(no_remote, "the other leg has no destination yet")             \
  X(no_next_hop, "the other leg's next hop is not known")          \
  X(too_big, "longer than the MTU of the way out")                 \
  X(join_loop, "went from leg to leg of ours too often")           \
  X(handover_full, "another lcore's inbox was full")               \
  X(tx_full, "the port's transmit queue was full")

// Of packets from or to a leg with SRTP, which counts them too: media::SrtpVerdict without its
// first.
enum class DropReason : uint8_t {
  none,
#define HOLDFAST_X(name, text) name,
  HOLDFAST_PORT_DROPS(HOLDFAST_X) HOLDFAST_LEG_DROPS(HOLDFAST_X) HOLDFAST_SRTP_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};

inline constexpr size_t kDropReasons = static_cast<size_t>(DropReason::count);
inline constexpr size_t kFirstLegDrop = static_cast<size_t>(DropReason::udp_bad_checksum);
inline constexpr size_t kFirstSrtpDrop = static_cast<size_t>(DropReason::srtp_bad_packet);
inline constexpr size_t kLegDropReasons = kFirstSrtpDrop - kFirstLegDrop;
static_assert(kDropReasons - kFirstSrtpDrop + 1 == media::kSrtpVerdicts);

constexpr bool is_leg_drop(DropReason reason) {
  return static_cast<size_t>(reason) >= kFirstLegDrop &&
         static_cast<size_t>(reason) < kFirstSrtpDrop;
}
constexpr size_t leg_drop_index(DropReason reason) {
  return static_cast<size_t>(reason) - kFirstLegDrop;
}
constexpr DropReason leg_drop_at(size_t index) {
  return static_cast<DropReason>(kFirstLegDrop + index);
}

// The parsers' own reasons stand in the list in their order.
constexpr DropReason drop_of(media::RtpReject reject) {
  return static_cast<DropReason>(static_cast<size_t>(DropReason::rtp_too_short) +
                                 static_cast<size_t>(reject));
}
constexpr DropReason drop_of(media::RtcpReject reject) {
  return static_cast<DropReason>(static_cast<size_t>(DropReason::rtcp_too_short) +
                                 static_cast<size_t>(reject));
}
// none: the packet goes on.
constexpr DropReason drop_of(media::SrtpVerdict verdict) {
  return verdict == media::SrtpVerdict::srtp_ok
             ? DropReason::none
             : static_cast<DropReason>(kFirstSrtpDrop + static_cast<size_t>(verdict) - 1);
}
static_assert(drop_of(media::SrtpVerdict::srtp_failed) == DropReason::srtp_failed);

constexpr std::string_view name_of(DropReason reason) {
  switch (reason) {
#define HOLDFAST_X(name, text) \
  case DropReason::name:       \
    return #name;
    HOLDFAST_PORT_DROPS(HOLDFAST_X)
    HOLDFAST_LEG_DROPS(HOLDFAST_X)
    HOLDFAST_SRTP_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
    case DropReason::none:
    case DropReason::count:
      break;
  }
  return "none";
}

constexpr std::string_view text_of(DropReason reason) {
  switch (reason) {
#define HOLDFAST_X(name, text) \
  case DropReason::name:       \
    return text;
    HOLDFAST_PORT_DROPS(HOLDFAST_X)
    HOLDFAST_LEG_DROPS(HOLDFAST_X)
    HOLDFAST_SRTP_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
    case DropReason::none:
    case DropReason::count:
      break;
  }
  return "";
}

}  // namespace holdfast::dataplane
