// SPDX-License-Identifier: Apache-2.0
// The state of a leg on the packet path: who may send to it, how its packets leave, what was
// counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/frame/header_template.hh"
#include "dataplane/frame/mark.hh"
#include "dataplane/relay/far_end.hh"
#include "dataplane/relay/leg_drops.hh"
#include "dataplane/relay/srtp_leg.hh"
#include "media/address.hh"
#include "media/stream_account.hh"

namespace holdfast::dataplane {

// Index into the leg table; the table is divided among the lcores, so it also names the owner. 0 is
// no leg.
using LegIndex = uint32_t;
inline constexpr LegIndex kNoLeg = 0;

// A leg has two paths, each with its own UDP port. RTCP may come on the RTP path (RFC 5761).
enum class PathKind : uint8_t { rtp = 0, rtcp = 1 };
inline constexpr size_t kPaths = 2;
inline constexpr size_t kMaxClockRates = 4;

// LegSetup::dscp: that of the leg's class at its interface.
inline constexpr uint8_t kClassDscp = UINT8_MAX;

// What a leg's datagrams are. UDPTL (T.38) comes on the RTP path only, is checked for its lengths
// and counted in packets and octets: no streams, no RTCP. SRTP is RTP that is protected, whatever
// the call's other leg has; sealed, what its endpoints protect under keys of their own: RTP's
// header is read, and the first one of RTCP.
enum class PayloadKind : uint8_t { rtp, udptl, srtp, sealed };

struct ClockRate {
  uint32_t payload_type : 8 = 0;
  uint32_t hz : 24 = 0;  // 0: none
};

// What the slow thread says about a leg; the owner lcore copies it. What each packet needs comes
// first.
struct LegSetup {
  LegIndex peer = kNoLeg;
  uint16_t port = 0;  // index of the interface that the leg lives on
  std::array<uint16_t, kPaths> local_port{};
  bool rtcp_mux = false;
  bool rtcp_explicit = false;  // a=rtcp named the RTCP address: do not derive it from RTP's
  bool strict_source = false;  // only `remote` may send; else the first valid sender is learned
  uint8_t dscp = kClassDscp;   // of its own, for media and RTCP
  MediaClass media_class = MediaClass::audio;
  PayloadKind payload = PayloadKind::rtp;
  uint64_t call = 0;  // serial number of the call, for the slow thread's books
  uint16_t address_index = 0;
  IpAddress local;
  std::array<SocketAddress, kPaths> remote{};  // from SDP; none: learn it
  std::array<ClockRate, kMaxClockRates> clock_rates{};
};

// Whether an update that opens the source lock sends a path to the remote that the leg now has,
// rather than on to where the endpoint was found: a phone behind NAT is not where it says.
inline bool sends_to_remote(const LegSetup& before, const LegSetup& now, size_t path) {
  return !now.remote[path].is_none() &&
         (now.strict_source || !(now.remote[path] == before.remote[path]));
}

inline constexpr uint16_t kNotOurs = UINT16_MAX;

struct Path {
  SocketAddress source;       // who may send to us; none until learned (or given, when strict)
  SocketAddress destination;  // where we send; none until given or learned
  // Index of the interface whose media address `destination` is: its packets are joined, handed to
  // the leg there instead of sent.
  uint16_t own_port = kNotOurs;
  bool source_is_ours = false;  // `source` is a leg of ours: nothing from a wire can be from it
  bool untold = false;          // `destination` is new, and the slow thread does not know yet
  HeaderTemplate out;           // not ready until the next hop is known
};

struct LegCounters {
  LegDrops drops;
  // Of the endpoint's RTCP, which was relayed all the same:
  uint32_t reports_unknown_ssrc = 0;  // blocks about a stream that is not here
  uint32_t reports_bad_delay = 0;     // blocks whose DLSR is more than the time that passed
  uint32_t reports_unread = 0;        // beyond what is looked at in one datagram
  uint32_t reports_bad_length = 0;    // XR blocks of a length that their type cannot have
  uint32_t unaccounted_packets = 0;   // relayed, but no stream slot was free
  uint64_t tx_refused_packets = 0;    // of RTP and RTCP: what the port did not take
  uint64_t joined_rx_packets = 0,
           joined_tx_packets = 0;  // of RTP and RTCP: from and to other legs of ours
  uint64_t rtcp_rx_packets = 0, rtcp_tx_packets = 0;
  // Each packet's, last, so that they lie beside what else a packet needs.
  uint64_t rx_packets = 0,
           rx_octets = 0;  // RTP payload octets (RFC 3550 section 6.4.1) accepted here
  uint64_t tx_packets = 0, tx_octets = 0;  // RTP given to the port of this leg
};

// Totals of streams that lost their slot to a newer SSRC, so that a leg's sums stay whole.
struct FoldedStreams {
  uint64_t received = 0, lost = 0, duplicates = 0;
  uint32_t streams = 0, lost_by_us = 0, unmarked = 0, remarked = 0;  // as wide as a stream's

  uint64_t expected() const { return received + lost + lost_by_us; }
};

inline constexpr uint32_t kNoStream = UINT32_MAX;
inline constexpr uint32_t kMaxStreamsPerLeg = 8;

// Its packets touch the first three cache lines.
inline constexpr size_t kHotSlotBytes = 192;
struct alignas(64) StreamSlot {
  uint32_t next = kNoStream;  // of the same leg, most recently used first
  // Of its packets as they came: how many had no DSCP, and how many another than
  // Leg::expected_dscp(); the newest's and the first's.
  uint32_t unmarked = 0, remarked = 0;
  uint8_t dscp_in = 0, dscp_first = 0;
  uint8_t payload_type = 0;
  bool clock_known = false;  // else the account does its sums with a guess
  media::StreamAccount account;
  FarEnd far_end;  // of the endpoint that it is relayed to

  uint32_t clock_hz() const { return clock_known ? account.clock_rate_hz() : 0; }
};
static_assert(sizeof(StreamSlot) == 384);

// Thousands of legs do not fit a cache, so a packet touches two lines of each: one with its path
// (RTCP has a second path), and one with the last counters, the streams and the head of the setup.
struct alignas(64) Leg {
  std::array<Path, kPaths> paths;
  LegCounters counters;
  uint32_t streams = kNoStream;
  uint8_t stream_count = 0;
  bool in_use = false;
  bool captured = false;  // its frames are copied
  Marks marks;            // of what leaves: what the interface has for the setup's class
  LegSetup setup;
  FoldedStreams folded;

  // What the packets of a stream should bear when they arrive: what we mark with here, or, where we
  // copy, what its first one bore.
  uint8_t expected_dscp(const StreamSlot& slot) const {
    return marks.media.copies() ? slot.dscp_first : marks.media.dscp();
  }

  // The line that every packet needs.
  const void* hot() const { return &counters.rx_packets; }
};

// A copy of one leg and its streams, made by the owner lcore on request.
struct LegSnapshot {
  LegIndex index = kNoLeg;
  Leg leg;
  uint32_t stream_count = 0;
  std::array<StreamSlot, kMaxStreamsPerLeg> streams;
  SrtpLegSummary srtp;  // of a leg with SRTP
};

static_assert(std::is_trivially_copyable_v<Leg>);
static_assert(sizeof(Leg) == 448 && sizeof(Path) <= 64);
// The line that every packet needs.
static_assert(offsetof(Leg, counters) + offsetof(LegCounters, rx_packets) == 256);
static_assert(offsetof(Leg, setup) + offsetof(LegSetup, call) <= 320);

}  // namespace holdfast::dataplane
