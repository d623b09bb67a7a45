// SPDX-License-Identifier: Apache-2.0
// What SRTP remembers of one direction of a leg: keys made ready for the crypto library, and for
// each SSRC the packet index, replay window and numbering (RFC 3711 section 3.2).
//
// Plain data of fixed size without pointers, trivially copyable, so that it can lie in a leg's
// memory file; secret, and wiped by SrtpEngine::release(). One writer: the thread that owns the
// leg.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "media/receive_window.hh"
#include "media/srtp/suite.hh"

namespace holdfast::media {

// SSRCs of one direction under one key. They are never forgotten before the key is: what is
// forgotten could be replayed, or encrypted under an index that was used.
// As many as a leg accounts for.
inline constexpr uint32_t kMaxSrtpSsrcs = 8;
// At least 64 by RFC 3711 section 3.3.2. 192 packets of 20 ms are nearly 4 s; of RTCP there is a
// packet every few seconds.
inline constexpr uint32_t kSrtpWindowBits = 192;
inline constexpr uint32_t kSrtcpWindowBits = 64;

// Keys for one kind of packet, in the form that an engine gave them.
struct SrtpKeySlot {
  // AES-CM: the expanded cipher key (240 bytes at most) and at kInnerOffset, kOuterOffset the two
  // halves of HMAC-SHA1. GCM: the expanded cipher key with its hash tables.
  static constexpr size_t kInnerOffset = 240;
  static constexpr size_t kOuterOffset = 260;
  std::array<uint8_t, 1008> bytes;
  std::array<uint8_t, 16> salt;  // as many as the suite says, then zeros
};
static_assert(sizeof(SrtpKeySlot) == 1024);

// The slots must lie on multiples of 64. They do, since keys lie first in the structures below: an
// alignment of SrtpKeys itself would round its size up, twice in each leg.
inline constexpr size_t kSrtpKeyAlign = 64;
struct SrtpKeys {
  SrtpKeySlot rtp;
  SrtpKeySlot rtcp;
  uint32_t form;     // of which engine the slots are; 0: there are no keys
  uint32_t session;  // what the engine likes to remember
  SrtpSuite suite;
  uint8_t mki_bytes;
  std::array<uint8_t, 8> mki;  // as it lies in packets
};

struct alignas(kSrtpKeyAlign) SrtpInbound {
  struct Stream {
    // Highest that was authenticated: ROC and sequence number. Where no RTP was, 0 or the highest
    // under the key before.
    uint64_t index : 48;
    bool rtp_seen : 1;
    bool rtcp_seen : 1;
    uint32_t ssrc;
    uint32_t rtcp_index;
    BitWindow<kSrtpWindowBits> window;
    BitWindow<kSrtcpWindowBits> rtcp_window;
  };
  SrtpKeys keys;
  uint64_t lifetime_packets;  // of the master key, for SRTP and SRTCP each
  uint64_t rtp_packets;       // authentic under it
  uint64_t rtcp_packets;
  uint32_t stream_count;
  std::array<Stream, kMaxSrtpSsrcs> streams;
};

struct alignas(kSrtpKeyAlign) SrtpOutbound {
  struct Stream {
    uint64_t index;  // highest that was given out
    uint32_t ssrc;
    uint32_t rtcp_index;  // last that was given out; 0: none
    uint32_t offset;      // what is added to the source's extended number, which begins at cycle 0
    bool rtp_sent;
    bool restored;     // the next packet is numbered as that of a restarted source
    uint16_t skipped;  // numbers left out with the source since the last checkpoint
    BitWindow<kSrtpWindowBits> window;
  };
  SrtpKeys keys;
  uint64_t lifetime_packets;  // of the master key, for SRTP and SRTCP each
  uint64_t rtp_packets;       // sent under it
  uint64_t rtcp_packets;
  // SSRCs that are new number their SRTCP from here: 0, but kRestoreRtcpJump more with each loss.
  // It tells where their RTP begins, too.
  uint32_t rtcp_floor;
  uint32_t stream_count;
  std::array<Stream, kMaxSrtpSsrcs> streams;
};

static_assert(std::is_trivially_copyable_v<SrtpInbound> &&
              std::is_trivially_copyable_v<SrtpOutbound>);
static_assert(offsetof(SrtpInbound, keys) == 0 && offsetof(SrtpOutbound, keys) == 0);
static_assert(sizeof(SrtpInbound::Stream) == 48 && sizeof(SrtpOutbound::Stream) == 48);
static_assert(sizeof(SrtpInbound) + sizeof(SrtpOutbound) <= 5088,
              "a leg may take 6 KiB: 1 KiB without SRTP, and 32 bytes of what tells keys apart");

// What must be kept of a direction outside its memory, once a second, so that a call goes on when
// that memory is lost. No secret.
struct SrtpCheckpoint {
  struct Stream {
    uint64_t index;
    uint32_t ssrc;
    uint32_t rtcp_index;
    bool rtp;
    bool rtcp;
    friend bool operator==(const Stream&, const Stream&) = default;
  };
  uint64_t rtp_packets = 0;  // used of the key's lifetime
  uint64_t rtcp_packets = 0;
  uint32_t rtcp_floor = 0;  // outbound, as in the state
  uint32_t stream_count = 0;
  std::array<Stream, kMaxSrtpSsrcs> streams{};
};

// How far outgoing numbers jump over what may have been sent since the checkpoint: below 2^15, so
// that receivers still estimate the ROC right, and 16,384 packets of one SSRC in a second.
inline constexpr uint64_t kRestoreRtpJump = 1 << 14;
inline constexpr uint32_t kRestoreRtcpJump = 1 << 16;

// RTP of an SSRC that nothing is known of begins below 2^15, and has until its first checkpoint as
// many numbers as a known one jumps over; after each loss others: kYoungNumbers from here on.
inline constexpr uint64_t kFirstAfterLoss = (1 << 15) + kRestoreRtpJump;
inline constexpr uint64_t kYoungNumbers = 1 << 13;
inline constexpr uint32_t kYoungLosses = 2;
static_assert(kFirstAfterLoss + kYoungLosses * kYoungNumbers <= 1 << 16, "their ROC is 0");

SrtpCheckpoint checkpoint_of(const SrtpInbound& state);
SrtpCheckpoint checkpoint_of(const SrtpOutbound& state);
// A checkpoint was made: what is skipped counts from here.
void checkpointed(SrtpOutbound& state);

// `kept`, of the way out, ahead of all that may have been sent since. It takes the place of `kept`
// before a state goes on from it: else the next loss would begin where this one did.
SrtpCheckpoint advanced(const SrtpCheckpoint& kept);

// Into a state that has its keys anew and no streams. Inbound: nothing up to the checkpoint passes
// again, and the ROC goes on from it. Outbound: numbers go on from it, which is advanced().
void restore(SrtpInbound& state, const SrtpCheckpoint& checkpoint);
void restore(SrtpOutbound& state, const SrtpCheckpoint& checkpoint);

// Into a state that has a new key: where the SSRCs stood under the key before. Some peers keep the
// ROC (RFC 3711 section 3.3.1), others begin at 0; the first packet that is authentic tells.
void carry_rocs(SrtpInbound& state, const SrtpCheckpoint& before);

}  // namespace holdfast::media
