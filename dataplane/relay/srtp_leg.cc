// SPDX-License-Identifier: Apache-2.0
// Memory of SRTP legs, and what is told of them.
#include "dataplane/relay/srtp_leg.hh"

#include <sys/mman.h>

#include <atomic>
#include <new>

#include "media/srtp/master_key.hh"

namespace holdfast::dataplane {

SrtpLegSummary summary_of(const SrtpLeg& leg) {
  return {leg.in_key, leg.out_key, leg.in.keys.suite, leg.out.keys.suite, leg.refused};
}

media::SrtpLegCheckpoint checkpoint_of(const SrtpLeg& leg) {
  return {media::mark_of(leg.in_key), media::mark_of(leg.out_key), media::checkpoint_of(leg.in),
          media::checkpoint_of(leg.out)};
}

// A process may die at any store: what has no fingerprint is not gone on with.
void wipe(SrtpLeg& leg) {
  leg.in_key = leg.out_key = media::kNoSrtpKey;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  media::wipe(std::span(reinterpret_cast<uint8_t*>(&leg), sizeof leg));
}

SrtpChange::~SrtpChange() {
  wipe(*this);
}

void wipe(SrtpChange& change) {
  media::wipe(std::span(reinterpret_cast<uint8_t*>(&change.state), sizeof change.state));
  change.in = change.out = change.with_refused = false;
}

SrtpLegs::SrtpLegs(size_t count) : count_(count) {
  if (count == 0) return;
  const size_t bytes = count * sizeof(SrtpLeg);
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  static_cast<void>(::madvise(memory, bytes, MADV_DONTDUMP));
  legs_ = {static_cast<SrtpLeg*>(memory), Unmap{bytes}};
}

void SrtpLegs::Unmap::operator()(SrtpLeg* legs) const {
  ::munmap(legs, bytes);
}

}  // namespace holdfast::dataplane
