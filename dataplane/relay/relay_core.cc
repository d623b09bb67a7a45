// SPDX-License-Identifier: Apache-2.0
// Bursts: polling, sorting, sending, and the way to and from the kernel.
#include "dataplane/relay/relay_core.hh"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace holdfast::dataplane {
namespace {

// The checksum reads all of a frame: 20 ms of G.711 lie on four cache lines, and another CPU wrote
// them.
constexpr size_t kPrefetchedBytes = 256;

void prefetch_frame(const rte_mbuf* frame) {
  const auto* bytes = rte_pktmbuf_mtod(frame, const uint8_t*);
  for (size_t at = 0; at < kPrefetchedBytes; at += RTE_CACHE_LINE_SIZE) rte_prefetch0(bytes + at);
}

constexpr size_t kRequestQueue = 256;
constexpr size_t kEventQueue = 4096;  // what it does not hold is offered again

// Queues of one port share its link. The kernel's frames leave it to media for so long after media
// was refused on another queue ...
constexpr uint64_t kYieldNs = 1'000'000;
// ... but one burst of them goes in such a time: ARP and SIP are among them.
constexpr uint64_t kLongestYieldNs = 10'000'000;
// A queue that has taken nothing for so long does not wait for the link: nobody serves it.
constexpr uint64_t kStuckNs = 10'000'000;

}  // namespace

RelayCore::RelayCore(Switchboard& board, uint32_t core, const CoreMemory& memory,
                     std::unique_ptr<media::SrtpEngine> engine)
    : board_(board),
      core_(core),
      own_legs_(memory.legs.empty() ? board.legs_per_core() : 0),
      legs_(memory.legs.empty() ? std::span<Leg>(own_legs_) : memory.legs),
      streams_(memory.slots.empty()
                   ? StreamPool(stream_slots(board.legs_per_core()), board.legs_per_core())
                   : StreamPool(memory.slots, board.legs_per_core())),
      frames_(board.ports().size() * board.addresses()),
      engine_(std::move(engine)),
      own_srtp_(memory.srtp.empty() ? board.legs_per_core() : 0),
      srtp_(memory.srtp.empty() ? own_srtp_.all() : memory.srtp),
      tx_(board.ports().size()),
      kernel_backlog_(board.ports().size()),
      kernel_backlog_count_(board.ports().size(), 0),
      kernel_refused_(board.ports().size(), 0),
      counters_(board.ports().size()),
      requests_(kRequestQueue),
      events_(kEventQueue) {
  for (size_t i = 0; i < board.ports().size(); ++i) {
    queues_.push_back(board.queue_of(i, core));
    if (queues_[i] != Switchboard::kNoQueue) own_ports_.push_back(i);
    const PortFilter& way_out = board.ports()[i].filter;
    for (const PortIo& port : board.ports()) {
      for (const PortFilter::Address& address : port.filter.addresses)
        frames_[i * board.addresses() + address.index] = {way_out.mac, way_out.vlan, address.ip};
    }
  }
}

bool RelayCore::has_messages() const {
  if (!requests_.empty() || tell_left_ > 0) return true;
  if (board_.cores() > 1 && !ring_is_empty(board_.inbox(core_))) return true;
  for (const size_t port : own_ports_) {
    if (queues_[port] != 0 || kernel_refused_[port] != 0) continue;
    const rte_ring* ring = board_.ports()[port].from_kernel.get();
    if (kernel_backlog_count_[port] > 0 || (ring != nullptr && !ring_is_empty(ring))) return true;
  }
  return false;
}

bool RelayCore::has_refused() const {
  return std::any_of(kernel_refused_.begin(), kernel_refused_.end(),
                     [](uint8_t refused) { return refused != 0; });
}

Round RelayCore::poll(uint64_t now_ns) {
  round_ns_ = now_ns;
  Round done{0, serve_requests()};
  if (tell_left_ > 0) [[unlikely]]
    tell_again();
  for (const size_t port : own_ports_) done.frames += poll_port(port, now_ns);
  if (board_.cores() > 1) done.frames += poll_inbox(now_ns);
  for (size_t port = 0; port < tx_.size(); ++port) flush_tx(port);
  for (; to_wake_ != 0; to_wake_ &= to_wake_ - 1)
    board_.core_bell(static_cast<uint32_t>(std::countr_zero(to_wake_))).ring();
  // Media first: the kernel's frames take what is left of this round.
  for (const size_t port : own_ports_) done.frames += poll_from_kernel(port);
  return done;
}

unsigned RelayCore::poll_port(size_t port, uint64_t now_ns) {
  std::array<rte_mbuf*, kBurst> frames;
  const uint16_t n =
      rte_eth_rx_burst(board_.ports()[port].dpdk_port, queues_[port], frames.data(), kBurst);
  if (n == 0) return 0;
  counters_[port].rx.add(n);
  take_burst({frames.data(), n}, now_ns, true);
  return n;
}

unsigned RelayCore::poll_inbox(uint64_t now_ns) {
  std::array<rte_mbuf*, kBurst> frames;
  const unsigned n = rte_ring_sc_dequeue_burst(
      board_.inbox(core_), reinterpret_cast<void**>(frames.data()), kBurst, nullptr);
  unsigned to_relay = 0;
  for (unsigned i = 0; i < n; ++i) {
    const FrameNote& note = board_.note(frames[i]);
    switch (note.task) {
      case FrameNote::Task::relay:
        frames[to_relay++] = frames[i];
        break;
      case FrameNote::Task::send:
        queue_tx(frames[i], note.port, note.leg);
        break;
      case FrameNote::Task::rejected:
        count_reject(board_.index_of_dpdk_port(frames[i]->port), leg_of(note.leg));
        rte_pktmbuf_free(frames[i]);
        break;
    }
  }
  if (to_relay > 0) take_burst({frames.data(), to_relay}, now_ns, false);
  return n;
}

void RelayCore::take_burst(std::span<rte_mbuf*> frames, uint64_t now_ns, bool from_port) {
  std::array<rte_mbuf*, kBurst> for_kernel;
  size_t works = 0;
  size_t kernel_frames = 0;
  const size_t port = board_.index_of_dpdk_port(frames[0]->port);

  for (const rte_mbuf* frame : frames) prefetch_frame(frame);
  for (rte_mbuf* frame : frames) {
    // Frames of a poll all come from one port; those of the inbox from any, or from a leg of ours.
    const FrameNote* note = from_port ? nullptr : &board_.note(frame);
    const uint8_t joins = note == nullptr ? uint8_t{0} : note->joins;
    const size_t at = note == nullptr ? port
                      : joins > 0     ? size_t{note->port}
                                      : board_.index_of_dpdk_port(frame->port);
    const PortFilter& filter = board_.ports()[at].filter;
    if (frame->nb_segs != 1) {
      drop(frame, DropReason::frame_too_long);
      continue;
    }
    // Made where it stays: a copy of what was just written in pieces stalls the CPU.
    Work& each = *new (&work_[works]) Work{
        frame, view_frame(rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len, filter),
        nullptr, joins};
    const FrameView& view = each.view;
    if (view.fate == FrameFate::drop) {
      drop(frame, view.reason);
    } else if (view.fate == FrameFate::kernel) {
      for_kernel[kernel_frames++] = frame;
    } else {
      const LegIndex entry = board_.leg_at(view.address_index, view.destination_port);
      each.leg = leg_of(entry);
      if (each.leg == nullptr) {
        pass_on(frame, entry, note == nullptr ? FrameNote{} : *note, nullptr);
        continue;
      }
      rte_prefetch0(each.leg->hot());
      rte_prefetch0(each.leg->paths.data());
      ++works;
    }
  }
  for (size_t i = 0; i < works; ++i) prefetch_behind(*work_[i].leg);
  relay_all({work_.data(), works}, now_ns);
  if (kernel_frames > 0) send_to_kernel(port, {for_kernel.data(), kernel_frames});
}

// What a packet touches that its leg names: the stream used last, and the leg that it leaves by.
void RelayCore::prefetch_behind(const Leg& leg) {
  if (leg.streams != kNoStream) {
    const auto* slot = reinterpret_cast<const uint8_t*>(&streams_[leg.streams]);
    for (size_t at = 0; at < kHotSlotBytes; at += RTE_CACHE_LINE_SIZE) rte_prefetch0(slot + at);
  }
  if (const Leg* peer = leg_of(leg.setup.peer)) {
    rte_prefetch0(peer->hot());
    rte_prefetch0(peer->paths.data());
  }
}

// What is joined to another leg of this lcore comes round again, in order, until all of it has left
// or was dropped. All packets of a stream are held or none is, so its order stays.
void RelayCore::relay_all(std::span<Work> work, uint64_t now_ns) {
  while (!work.empty()) {
    for (const Work& each : work) settle(each, relay(each, now_ns));
    if (opening_count_ > 0) open_held(now_ns);
    if (protecting_count_ > 0) protect_held();
    if (joined_count_ == 0) break;
    std::copy_n(joined_.begin(), joined_count_, work.begin());
    work = work.first(joined_count_);
    joined_count_ = 0;
  }
}

void RelayCore::settle(const Work& work, DropReason reason) {
  if (reason == DropReason::none) return;
  if (is_leg_drop(reason)) work.leg->counters.drops.add(reason);
  drop(work.frame, reason);
}

void RelayCore::drop(rte_mbuf* frame, DropReason reason) {
  counters_[board_.index_of_dpdk_port(frame->port)].drop(reason);
  rte_pktmbuf_free(frame);
}

// To the lcore whose leg it is for, if there is one.
void RelayCore::pass_on(rte_mbuf* frame, LegIndex entry, const FrameNote& note, Leg* from) {
  if (!is_leg(entry)) return drop(frame, why_no_leg(entry));
  hand_over(frame, board_.owner_of_leg(entry), note, from);
}

void RelayCore::hand_over(rte_mbuf* frame, uint32_t core, const FrameNote& note, Leg* leg) {
  board_.note(frame) = note;
  if (rte_ring_mp_enqueue(board_.inbox(core), frame) != 0) {
    drop(frame, DropReason::handover_full);
    if (leg != nullptr) {
      leg->counters.drops.add(DropReason::handover_full);
      ++leg->counters.tx_refused_packets;
      uncopy_frame(*leg);
    }
    return;
  }
  to_wake_ |= 1u << core;
}

void RelayCore::send_to_kernel(size_t port, std::span<rte_mbuf*> frames) {
  rte_ring* ring = board_.ports()[port].to_kernel.get();
  unsigned taken = 0;
  if (ring != nullptr) {
    taken = rte_ring_enqueue_burst(ring, reinterpret_cast<void**>(frames.data()),
                                   static_cast<unsigned>(frames.size()), nullptr);
    if (taken > 0) board_.slow_bell().ring();
  }
  const DropReason reason = ring != nullptr ? DropReason::to_kernel_full : DropReason::not_media;
  for (size_t i = taken; i < frames.size(); ++i) drop(frames[i], reason);
}

void RelayCore::queue_tx(rte_mbuf* frame, size_t out_port, LegIndex leg) {
  if (queues_[out_port] == Switchboard::kNoQueue) {
    const uint32_t sender = board_.ports()[out_port].core;
    hand_over(frame, sender, {FrameNote::Task::send, 0, static_cast<uint16_t>(out_port), leg},
              leg_of(leg));
    return;
  }
  TxBatch& batch = tx_[out_port];
  if (batch.count == batch.frames.size()) flush_tx(out_port);
  batch.frames[batch.count] = frame;
  batch.ingress[batch.count] = static_cast<uint16_t>(board_.index_of_dpdk_port(frame->port));
  batch.legs[batch.count] = leg;
  ++batch.count;
}

void RelayCore::flush_tx(size_t port) {
  TxBatch& batch = tx_[port];
  if (batch.count == 0) return;
  const uint16_t sent = rte_eth_tx_burst(board_.ports()[port].dpdk_port, queues_[port],
                                         batch.frames.data(), batch.count);
  counters_[port].tx_media.add(sent);
  for (uint16_t i = 0; i < sent; ++i) counters_[batch.ingress[i]].relayed.add(1);
  // The newest are dropped, the queue is left as it is: a stream is never muted, and recovers with
  // the next burst.
  for (uint16_t i = sent; i < batch.count; ++i)
    reject(batch.frames[i], batch.ingress[i], batch.legs[i]);
  if (sent > 0) batch.took_ns = round_ns_;
  if (sent < batch.count) {
    batch.refused = true;
    if (queues_[port] != 0 && round_ns_ - batch.took_ns < kStuckNs)
      board_.tell_refusal(port, round_ns_);
  }
  batch.count = 0;
}

void RelayCore::reject(rte_mbuf* frame, size_t ingress, LegIndex leg) {
  const uint32_t owner = board_.owner_of_leg(leg);
  if (owner != core_) {
    board_.note(frame) = {FrameNote::Task::rejected, 0, 0, leg};
    to_wake_ |= 1u << owner;
    if (rte_ring_mp_enqueue(board_.inbox(owner), frame) == 0) return;
  }
  count_reject(ingress, leg_of(leg));
  rte_pktmbuf_free(frame);
}

void RelayCore::count_reject(size_t ingress, Leg* leg) {
  counters_[ingress].drop(DropReason::tx_full);
  if (leg == nullptr || !leg->in_use) return;
  leg->counters.drops.add(DropReason::tx_full);
  ++leg->counters.tx_refused_packets;
  uncopy_frame(*leg);
}

// Whether the kernel's frames leave this round to media on other queues. Clocks of lcores may
// differ by a round.
bool RelayCore::yields(size_t port) {
  uint64_t& since = tx_[port].yields_since;
  const auto ago_ns = static_cast<int64_t>(round_ns_ - board_.refused_ns(port));
  if (ago_ns >= static_cast<int64_t>(kYieldNs)) {
    since = 0;
    return false;
  }
  if (since != 0 && round_ns_ - since < kLongestYieldNs) return true;
  return std::exchange(since, round_ns_) == 0;  // else it was long enough
}

unsigned RelayCore::poll_from_kernel(size_t port) {
  if (queues_[port] != 0) return 0;
  rte_ring* ring = board_.ports()[port].from_kernel.get();
  // Where media found no room, what gets free is media's.
  if (std::exchange(tx_[port].refused, false) || ring == nullptr) return 0;
  auto& backlog = kernel_backlog_[port];
  uint16_t& count = kernel_backlog_count_[port];
  if (count < kBurst) {
    count = static_cast<uint16_t>(
        count + rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(&backlog[count]),
                                          kBurst - count, nullptr));
  }
  if (count == 0) return 0;
  if (board_.ports()[port].queues > 1 && yields(port)) {
    kernel_refused_[port] = 1;
    return 0;
  }
  const uint16_t sent = rte_eth_tx_burst(board_.ports()[port].dpdk_port, 0, backlog.data(), count);
  counters_[port].tx_kernel.add(sent);
  kernel_refused_[port] = sent == 0 ? 1 : 0;
  // What the port refused stays first in line: TCP sees a short delay, not a loss.
  std::copy(backlog.begin() + sent, backlog.begin() + count, backlog.begin());
  count = static_cast<uint16_t>(count - sent);
  return sent;
}

}  // namespace holdfast::dataplane
