// SPDX-License-Identifier: Apache-2.0
// Sends the bench's frames into two ports, takes what comes back, and keeps the books of both.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/relay/delay_histogram.hh"
#include "bench/relay/frames.hh"
#include "bench/relay/inspector.hh"
#include "bench/relay/srtp_speaker.hh"

namespace holdfast::bench {

struct TrafficOptions {
  uint32_t calls = 1;
  Treatment treatment = Treatment::relay;
  uint32_t bad_every = 100;  // one frame in so many is bad on purpose, at least 2; 0: none
  // Frames that may be under way from one port to the other. Below the queues of the device under
  // test (1,024), so that it always has work and yet never has to drop for want of room: what it
  // cannot take waits here.
  uint32_t window = 768;
  std::array<bool, kSides> silent{};  // whose remotes say nothing
  SrtpSuites srtp;                    // nothing can be stamped then
};

inline constexpr size_t kMaxDefects = 16;

// What one run did, by side of the device: 0 lan, 1 wan.
struct Tally {
  double seconds = 0;  // of sending
  std::array<uint64_t, kSides> good{};
  std::array<std::array<uint64_t, kMaxDefects>, kSides> bad{};
  std::array<uint64_t, kSides> returned{};          // UDP frames that came out of this side
  std::array<uint64_t, kSides> returned_in_time{};  // ... while we still sent
  std::array<uint64_t, kSides> other{};             // anything else, as a neighbour would see it
  uint64_t inspected = 0;
  uint64_t wrong = 0;
  std::string first_wrong;
  // Part of the time in which nothing could be sent and nothing came: near 0 says that this
  // program, and not the device, was the slower.
  double idle = 0;
  DelayHistogram delay_ns;  // paced runs only
  uint64_t missed = 0;      // ... frames not sent, since this program had not had its CPU
};

// One thread. The ports must copy a frame before tx_burst returns (vhost does): a frame's buffer is
// used again for the stream's next one.
class Traffic {
 public:
  // Throws std::runtime_error when memory is short.
  Traffic(const TrafficOptions& options, std::array<uint16_t, kSides> ports);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // A few good frames of every stream, so that sources are learned and caches filled; at most
  // `seconds`.
  Tally warm(double seconds);
  Tally saturate(double seconds);
  // The drops that bad frames of a side must end in, by kind.
  size_t bad_kinds(size_t side) const { return outlets_[side].defects.size(); }
  std::string_view bad_drop(size_t side, size_t kind) const;
  bool has_srtp() const { return options_.srtp != SrtpSuites{}; }
  // At a steady rate over both sides together, each frame stamped, delays measured. Not with SRTP.
  Tally pace(double seconds, double packets_per_s);

 private:
  static constexpr uint16_t kBurst = 32;
  static constexpr uint8_t kGood = 0xff;

  struct Outlet {
    std::unique_ptr<SrtpSpeaker> srtp;  // null: plain RTP
    std::vector<rte_mbuf*> slots;       // each carries every `step`-th packet of one stream
    uint16_t step = 1;
    size_t next = 0;
    std::vector<rte_mbuf*> defects;  // by kind; of SRTP they are made when they are sent
    size_t next_defect = 0;
    uint32_t until_bad = 0;
    std::array<rte_mbuf*, kBurst> waiting{};
    std::array<uint8_t, kBurst> kinds{};  // of those: index of the defect, or kGood
    uint16_t count = 0;
  };

  void make_slots(size_t side);
  void make_defects(size_t side);
  rte_mbuf* make_frame(const uint8_t* bytes, size_t size);
  void prefetch_slots(size_t side) const;
  void renew(Outlet& outlet, size_t slot, bool stamped);
  rte_mbuf* next_bad(Outlet& outlet);
  void top_up(size_t side, uint16_t wanted, bool with_bad, bool stamped);
  uint16_t send(size_t side, Tally& tally);
  uint32_t receive(size_t side, Tally& tally, bool stamped);
  uint32_t receive_all(Tally& tally, bool stamped);
  uint64_t under_way(size_t side, const Tally& tally) const;
  uint16_t room(size_t side, const Tally& tally) const;
  void finish(Tally& tally, uint64_t start, bool stamped);

  TrafficOptions options_;
  std::array<uint16_t, kSides> ports_;
  double ticks_per_s_;
  rte_mempool* pool_ = nullptr;
  std::array<Outlet, kSides> outlets_;
  Inspector inspector_;
  uint32_t until_inspected_ = 0;
};

}  // namespace holdfast::bench
