// SPDX-License-Identifier: Apache-2.0
// A relay between two real DPDK ports whose wires are rings in the test's hands.
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/relay/relay_core.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/lcore_loop.hh"
#include "tests/dataplane/test_frames.hh"

namespace holdfast::dataplane::test_rig {

using test::Bytes;

struct RigOptions {
  uint32_t cores = 1;
  uint32_t max_legs = 64;
  uint16_t vlan = 0;
  bool owned = false;  // with rings to and from the kernel
  uint16_t mtu = 1500;
  CoreMemory memory = {};  // of the only core; empty: its own
  uint16_t queues = 1;     // pairs of each port
  uint16_t last_media_port = 20199;
  std::unique_ptr<media::SrtpEngine> (*engine)() = nullptr;  // of each core; none: no SRTP
  bool second_address = false;                               // 198.18.1.3 and 198.18.2.3 as well
};

// A frame in a packet buffer that is not on the wire yet.
struct Pending {
  size_t port;
  rte_mbuf* frame;
  uint16_t queue = 0;
};

// Ports 0 "lan" (198.18.1.2, 2001:db8:1::2, MAC ...:01) and 1 "wan" (198.18.2.2, 2001:db8:2::2, MAC
// ...:02), media ports 20000-20199. With two cores port i belongs to core i.
class Rig {
 public:
  explicit Rig(const RigOptions& options = {});
  ~Rig();

  Switchboard& board() { return *board_; }
  RelayCore& core(uint32_t i = 0) { return *cores_[i]; }

  // Puts a frame on the wire of a port. False when the wire is full.
  bool arrive(size_t port, const Bytes& frame);
  // The same in two steps; inject() is false when the wire is full.
  Pending prepare(size_t port, const Bytes& frame, uint16_t queue = 0);
  bool inject(const Pending& pending);
  // Takes what went out of a port, queue by queue, without looking at it.
  void collect(size_t port, std::vector<rte_mbuf*>& frames);
  // Runs all cores from this thread until they find nothing to do.
  void run(uint64_t now_ns = 1'000'000'000);
  // Takes what went out of a port.
  std::vector<Bytes> departed(size_t port);
  size_t wire_room(size_t port) const { return rte_ring_free_count(out_[port * queues_]); }

  // A call with a leg on each port; the remotes may be none. Next hops are resolved to ...:a0 +
  // port.
  void add_call(LegIndex lan, LegIndex wan, LegSetup lan_setup, LegSetup wan_setup,
                SrtpChange* lan_srtp = nullptr, SrtpChange* wan_srtp = nullptr);
  LegSetup setup(size_t port, uint16_t local_port, const char* remote, bool ipv6 = false);
  void resolve(LegIndex leg);
  void request(CoreRequest& request, LegIndex leg);
  LegSnapshot snapshot(LegIndex leg);
  // Drops of a port by name, summed over the cores, zeroes left out.
  std::map<std::string, uint64_t> drops(size_t port);
  uint64_t sum(size_t port, Counter PortCounters::*counter);
  // rx = relayed + to_kernel + drops on each port, and tx_media of all = relayed of all.
  void expect_balanced();
  uint32_t frames_in_use() const;

 private:
  rte_mempool* pool_;
  size_t queues_;
  std::vector<rte_ring*> in_, out_;  // [port * queues_ + queue]
  std::vector<uint16_t> ids_;
  std::unique_ptr<Switchboard> board_;
  std::vector<std::unique_ptr<RelayCore>> cores_;
};

// The packet loops of all lcores run, from construction to the end of the scope. Plain threads: a
// race detector sees their start and end.
class Running {
 public:
  explicit Running(Rig& rig) {
    for (uint32_t core = 0; core < rig.board().cores(); ++core) {
      loops_.push_back(std::make_unique<LcoreLoop>(rig.board(), rig.core(core), core, 50,
                                                   std::vector<int>{}, false));
      threads_.emplace_back([loop = loops_.back().get()] { loop->run(); });
    }
  }
  ~Running() {
    for (const auto& loop : loops_) loop->stop();
    for (std::thread& thread : threads_) thread.join();
  }
  uint64_t heap_bytes() const {
    return loops_[0]->heap_allocated_bytes() + loops_[1]->heap_allocated_bytes();
  }

 private:
  std::vector<std::unique_ptr<LcoreLoop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::dataplane::test_rig
