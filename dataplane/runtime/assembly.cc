// SPDX-License-Identifier: Apache-2.0
// Puts the dataplane together.
#include "dataplane/runtime/assembly.hh"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <stdexcept>

#include "dataplane/calls/leg_table.hh"
#include "dataplane/frame/wire.hh"
#include "dataplane/host/pci_device.hh"
#include "dataplane/host/unix_socket.hh"
#include "dataplane/kernel/guards.hh"
#include "dataplane/kernel/xdp_steer.hh"
#include "dataplane/runtime/class_marks.hh"
#include "dataplane/runtime/footprint.hh"
#include "dataplane/runtime/steering.hh"

namespace holdfast::dataplane {
namespace {

using config::Driver;
using config::InterfaceConfig;
using config::Take;

static_assert(config::kMaxCpus == kMaxCores && config::kMaxInterfaces == kMaxPorts);
static_assert(kMaxCores <= 32);  // RelayCore's wake mask has 32 bits
constexpr uint32_t kFramesPerQueue =
    8192;  // receive and transmit queue of a port, the rings, and bursts under way
constexpr uint32_t kFramesPerCore = 4096;
// Behind the longest frame: what SRTP adds, where the headers it came with were longer than those
// it leaves with.
constexpr size_t kSrtpRoom = media::kMaxSrtpTrailerBytes + kIpv6Size - kIpv4Size;
constexpr uint64_t kMaxRefusalWarnings = 8;
constexpr uint64_t kNsPerS = 1'000'000'000;
constexpr uint64_t kUnknownLinkMbps = 1000;
constexpr uint64_t kBytesPerMbit = 125'000;

bool on_kernel_device(const InterfaceConfig& interface) {
  return interface.driver == Driver::kAfXdp || interface.driver == Driver::kAfPacket;
}

EalOptions eal_options(const config::DataplaneConfig& config) {
  EalOptions options;
  options.memory_mib = config.memory_mib;
  options.cpus = config.cpus;
  switch (config.huge_pages) {
    case config::HugePages::kAuto:
      options.huge_pages = EalOptions::HugePages::automatic;
      break;
    case config::HugePages::kYes:
      options.huge_pages = EalOptions::HugePages::yes;
      break;
    case config::HugePages::kNo:
      options.huge_pages = EalOptions::HugePages::no;
      break;
  }
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.driver == Driver::kPci) options.pci_addresses.push_back(interface.device);
  }
  return options;
}

std::string set_guards(const config::DataplaneConfig& config) {
  std::vector<MediaRange> ranges;
  std::vector<std::string> owned;
  for (const InterfaceConfig& interface : config.interfaces) {
    for (const IpAddress& address : interface.media_addresses) {
      ranges.push_back({address, interface.media_ports.first, interface.media_ports.last});
    }
    if (interface.take == Take::kOwned && on_kernel_device(interface))
      owned.push_back(interface.device);
  }
  if (const Outcome guarded = guard_media(ranges); !guarded)
    return "media guard: " + guarded.error();
  if (const Outcome guarded = guard_owned(owned); !guarded)
    return "owned ports' guard: " + guarded.error();
  for (const std::string& device : owned) {
    if (const Outcome up = set_link_up(device, true); !up) return device + ": " + up.error();
  }
  return {};
}

// Last of all, since the kernel then forgets the device's IPv6 addresses: a start that fails should
// not have cost any.
std::string silence_owned(const config::DataplaneConfig& config) {
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.take != Take::kOwned || !on_kernel_device(interface)) continue;
    if (const Outcome quiet = set_kernel_ipv6(interface.device, false); !quiet)
      return interface.device + ": " + quiet.error();
  }
  return {};
}

// Before the start. No connection is tried: a peer may take it for the real one.
std::string socket_trouble(const InterfaceConfig& interface) {
  const std::filesystem::path path(interface.device);
  const std::string driver(to_string(interface.driver));
  if (interface.driver != Driver::kVhost && access(path.c_str(), F_OK) != 0)
    return "no socket for " + driver + " at " + path.string() + "; start the other side first";
  if (access(path.parent_path().c_str(), X_OK) != 0)
    return "no folder " + path.parent_path().string() + " for the socket of driver " + driver;
  return {};
}

// virtio_user and memif connect when they are opened and started, or not at all.
std::string why_not_open(const InterfaceConfig& interface) {
  if (!config::on_socket(interface.driver) || interface.driver == Driver::kVhost) return {};
  const AtPath found = look_at_socket(interface.device);
  if (found == AtPath::stale) return "; nobody serves that socket, start the other side first";
  return found == AtPath::no_socket ? "; that is no socket" : "";
}

uint16_t longest_frame(const config::DataplaneConfig& config) {
  uint16_t longest = 0;
  for (const InterfaceConfig& i : config.interfaces) longest = std::max(longest, i.mtu);
  return static_cast<uint16_t>(longest + kEthernetSize + kVlanSize);
}

std::string make_pool(const config::DataplaneConfig& config, Assembly& parts) {
  uint32_t frames = static_cast<uint32_t>(config.cpus.size()) * kFramesPerCore;
  for (const InterfaceConfig& i : config.interfaces) frames += i.queues * kFramesPerQueue;
  std::string error;
  parts.pool =
      make_packet_pool(frames, static_cast<uint16_t>(longest_frame(config) + kSrtpRoom), error);
  return error;
}

std::string open_ports(const config::DataplaneConfig& config, Assembly& parts) {
  std::string error;
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.driver == Driver::kAfXdp) {
      const auto link = find_link(interface.device);
      if (!link) return link.error();
      if (const Outcome free = check_steer(link->ifindex); !free) return free.error();
    }
    if (interface.driver == Driver::kVhost) {
      if (error = free_socket_path(interface.device); !error.empty())
        return "interface " + interface.name + ": " + error;
    }
    auto port = EthernetPort::open({.name = interface.name,
                                    .driver = std::string(to_string(interface.driver)),
                                    .device = interface.device,
                                    .xdp_program = xdp_program_path(config),
                                    .mac = interface.mac,
                                    .memif_id = interface.memif_id,
                                    .longest_frame = longest_frame(config),
                                    .queues = interface.queues},
                                   parts.pool);
    if (!port) return port.error() + why_not_open(interface);
    parts.ports.push_back(std::move(port).value());
  }
  return {};
}

// What needs no DPDK: the guards, and the memory file.
struct Ground {
  std::string error;                 // of the guards; empty when they stand
  uint32_t legs = 0;                 // of the tables
  std::unique_ptr<StateFile> state;  // null: there is none
  std::string why_no_state;
  std::future<void> bringing;  // of the keys that another process left; before nobody uses them
};

Ground prepare(const config::DataplaneConfig& config) {
  const auto cores = static_cast<uint32_t>(config.cpus.size());
  Ground ground;
  std::string unsaid;  // until the calls are taken over
  auto left = LeftState::open(state_path(config), steady_ns(), unsaid);
  ground.legs = legs_of_table(config.max_legs, left ? &*left : nullptr);
  StateShape shape{cores, Switchboard::legs_per_core(ground.legs, cores), {}};
  for (const InterfaceConfig& interface : config.interfaces) {
    shape.interfaces.push_back(interface.name);
    for (const IpAddress& ip : interface.media_addresses)
      shape.ports.push_back({ip, interface.media_ports.first, interface.media_ports.pairs()});
  }
  auto made = StateFile::create(state_path(config), shape, left ? &*left : nullptr);
  if (made) {
    ground.state = std::make_unique<StateFile>(std::move(made).value());
    if (ground.state->is_in_place())
      ground.bringing =
          std::async(std::launch::async,
                     [&state = *ground.state, left = std::move(*left)] { state.bring_srtp(left); });
  } else {
    ground.why_no_state = made.error();
  }
  ground.error = set_guards(config);
  return ground;
}

// Without the file all works but the taking up of calls after a death.
void use_state(Ground& ground, Assembly& parts) {
  if (ground.state == nullptr) {
    parts.warnings.push_back("calls will not outlive this process: " + ground.why_no_state);
    return;
  }
  parts.state = std::move(ground.state);
  parts.state->beat(steady_ns());
}

// Goes on with the calls of the process before, if it died or ended a moment ago, and with the rest
// of its ports. The lcores do not run yet: thousands of legs are seated without waiting for one.
void take_over(const config::DataplaneConfig& config, Assembly& parts) {
  for (const auto& line : parts.lines) line->serve_here(true);
  std::string why;
  const auto left = LeftState::open(state_path(config), steady_ns(), why);
  if (!why.empty()) parts.warnings.push_back(why);
  if (left && !left->calls_are_over()) {
    const bool in_place = parts.state != nullptr && parts.state->is_in_place();
    auto& resumed = parts.resumed.emplace();
    resumed.down_ms = left->silent_ns() / 1'000'000;
    left->for_each([&](const LeftCall& call) {
      const std::string refused = parts.book->restore(call, in_place);
      ++(refused.empty() ? resumed.calls : resumed.refused);
      if (!refused.empty() && resumed.refused <= kMaxRefusalWarnings)
        parts.warnings.push_back("call " + call.key + " does not go on: " + refused);
    });
    parts.book->flush();
    if (const uint32_t legs = parts.book->legs_in_use(); legs > config.max_legs)
      parts.warnings.push_back(std::to_string(legs) + " legs went on at the start, max-legs are " +
                               std::to_string(config.max_legs) +
                               ": until they are fewer, calls for help alone are added");
  }
  if (left) parts.book->rest_again(left->ports());
  for (const auto& line : parts.lines) line->serve_here(false);
}

// From here on it is this process that a successor goes on from, or none: what the one before left
// tells less and less of the calls, and its SRTP would give out numbers again.
void publish(const config::DataplaneConfig& config, Assembly& parts) {
  if (parts.state == nullptr) return remove_state(state_path(config));
  if (std::string error = parts.state->publish(); !error.empty())
    parts.warnings.push_back("calls will not outlive this process: " + error);
  parts.state->wipe_brought_srtp([&](LegIndex leg) { return parts.book->has_srtp(leg); });
}

void build_board(const config::DataplaneConfig& config, Assembly& parts) {
  std::vector<PortIo> ios;
  uint32_t address_index = 0;
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const InterfaceConfig& interface = config.interfaces[i];
    PortIo io;
    io.name = interface.name;
    io.dpdk_port = parts.ports[i]->id();
    io.core = static_cast<uint32_t>(i % config.cpus.size());
    io.queues = interface.queues;
    io.mtu = interface.mtu;
    io.marks = marks_of(interface);
    io.filter = {.mac = parts.ports[i]->mac(),
                 .vlan = interface.vlan,
                 .first_port = interface.media_ports.first,
                 .last_port = interface.media_ports.last,
                 .addresses = {}};
    for (const IpAddress& ip : interface.media_addresses)
      io.filter.addresses.push_back({ip, address_index++});
    if (interface.take == Take::kOwned) {
      const unsigned producers = interface.queues == 1 ? RING_F_SP_ENQ : 0;
      io.to_kernel =
          make_ring("hf_to_" + interface.name, kExceptionRing, producers | RING_F_SC_DEQ);
      io.from_kernel =
          make_ring("hf_from_" + interface.name, kExceptionRing, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
    ios.push_back(std::move(io));
  }
  const auto cores = static_cast<uint32_t>(config.cpus.size());
  parts.board = std::make_unique<Switchboard>(cores, parts.table_legs, std::move(ios));
  parts.slow_counters = std::vector<PortCounters>(config.interfaces.size());
  for (uint32_t core = 0; core < cores; ++core) {
    parts.cores.push_back(std::make_unique<RelayCore>(
        *parts.board, core, parts.state == nullptr ? CoreMemory{} : parts.state->core(core),
        media::make_srtp_engine().engine));
    parts.lines.push_back(
        std::make_unique<CoreLine>(*parts.cores[core], parts.board->core_bell(core)));
    std::vector<int> wake_fds;
    bool all_wake = true;
    for (size_t i = 0; i < parts.ports.size(); ++i) {
      const uint16_t queue = parts.board->queue_of(i, core);
      if (queue == Switchboard::kNoQueue) continue;
      const auto& fds = parts.ports[i]->wake_fds(queue);
      wake_fds.insert(wake_fds.end(), fds.begin(), fds.end());
      all_wake = all_wake && !fds.empty();
    }
    parts.loops.push_back(std::make_unique<LcoreLoop>(*parts.board, *parts.cores[core], core,
                                                      config.idle_sleep_us, wake_fds, all_wake));
  }
}

// What the kernel may send by the port. Half of the link by itself, so that media finds the other
// half, and a queue that is never long.
ExceptionRate exception_rate(const InterfaceConfig& interface) {
  uint64_t mbps = interface.exception_mbps;
  if (mbps == 0) {
    const auto link = find_link(interface.device);
    mbps = on_kernel_device(interface) && link && link->speed_mbps > 1 ? link->speed_mbps / 2
                                                                       : kUnknownLinkMbps / 2;
  }
  return {interface.exception_pps, mbps * kBytesPerMbit};
}

std::string open_taps(const config::DataplaneConfig& config, Assembly& parts) {
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const InterfaceConfig& interface = config.interfaces[i];
    parts.exceptions.emplace_back();
    if (interface.take != Take::kOwned) continue;
    PortIo& io = parts.board->ports()[i];
    auto tap = Tap::open(interface.tap, io.filter.mac, interface.mtu);
    if (!tap) return tap.error();
    parts.exceptions[i] = std::make_unique<ExceptionPath>(
        io, std::move(tap).value(), parts.pool, parts.slow_counters[i],
        parts.board->core_bell(io.core), exception_rate(interface));
  }
  return {};
}

std::string open_book(const config::DataplaneConfig& config, Assembly& parts) {
  std::vector<BookInterface> interfaces;
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const InterfaceConfig& interface = config.interfaces[i];
    unsigned ifindex = 0;
    if (parts.exceptions[i] != nullptr) {
      ifindex = parts.exceptions[i]->tap().ifindex();
    } else if (const auto link = find_link(interface.device); link) {
      ifindex = link->ifindex;
    }
    interfaces.push_back({interface.name, ifindex});
  }
  std::vector<CoreLine*> lines;
  for (const auto& line : parts.lines) lines.push_back(line.get());
  parts.book = std::make_unique<CallBook>(
      *parts.board, lines, interfaces, config.max_legs,
      parts.state == nullptr ? std::span<SavedCall>{} : parts.state->calls(),
      PortRest{.ns = config.port_rest_s * kNsPerS,
               .marks = parts.state == nullptr ? std::span<PortMark>{} : parts.state->port_marks()},
      parts.table_legs - config.max_legs);
  // The lcores' own memory is there when it is touched.
  parts.srtp = std::make_unique<SrtpSetup>(
      media::make_srtp_engine(),
      [state = parts.state.get()](LegIndex leg) {
        return state == nullptr || state->reserve_srtp(leg);
      },
      [state = parts.state.get()](LegIndex leg) {
        return state == nullptr ? nullptr : state->brought_srtp(leg);
      });
  if (const auto srtp = parts.srtp->status(); srtp.name.empty())
    parts.warnings.push_back("legs with SRTP are refused: " + srtp.why);
  parts.book->set_srtp(parts.srtp.get());
  parts.captures = std::make_unique<CaptureDesk>(*parts.board, lines, *parts.book);
  auto next_hops = NextHops::open([book = parts.book.get()](uint32_t token, const NextHop& hop) {
    book->on_next_hop(token, hop);
  });
  if (!next_hops) return next_hops.error();
  parts.next_hops = std::move(next_hops).value();
  parts.book->set_next_hops(parts.next_hops.get());
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    for (const auto& neighbor : config.interfaces[i].static_neighbors) {
      parts.next_hops->add_static(interfaces[i].ifindex, neighbor.address, neighbor.mac);
    }
  }
  return {};
}

int run_loop(void* loop) {
  static_cast<LcoreLoop*>(loop)->run();
  return 0;
}

std::string start_ports(const config::DataplaneConfig& config, Assembly& parts) {
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const InterfaceConfig& interface = config.interfaces[i];
    if (std::string error = parts.ports[i]->start(); !error.empty())
      return "interface " + interface.name + ": " + error + why_not_open(interface);
    if (std::string error = steer(interface, i, parts); !error.empty()) return error;
  }
  return {};
}

std::string launch(Assembly& parts) {
  parts.running = true;
  for (size_t core = 0; core < parts.loops.size(); ++core) {
    const int error =
        rte_eal_remote_launch(run_loop, parts.loops[core].get(), static_cast<unsigned>(core + 1));
    if (error != 0) return "lcore " + std::to_string(core + 1) + " does not start";
  }
  return {};
}

// A successor has calls waiting: what takes time and waits for nothing else goes on side by side.
std::string build(const config::DataplaneConfig& config, Assembly& parts) {
  auto preparing = std::async(std::launch::async, prepare, std::cref(config));
  auto eal = Eal::start(eal_options(config));
  if (!eal) return eal.error();
  parts.eal.emplace(std::move(eal).value());
  if (std::string error = make_pool(config, parts); !error.empty()) return error;
  Ground ground = preparing.get();
  if (!ground.error.empty()) return ground.error;
  parts.table_legs = ground.legs;
  use_state(ground, parts);
  if (std::string error = open_ports(config, parts); !error.empty()) return error;
  try {
    build_board(config, parts);
  } catch (const std::runtime_error& failure) {
    return std::string(failure.what());
  }
  if (std::string error = open_taps(config, parts); !error.empty()) return error;
  if (std::string error = open_book(config, parts); !error.empty()) return error;
  if (std::string error = silence_owned(config); !error.empty()) return error;
  if (std::string error = start_ports(config, parts); !error.empty()) return error;
  if (ground.bringing.valid()) ground.bringing.get();
  take_over(config, parts);
  publish(config, parts);
  if (std::string error = launch(parts); !error.empty()) return error;
  drop_unused_early(parts);
  return {};
}

}  // namespace

Assembly::~Assembly() {
  if (running) {
    for (const auto& loop : loops) loop->stop();
    rte_eal_mp_wait_lcore();
  }
  for (const auto& port : ports) port->stop();
}

std::string xdp_program_path(const config::DataplaneConfig& config) {
  if (!config.xdp_program.empty()) return config.xdp_program;
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto built = self.parent_path() / "xdp" / "steer.bpf.o";
  return std::filesystem::exists(built, ignored) ? built.string() : HOLDFAST_INSTALLED_XDP;
}

std::string state_path(const config::DataplaneConfig& config) {
  return std::filesystem::path(config.control_socket).replace_extension(".state").string();
}

std::string preflight(const config::DataplaneConfig& config) {
  if (geteuid() != 0) return "must run as root: it takes network ports";
  for (const InterfaceConfig& interface : config.interfaces) {
    const std::string what = "interface " + interface.name + ": ";
    if (interface.driver == Driver::kAfXdp && access(xdp_program_path(config).c_str(), R_OK) != 0) {
      return what + "no XDP program at " + xdp_program_path(config) + "; set xdp-program";
    }
    if (interface.driver == Driver::kPci) {
      if (std::string error = pci_trouble(interface.device); !error.empty()) return what + error;
    }
    if (config::on_socket(interface.driver)) {
      if (std::string error = socket_trouble(interface); !error.empty()) return what + error;
    }
    if (!on_kernel_device(interface)) continue;
    const auto link = find_link(interface.device);
    if (!link) return what + link.error();
    if (link->mtu_bytes < interface.mtu) {
      return what + "mtu " + std::to_string(interface.mtu) + " is more than the " +
             std::to_string(link->mtu_bytes) + " of " + interface.device;
    }
    if (interface.driver == Driver::kAfXdp && link->receive_queues != interface.queues) {
      return what + interface.device + " spreads frames over " +
             std::to_string(link->receive_queues) +
             " receive queues, and queues = " + std::to_string(interface.queues) +
             " of them are served; run: ethtool -L " + interface.device + " combined " +
             std::to_string(interface.queues) +
             ", or set queues = " + std::to_string(link->receive_queues);
    }
    if (interface.take == Take::kShared && !link->up)
      return what + interface.device + " is down; bring it up first";
  }
  return {};
}

Result<std::unique_ptr<Assembly>, std::string> assemble(const config::DataplaneConfig& config) {
  auto lock = InstanceLock::take();
  if (!lock) return lock.error();
  const Footprint before = footprint(config);  // nobody but us may change it from here on
  auto parts = std::make_unique<Assembly>();
  if (std::string error = build(config, *parts); !error.empty()) {
    parts.reset();
    withdraw(config, before);
    return error;
  }
  parts->lock.emplace(std::move(lock).value());
  return parts;
}

}  // namespace holdfast::dataplane
