// SPDX-License-Identifier: Apache-2.0
// SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) for bursts of packets of any legs and directions:
// one interface over the crypto libraries.
//
// An engine belongs to one thread, and process() to its packet loop: no allocation, lock or system
// call but those of the library (ipsec-mb has none). open(), adopt() and release() may allocate.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "media/srtp/sdes.hh"
#include "media/srtp/state.hh"
#include "media/srtp/verdict.hh"

namespace holdfast::media {

enum class SrtpOp : uint8_t { protect_rtp, protect_rtcp, unprotect_rtp, unprotect_rtcp };

// What may be added to a packet: the tag of GCM, the SRTCP index, the longest MKI.
inline constexpr size_t kMaxSrtpTrailerBytes = 16 + 4 + kMaxMkiBytes;

// What is added to a packet under these keys.
size_t srtp_trailer_bytes(const SrtpKeys& keys, bool rtcp);

// One packet. Its bytes are rewritten in place; those of a packet that is not srtp_ok are without
// meaning afterwards. RTP headers stay, but for the sequence number on the way out.
struct SrtpTask {
  uint8_t* data = nullptr;
  uint16_t length = 0;    // in: of the packet; out, if srtp_ok: of what became of it
  uint16_t capacity = 0;  // bytes that may be written from `data` on
  SrtpOp op = SrtpOp::protect_rtp;
  SrtpVerdict verdict = SrtpVerdict::srtp_no_key;  // out
  SrtpInbound* in = nullptr;                       // to unprotect
  SrtpOutbound* out = nullptr;                     // to protect
};

// A task between the checks and the crypto library: where its parts lie.
struct SrtpWork {
  SrtpTask* task;
  const SrtpKeys* keys;
  uint64_t index;
  uint64_t other;  // see SrtpIndex
  uint32_t ssrc;
  uint16_t clear_bytes;    // header, not encrypted
  uint16_t payload_bytes;  // encrypted
  bool rtcp;
  bool protect;
  bool far;             // see SrtpIndex
  SrtpVerdict verdict;  // what the engine says

  uint8_t* payload() const { return task->data + clear_bytes; }
  uint8_t* behind_payload() const { return payload() + payload_bytes; }
  const SrtpKeySlot& slot() const { return rtcp ? keys->rtcp : keys->rtp; }
};

class SrtpEngine {
 public:
  SrtpEngine() = default;
  SrtpEngine(const SrtpEngine&) = delete;
  SrtpEngine& operator=(const SrtpEngine&) = delete;
  virtual ~SrtpEngine() = default;

  virtual std::string_view name() const = 0;

  // Makes `state`, which is zeros or one that was open, one with the keys and without streams.
  // False: the library failed, or has no room for more; the state then has no keys.
  bool open(SrtpInbound& state, const SdesKey& key);
  bool open(SrtpOutbound& state, const SdesKey& key);
  // Takes over a state that an earlier process left in memory. False: it cannot be used here, for
  // instance because it has the form of another engine; it needs keys anew.
  bool adopt(SrtpInbound& state);
  bool adopt(SrtpOutbound& state);
  // Whether it would, as far as can be told without touching it.
  bool can_adopt(const SrtpInbound& state) const;
  bool can_adopt(const SrtpOutbound& state) const;
  // Wipes the state, keys and all.
  void release(SrtpInbound& state);
  void release(SrtpOutbound& state);

  // Each task as if one came after the other. Any number; runs of up to kRun share the library's
  // lanes.
  static constexpr size_t kRun = 64;
  void process(std::span<SrtpTask> tasks);

  const SrtpCounts& counts() const { return counts_; }

 protected:
  // What a library does. Suite and MKI of `keys` are set; `outbound` says for which direction.
  virtual bool set_keys(SrtpKeys& keys, const SrtpMasterKey& master, bool outbound) = 0;
  virtual bool adopt_keys(SrtpKeys& keys, bool outbound) = 0;  // of a form that it can adopt
  virtual void forget_keys(const SrtpKeys& keys) = 0;
  virtual uint32_t form() const = 0;
  virtual bool can_adopt_form(uint32_t form) const = 0;
  // Ciphers, deciphers, makes and checks tags; sets each verdict to srtp_ok, srtp_auth_failed or
  // srtp_failed.
  virtual void crypt(std::span<SrtpWork> works) = 0;

 private:
  bool open_keys(SrtpKeys& keys, const SdesKey& key, bool outbound);
  SrtpVerdict prepare(SrtpTask& task, SrtpWork& work);
  SrtpVerdict prepare_in(const SrtpTask& task, SrtpWork& work);
  SrtpVerdict prepare_out(SrtpTask& task, SrtpWork& work);
  static SrtpVerdict finish(SrtpWork& work);
  bool waits(const SrtpWork& work, size_t count) const;
  void keep(SrtpWork& work);
  void try_other_index();

  // A longer packet is tried with one index alone.
  static constexpr size_t kMaxKept = 9216;

  SrtpCounts counts_;
  std::array<SrtpWork, kRun> works_{};
  // The one of the run that may have another index, and its bytes, which the first try overwrites.
  SrtpWork* kept_ = nullptr;
  std::array<uint8_t, kMaxKept> kept_bytes_{};
};

}  // namespace holdfast::media
