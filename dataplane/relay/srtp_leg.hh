// SPDX-License-Identifier: Apache-2.0
// What an lcore has of a leg whose packets are SRTP: keys, indices and windows of both ways, and
// what was refused.
//
// Plain data in an array beside the legs, whose pages are taken when a leg gets keys: a plain leg
// has none. Secret; wiped when the leg ends. The leg's lcore alone touches it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "media/srtp/checkpoint.hh"
#include "media/srtp/fingerprint.hh"
#include "media/srtp/state.hh"
#include "media/srtp/verdict.hh"

namespace holdfast::dataplane {

// Packets of both ways, by verdict, from the one behind srtp_ok on. They stay at 2^32 - 1.
struct SrtpRefusals {
  std::array<uint32_t, media::kSrtpVerdicts - 1> packets;

  uint32_t& of(media::SrtpVerdict verdict) { return packets[static_cast<size_t>(verdict) - 1]; }
  uint32_t of(media::SrtpVerdict verdict) const {
    return packets[static_cast<size_t>(verdict) - 1];
  }
};

struct SrtpLeg {
  media::SrtpInbound in;    // what the endpoint sends
  media::SrtpOutbound out;  // what we send to it
  media::SrtpFingerprint in_key;
  media::SrtpFingerprint out_key;
  SrtpRefusals refused;
};
static_assert(std::is_trivially_copyable_v<SrtpLeg>);
static_assert(sizeof(SrtpLeg) <= 5 * 1024 - 64, "a leg may take 6 KiB, and has 1 KiB without SRTP");

// What is told of it; no secret.
struct SrtpLegSummary {
  media::SrtpFingerprint in_key{};  // kNoSrtpKey: no key
  media::SrtpFingerprint out_key{};
  media::SrtpSuite in_suite{};
  media::SrtpSuite out_suite{};
  SrtpRefusals refused{};
};
SrtpLegSummary summary_of(const SrtpLeg& leg);
media::SrtpLegCheckpoint checkpoint_of(const SrtpLeg& leg);
// All zeros; in an order that leaves no half of a key to a successor.
void wipe(SrtpLeg& leg);

// New state for a leg, of the directions named, in the place of what it has: opened by an engine of
// another thread, or left by another life; with kNoSrtpKey the leg has no key any more.
// Secret: wiped when it ends, whatever way its request went.
struct SrtpChange {
  SrtpChange() = default;
  SrtpChange(const SrtpChange&) = delete;
  SrtpChange& operator=(const SrtpChange&) = default;
  ~SrtpChange();

  bool in = false;
  bool out = false;
  bool with_refused = false;  // `state.refused` too
  SrtpLeg state{};
};
void wipe(SrtpChange& change);

// As many as there are legs, all zeros, of which only those that are touched take memory. Left out
// of core dumps.
class SrtpLegs {
 public:
  // Throws std::bad_alloc.
  explicit SrtpLegs(size_t count);
  std::span<SrtpLeg> all() const { return {legs_.get(), count_}; }

 private:
  struct Unmap {
    size_t bytes;
    void operator()(SrtpLeg* legs) const;
  };
  size_t count_;
  std::unique_ptr<SrtpLeg, Unmap> legs_{nullptr, Unmap{0}};
};

}  // namespace holdfast::dataplane
