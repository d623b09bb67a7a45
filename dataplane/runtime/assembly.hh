// SPDX-License-Identifier: Apache-2.0
// The parts of a running dataplane, put together from the configuration in the order in which they
// must start.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/calls/call_book.hh"
#include "dataplane/calls/capture_desk.hh"
#include "dataplane/config/config.hh"
#include "dataplane/kernel/instance_lock.hh"
#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/next_hops.hh"
#include "dataplane/kernel/xdp_steer.hh"
#include "dataplane/ports/eal.hh"
#include "dataplane/ports/ethernet_port.hh"
#include "dataplane/relay/relay_core.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/exception_path.hh"
#include "dataplane/runtime/lcore_loop.hh"
#include "dataplane/state/state_file.hh"

namespace holdfast::dataplane {

// Destroyed in the reverse order: lcores stop first, then taps and ports close, then DPDK ends.
// Guards, taps and their addresses stay, so that a stopped dataplane leaves silence behind and
// nothing to set up again.
struct Assembly {
  ~Assembly();

  std::optional<InstanceLock> lock;
  std::optional<Eal> eal;
  rte_mempool* pool = nullptr;
  std::vector<std::unique_ptr<EthernetPort>> ports;
  struct SteeredPort {
    unsigned ifindex;
    UsedPorts used;
  };
  std::vector<SteeredPort> steered;  // af_xdp ports whose program knows which UDP ports have a leg
  uint32_t table_legs = 0;           // max-legs and what there is beside it
  std::unique_ptr<Switchboard> board;
  std::unique_ptr<StateFile> state;  // null: it could not be made, and `warnings` says so
  std::vector<std::unique_ptr<RelayCore>> cores;
  std::vector<std::unique_ptr<LcoreLoop>> loops;
  std::vector<PortCounters> slow_counters;                 // what the slow thread did, by port
  std::vector<std::unique_ptr<ExceptionPath>> exceptions;  // by port; null for a shared one
  std::vector<std::unique_ptr<CoreLine>> lines;
  std::unique_ptr<SrtpSetup> srtp;
  std::unique_ptr<CallBook> book;
  std::unique_ptr<CaptureDesk> captures;
  std::unique_ptr<NextHops> next_hops;
  bool running = false;  // the lcores have been launched
  std::optional<control::ResumedCalls> resumed;
  std::vector<std::string> warnings;  // for the operator, of things that do not stop the start
};

// What can be found wrong without touching anything: root, devices, MTUs, the XDP program. Empty
// when all is well.
std::string preflight(const config::DataplaneConfig& config);

// Builds all parts and launches the lcores. On an error, one line, what was begun is taken down
// again, and nothing is left that was not there before.
Result<std::unique_ptr<Assembly>, std::string> assemble(const config::DataplaneConfig& config);

// The XDP object that will be used: the configured one, else the one beside the binary, else the
// installed one.
std::string xdp_program_path(const config::DataplaneConfig& config);

// The memory file of the lcores' tables: beside the control socket. What else is of it has names
// that begin with this.
std::string state_path(const config::DataplaneConfig& config);

}  // namespace holdfast::dataplane
