// SPDX-License-Identifier: Apache-2.0
// Builds what the lcores share.
#include "dataplane/relay/switchboard.hh"

#include <rte_errno.h>

#include <stdexcept>

namespace holdfast::dataplane {
namespace {

constexpr unsigned kInboxFrames = 4096;

}  // namespace

RingPtr make_ring(const std::string& name, unsigned size, unsigned flags) {
  RingPtr ring(rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, flags));
  if (!ring)
    throw std::runtime_error("no memory for ring " + name + ": " + rte_strerror(rte_errno));
  return ring;
}

Switchboard::Switchboard(uint32_t cores, uint32_t max_legs, std::vector<PortIo> ports)
    : cores_(cores),
      legs_per_core_(legs_per_core(max_legs, cores)),
      ports_(std::move(ports)),
      refused_ns_(ports_.size(), 0) {
  static const rte_mbuf_dynfield kNoteField = {.name = "holdfast_frame_note",
                                               .size = sizeof(FrameNote),
                                               .align = alignof(FrameNote),
                                               .flags = 0};
  note_offset_ = rte_mbuf_dynfield_register(&kNoteField);
  if (note_offset_ < 0) throw std::runtime_error("no room in the mbuf for a frame note");

  by_dpdk_port_.resize(RTE_MAX_ETHPORTS, 0);
  for (size_t i = 0; i < ports_.size(); ++i) {
    const PortFilter& filter = ports_[i].filter;
    by_dpdk_port_[ports_[i].dpdk_port] = i;
    for (const auto& address : filter.addresses) {
      if (by_address_.size() <= address.index) by_address_.resize(address.index + 1);
      AddressTable& table = by_address_[address.index];
      table.first_port = filter.first_port;
      table.legs.assign(table.pair_of(filter.last_port) + 1, kNoLeg);
    }
  }
  for (uint32_t core = 0; core < cores_; ++core) {
    bells_.push_back(std::make_unique<Doorbell>());
    if (cores_ > 1)
      inbox_.push_back(make_ring("hf_inbox_" + std::to_string(core), kInboxFrames, RING_F_SC_DEQ));
  }
}

void Switchboard::seat(uint32_t address_index, uint16_t rtp_port, LegIndex leg) {
  AddressTable& table = by_address_[address_index];
  __atomic_store_n(&table.legs[table.pair_of(rtp_port)], leg, __ATOMIC_RELAXED);
  if (table.used_bits == nullptr) return;
  // Ports in the same byte may have legs of another lcore. A pair lies in one byte.
  const auto put = [rtp_port](uint8_t* bits, bool set) {
    const auto pair = static_cast<uint8_t>(3u << rtp_port % 8);
    if (set) {
      __atomic_fetch_or(&bits[rtp_port / 8], pair, __ATOMIC_RELAXED);
    } else {
      __atomic_fetch_and(&bits[rtp_port / 8], static_cast<uint8_t>(~pair), __ATOMIC_RELAXED);
    }
  };
  put(table.ended_bits, leg == kEndedLeg);
  put(table.used_bits, leg != kEndedLeg);
}

uint16_t Switchboard::own_port(const SocketAddress& to) const {
  for (size_t i = 0; i < ports_.size(); ++i) {
    const PortFilter& filter = ports_[i].filter;
    if (to.port < filter.first_port || to.port > filter.last_port) continue;
    for (const auto& address : filter.addresses) {
      if (address.ip == to.ip) return static_cast<uint16_t>(i);
    }
  }
  return kNotOurs;
}

}  // namespace holdfast::dataplane
