// SPDX-License-Identifier: Apache-2.0
// The sending and receiving loops.
#include "bench/relay/traffic.hh"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace holdfast::bench {
namespace {

constexpr size_t kMinSlots = 64;  // more than a burst, so that no buffer is twice in one
constexpr uint32_t kWarmFrames = 4;
constexpr uint32_t kInspectEvery = 61;  // prime, so that all streams have their turn
constexpr int kReceiveBursts = 8;       // of one side before the other has its turn
constexpr size_t kBufferAhead = 16;     // frames; fewer than kMinSlots
constexpr size_t kBytesAhead = 8;
// Frames that may be due at once. This program is stopped now and then; if it sent what it missed
// as fast as it can, a device at half of its capacity would be measured at all of it.
constexpr uint64_t kMaxDue = 64;
constexpr double kSettleSeconds = 0.25;  // without a frame, after which none is expected any more

uint64_t sum(const std::array<uint64_t, kMaxDefects>& counts) {
  uint64_t total = 0;
  for (const uint64_t n : counts) total += n;
  return total;
}

}  // namespace

Traffic::Traffic(const TrafficOptions& options, std::array<uint16_t, kSides> ports)
    : options_(options),
      ports_(ports),
      ticks_per_s_(static_cast<double>(rte_get_tsc_hz())),
      inspector_(options.treatment, options.calls, options.srtp) {
  const auto slots =
      static_cast<unsigned>(kSides * (options.calls + kMinSlots + kMaxDefects + size_t{kBurst}));
  const size_t longest = has_srtp() ? SrtpSpeaker::kMaxFrameBytes : kFrameBytes;
  pool_ =
      rte_pktmbuf_pool_create("bench_sent", slots, 0, 0,
                              static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + longest), SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for the frames to send");
  for (size_t side = 0; side < kSides; ++side) {
    outlets_[side].srtp = make_srtp_speaker(options.srtp, side, options.calls);
    make_slots(side);
    make_defects(side);
    outlets_[side].until_bad = options_.bad_every;
  }
}

Traffic::~Traffic() {
  rte_mempool_free(pool_);
}

rte_mbuf* Traffic::make_frame(const uint8_t* bytes, size_t size) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
  if (frame == nullptr) throw std::runtime_error("no memory for the frames to send");
  std::memcpy(rte_pktmbuf_append(frame, static_cast<uint16_t>(size)), bytes, size);
  return frame;
}

// With few streams several buffers share one, each a packet later than the one before.
void Traffic::make_slots(size_t side) {
  Outlet& outlet = outlets_[side];
  outlet.step = static_cast<uint16_t>((kMinSlots + options_.calls - 1) / options_.calls);
  for (uint16_t round = 0; round < outlet.step; ++round) {
    for (uint32_t call = 0; call < options_.calls; ++call) {
      const Frame frame = first_frame(side, call, round);
      outlet.slots.push_back(make_frame(frame.data(), frame.size()));
      if (outlet.srtp == nullptr) continue;
      rte_mbuf* made = outlet.slots.back();
      rte_pktmbuf_append(made, static_cast<uint16_t>(outlet.srtp->frame_bytes() - kFrameBytes));
      outlet.srtp->make_room(rte_pktmbuf_mtod(made, uint8_t*));
    }
  }
}

void Traffic::make_defects(size_t side) {
  static_assert(kMaxDefects < kGood);
  if (std::max(defects().size(), srtp_defects().size()) > kMaxDefects)
    throw std::runtime_error("too many kinds of bad frames");
  Outlet& outlet = outlets_[side];
  if (outlet.srtp != nullptr) {
    const std::vector<uint8_t> blank(outlet.srtp->frame_bytes());
    for (size_t kind = 0; kind < srtp_defects().size(); ++kind)
      outlet.defects.push_back(make_frame(blank.data(), blank.size()));
    return;
  }
  for (const Defect& defect : defects()) {
    const BadFrame bad = bad_frame(defect, side, planned_targets(side, options_.calls));
    outlet.defects.push_back(make_frame(bad.bytes.data(), bad.size));
  }
}

std::string_view Traffic::bad_drop(size_t side, size_t kind) const {
  return outlets_[side].srtp != nullptr ? srtp_defects()[kind].drop : defects()[kind].drop;
}

// With many streams the frames do not fit the caches; this program must not be the slower for it.
void Traffic::prefetch_slots(size_t side) const {
  const Outlet& outlet = outlets_[side];
  const auto ahead = [&](size_t n) {
    const size_t slot = outlet.next + n;
    return outlet.slots[slot < outlet.slots.size() ? slot : slot - outlet.slots.size()];
  };
  rte_prefetch0(ahead(kBufferAhead));
  const auto* bytes = rte_pktmbuf_mtod(ahead(kBytesAhead), const uint8_t*);
  for (size_t at = 0; at < kFrameBytes; at += RTE_CACHE_LINE_SIZE) rte_prefetch0(bytes + at);
}

void Traffic::renew(Outlet& outlet, size_t slot, bool stamped) {
  auto* frame = rte_pktmbuf_mtod(outlet.slots[slot], uint8_t*);
  if (outlet.srtp != nullptr) {
    outlet.srtp->next(frame, static_cast<uint32_t>(slot % options_.calls), outlet.step);
    return;
  }
  advance(frame, outlet.step);
  if (stamped) stamp(frame, rte_rdtsc());
}

// What is sent before it is the newest frame of its stream.
rte_mbuf* Traffic::next_bad(Outlet& outlet) {
  const size_t kind = outlet.next_defect;
  rte_mbuf* frame = outlet.defects[kind];
  outlet.kinds[outlet.count] = static_cast<uint8_t>(kind);
  outlet.next_defect = (kind + 1) % outlet.defects.size();
  if (outlet.srtp != nullptr) {
    const size_t newest = (outlet.next == 0 ? outlet.slots.size() : outlet.next) - 1;
    outlet.srtp->spoil(rte_pktmbuf_mtod(outlet.slots[newest], const uint8_t*),
                       rte_pktmbuf_mtod(frame, uint8_t*), srtp_defects()[kind]);
  }
  return frame;
}

void Traffic::top_up(size_t side, uint16_t wanted, bool with_bad, bool stamped) {
  if (options_.silent[side]) return;
  Outlet& outlet = outlets_[side];
  for (; outlet.count < wanted; ++outlet.count) {
    rte_mbuf* frame = nullptr;
    if (with_bad && options_.bad_every != 0 && --outlet.until_bad == 0) {
      outlet.until_bad = options_.bad_every;
      frame = next_bad(outlet);
    } else {
      const size_t slot = outlet.next;
      frame = outlet.slots[slot];
      outlet.next = outlet.next + 1 == outlet.slots.size() ? 0 : outlet.next + 1;
      prefetch_slots(side);
      outlet.kinds[outlet.count] = kGood;
      renew(outlet, slot, stamped);
    }
    rte_mbuf_refcnt_update(frame, 1);  // the port gives one back; the buffer stays ours
    outlet.waiting[outlet.count] = frame;
  }
  if (outlet.srtp != nullptr) outlet.srtp->seal();
}

uint16_t Traffic::send(size_t side, Tally& tally) {
  Outlet& outlet = outlets_[side];
  if (outlet.count == 0) return 0;
  const uint16_t sent = rte_eth_tx_burst(ports_[side], 0, outlet.waiting.data(), outlet.count);
  for (uint16_t i = 0; i < sent; ++i) {
    if (outlet.kinds[i] == kGood) {
      ++tally.good[side];
    } else {
      ++tally.bad[side][outlet.kinds[i]];
    }
  }
  std::copy(outlet.waiting.begin() + sent, outlet.waiting.begin() + outlet.count,
            outlet.waiting.begin());
  std::copy(outlet.kinds.begin() + sent, outlet.kinds.begin() + outlet.count, outlet.kinds.begin());
  outlet.count = static_cast<uint16_t>(outlet.count - sent);
  return sent;
}

uint32_t Traffic::receive(size_t side, Tally& tally, bool stamped) {
  std::array<rte_mbuf*, kBurst> frames;
  const uint16_t n = rte_eth_rx_burst(ports_[side], 0, frames.data(), kBurst);
  if (n == 0) return 0;
  const uint64_t now = stamped ? rte_rdtsc() : 0;
  for (uint16_t i = 0; i < n; ++i) {
    const auto* bytes = rte_pktmbuf_mtod(frames[i], const uint8_t*);
    if (!is_udp(bytes, frames[i]->data_len)) {
      ++tally.other[side];
      continue;
    }
    ++tally.returned[side];
    if (options_.treatment == Treatment::reflect && is_bad_on_purpose(bytes, frames[i]->data_len))
      continue;
    if (stamped && frames[i]->data_len == kFrameBytes) {
      const auto ticks = static_cast<double>(now - stamp_of(bytes));
      tally.delay_ns.add(static_cast<uint64_t>(ticks * 1e9 / ticks_per_s_));
    }
    const char* wrong = nullptr;
    if (has_srtp() && is_forged(bytes)) {
      wrong = "a forged packet, relayed";
    } else if (until_inspected_-- == 0) {
      until_inspected_ = kInspectEvery - 1;
      ++tally.inspected;
      wrong = inspector_.inspect(bytes, frames[i]->data_len, side);
    }
    if (wrong != nullptr && tally.wrong++ == 0) tally.first_wrong = wrong;
  }
  rte_pktmbuf_free_bulk(frames.data(), n);
  return n;
}

uint32_t Traffic::receive_all(Tally& tally, bool stamped) {
  uint32_t received = 0;
  for (size_t side = 0; side < kSides; ++side) {
    uint32_t n = kBurst;
    for (int i = 0; i < kReceiveBursts && n == kBurst; ++i) {
      n = receive(side, tally, stamped);
      received += n;
    }
  }
  return received;
}

uint64_t Traffic::under_way(size_t side, const Tally& tally) const {
  uint64_t sent = tally.good[side];
  if (options_.treatment == Treatment::reflect) sent += sum(tally.bad[side]);
  const uint64_t back = tally.returned[1 - side];
  return sent > back ? sent - back : 0;
}

// How many frames may be got ready for a side now.
uint16_t Traffic::room(size_t side, const Tally& tally) const {
  const uint64_t busy = under_way(side, tally);
  const uint64_t free = busy < options_.window ? options_.window - busy : 0;
  return static_cast<uint16_t>(std::min<uint64_t>(kBurst, free));
}

// Sends what was got ready, then waits until all is back or nothing more comes.
void Traffic::finish(Tally& tally, uint64_t start, bool stamped) {
  tally.seconds = static_cast<double>(rte_rdtsc() - start) / ticks_per_s_;
  tally.returned_in_time = tally.returned;
  const auto settle = static_cast<uint64_t>(kSettleSeconds * ticks_per_s_);
  uint64_t seen = 0;
  for (uint64_t last = rte_rdtsc(); rte_rdtsc() - last < settle;) {
    for (size_t side = 0; side < kSides; ++side) send(side, tally);
    receive_all(tally, stamped);
    const uint64_t now_seen = tally.returned[0] + tally.returned[1];
    if (now_seen != seen) last = rte_rdtsc();
    seen = now_seen;
    const bool waiting = outlets_[0].count + outlets_[1].count > 0;
    if (!waiting && under_way(0, tally) == 0 && under_way(1, tally) == 0) break;
  }
  for (Outlet& outlet : outlets_) {  // a dead device under test: nothing goes any more
    for (uint16_t i = 0; i < outlet.count; ++i) rte_mbuf_refcnt_update(outlet.waiting[i], -1);
    outlet.count = 0;
  }
}

Tally Traffic::warm(double seconds) {
  Tally tally;
  const uint64_t start = rte_rdtsc();
  const auto limit = static_cast<uint64_t>(seconds * ticks_per_s_);
  const uint64_t wanted = uint64_t{kWarmFrames} * options_.calls;
  const auto spoke = [&](size_t side) {
    return options_.silent[side] || tally.good[side] >= wanted;
  };
  while (!(spoke(0) && spoke(1)) && rte_rdtsc() - start < limit) {
    for (size_t side = 0; side < kSides; ++side) {
      const uint64_t left = wanted - std::min(wanted, tally.good[side]);
      top_up(side, static_cast<uint16_t>(std::min<uint64_t>(left, room(side, tally))), false,
             false);
      send(side, tally);
    }
    receive_all(tally, false);
  }
  finish(tally, start, false);
  return tally;
}

Tally Traffic::saturate(double seconds) {
  Tally tally;
  uint64_t idle = 0;
  const uint64_t start = rte_rdtsc();
  const auto limit = static_cast<uint64_t>(seconds * ticks_per_s_);
  uint64_t turn = start;
  while (turn - start < limit) {
    uint32_t moved = 0;
    for (size_t side = 0; side < kSides; ++side) {
      top_up(side, room(side, tally), true, false);
      moved += send(side, tally);
    }
    moved += receive_all(tally, false);
    const uint64_t now = rte_rdtsc();
    if (moved == 0) idle += now - turn;
    turn = now;
  }
  finish(tally, start, false);
  tally.idle = static_cast<double>(idle) / static_cast<double>(turn - start);
  return tally;
}

Tally Traffic::pace(double seconds, double packets_per_s) {
  Tally tally;
  const uint64_t start = rte_rdtsc();
  const auto limit = static_cast<uint64_t>(seconds * ticks_per_s_);
  uint64_t offered = 0;
  size_t side = 0;
  for (uint64_t passed = 0; passed < limit; passed = rte_rdtsc() - start) {
    const auto due =
        static_cast<uint64_t>(static_cast<double>(passed) * packets_per_s / ticks_per_s_);
    if (due > offered + kMaxDue) {
      tally.missed += due - offered - kMaxDue;
      offered = due - kMaxDue;
    }
    // One frame at a time, the sides by turns: bursts would measure themselves. Where more is due
    // than this program comes round for, each side sends its half at once.
    const auto each = static_cast<uint16_t>(std::clamp<uint64_t>((due - offered) / 2, 1, kBurst));
    for (size_t n = 0; n < kSides && offered < due; ++n, offered += each, side = 1 - side) {
      top_up(side, std::min(each, room(side, tally)), true, true);
      send(side, tally);
    }
    receive_all(tally, true);
  }
  finish(tally, start, true);
  return tally;
}

}  // namespace holdfast::bench
