// SPDX-License-Identifier: Apache-2.0
// Moves frames between a port's rings and its tap; takes the port's VLAN tag off and puts it on.
#include "dataplane/runtime/exception_path.hh"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/frame/wire.hh"
#include "media/endian.hh"

namespace holdfast::dataplane {
namespace {

constexpr unsigned kFramesPerPump =
    64;  // each way, so that netlink and control requests get their turn
constexpr uint64_t kPacketBuckets = 50;  // a bucket of packets holds 20 ms of the rate
// One of bytes 2 ms: the slow thread comes round each millisecond, and at half of the link's speed
// such a burst keeps media waiting for one.
constexpr uint64_t kByteBuckets = 500;
constexpr size_t kTagAt = 12;  // after the two addresses

// The tag, if there is one: the classifier let only our VLAN's frames through.
void take_tag_off(rte_mbuf* frame) {
  uint8_t* bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  if (frame->data_len < kEthernetSize + kVlanSize || load_be16(bytes + kTagAt) != kEtherTypeVlan)
    return;
  std::memmove(bytes + kVlanSize, bytes, kTagAt);
  rte_pktmbuf_adj(frame, kVlanSize);
}

void put_tag_on(rte_mbuf* frame, uint16_t vlan) {
  static_assert(RTE_PKTMBUF_HEADROOM >= kVlanSize);  // and the frame is fresh from the pool
  frame->data_off = static_cast<uint16_t>(frame->data_off - kVlanSize);
  frame->data_len = static_cast<uint16_t>(frame->data_len + kVlanSize);
  frame->pkt_len = frame->data_len;
  uint8_t* front = rte_pktmbuf_mtod(frame, uint8_t*);
  std::memmove(front, front + kVlanSize, kTagAt);
  const be16 tag[2] = {be16(kEtherTypeVlan), be16(vlan)};
  std::memcpy(front + kTagAt, tag, sizeof tag);
}

}  // namespace

ExceptionPath::ExceptionPath(PortIo& port, Tap tap, rte_mempool* pool, PortCounters& counters,
                             Doorbell& port_bell, const ExceptionRate& rate)
    : port_(port),
      tap_(std::move(tap)),
      pool_(pool),
      counters_(counters),
      port_bell_(port_bell),
      in_packets_(rate.packets_per_s, rate.packets_per_s / kPacketBuckets),
      out_packets_(rate.packets_per_s, rate.packets_per_s / kPacketBuckets),
      out_bytes_(rate.out_bytes_per_s, rate.out_bytes_per_s / kByteBuckets),
      dropped_before_(frames_not_sent(tap_.name())) {}

ExceptionPath::~ExceptionPath() {
  void* frame = nullptr;
  while (rte_ring_sc_dequeue(port_.to_kernel.get(), &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
}

bool ExceptionPath::pump(uint64_t now_ns) {
  for (TokenBucket* bucket : {&in_packets_, &out_packets_, &out_bytes_}) bucket->refill(now_ns);
  throttled_ = false;
  const bool more_in = to_kernel();
  const bool more_out = from_kernel();
  if (!ring_is_empty(port_.from_kernel.get())) port_bell_.ring();
  return more_in || more_out;
}

bool ExceptionPath::to_kernel() {
  for (unsigned n = 0; n < kFramesPerPump; ++n) {
    if (!in_packets_.has()) {
      throttled_ = throttled_ || has_frames();
      return false;
    }
    void* object = nullptr;
    if (rte_ring_sc_dequeue(port_.to_kernel.get(), &object) != 0) return false;
    auto* frame = static_cast<rte_mbuf*>(object);
    in_packets_.spend(1);
    take_tag_off(frame);
    const TapResult result = tap_.write({rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len});
    rte_pktmbuf_free(frame);
    if (result.status == TapIo::frame) {
      counters_.to_kernel.add(1);
    } else {
      counters_.drop(result.status == TapIo::would_block ? DropReason::to_kernel_full
                                                         : DropReason::tap_refused);
    }
  }
  return true;
}

bool ExceptionPath::from_kernel() {
  for (unsigned n = 0; n < kFramesPerPump; ++n) {
    // A full ring means that the port is slower than the kernel: leave the rest with the kernel.
    if (!out_packets_.has() || !out_bytes_.has() || rte_ring_full(port_.from_kernel.get()) != 0) {
      throttled_ = true;
      return false;
    }
    rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
    if (frame == nullptr) {
      throttled_ = true;
      return false;
    }
    const TapResult result =
        tap_.read({rte_pktmbuf_mtod(frame, uint8_t*), rte_pktmbuf_tailroom(frame)});
    if (result.status != TapIo::frame) {
      rte_pktmbuf_free(frame);
      if (result.status != TapIo::oversize) return false;
      counters_.from_kernel.add(1);
      counters_.kernel_drop(DropReason::tap_oversize);
      continue;
    }
    out_packets_.spend(1);
    out_bytes_.spend(result.bytes);
    counters_.from_kernel.add(1);
    frame->data_len = static_cast<uint16_t>(result.bytes);
    frame->pkt_len = frame->data_len;
    frame->port = port_.dpdk_port;
    if (port_.filter.vlan != 0) put_tag_on(frame, port_.filter.vlan);
    rte_ring_sp_enqueue(port_.from_kernel.get(),
                        frame);  // there is room: this thread is the only producer
  }
  return true;
}

}  // namespace holdfast::dataplane
