// SPDX-License-Identifier: Apache-2.0
// The traffic program of the relay bench: two ports, the other ends of those of a device under
// test (vhost-user sockets, unless told otherwise); commands on standard input, one JSON line of
// result for each.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/relay/srtp_options.hh"
#include "bench/relay/traffic.hh"

namespace {

using namespace holdfast::bench;
using nlohmann::json;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr double kMaxSeconds = 600;
constexpr unsigned kReceiveFrames = 8'191;
constexpr unsigned kPoolCache = 256;
constexpr uint16_t kDescriptors = 1'024;
constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);

struct Options {
  std::array<std::string, kSides> places;
  std::string driver = "vhost";
  TrafficOptions traffic;
  unsigned cpu = 1;
  unsigned memory_mib = 256;
  bool huge_pages = false;
  bool reflect = false;
};

// virtio_user sends without a copy: needs more calls than the window holds frames, so that none is
// written while it is under way.
const std::vector<std::string> kDrivers = {"vhost", "virtio_user", "memif", "af_packet"};

std::string port_name(const Options& options, size_t side) {
  return "net_" + options.driver + std::to_string(side);
}

std::string port_arguments(const Options& options, size_t side) {
  const std::string& place = options.places[side];
  if (options.driver == "virtio_user") return ",path=" + place + ",queues=1,queue_size=1024";
  if (options.driver == "memif") return ",role=server,socket-abstract=no,socket=" + place;
  if (options.driver == "af_packet") return ",iface=" + place;
  return ",iface=" + place + ",queues=1";
}

void start_dpdk(const Options& options) {
  std::vector<std::string> words = {"holdfast-relay-peer",
                                    "--lcores",
                                    "0@" + std::to_string(options.cpu),
                                    "--no-pci",
                                    "--no-telemetry",
                                    "--log-level",
                                    "*:error",
                                    "--file-prefix",
                                    "holdfast-peer-" + std::to_string(getpid()),
                                    "-m",
                                    std::to_string(options.memory_mib)};
  if (options.huge_pages) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(), {"--no-huge", "--no-shconf"});
  }
  for (size_t side = 0; side < kSides; ++side) {
    words.emplace_back("--vdev");
    words.push_back(port_name(options, side) + port_arguments(options, side));
  }
  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0)
    throw std::runtime_error(std::string("DPDK does not start: ") + rte_strerror(rte_errno));
}

std::array<uint16_t, kSides> open_ports(const Options& options) {
  rte_mempool* pool = rte_pktmbuf_pool_create("bench_received", kReceiveFrames, kPoolCache, 0,
                                              RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) throw std::runtime_error("no memory for the frames that come back");
  std::array<uint16_t, kSides> ports{};
  for (size_t side = 0; side < kSides; ++side) {
    const std::string name = port_name(options, side);
    rte_eth_conf conf{};
    if (rte_eth_dev_get_port_by_name(name.c_str(), &ports[side]) != 0 ||
        rte_eth_dev_configure(ports[side], 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(ports[side], 0, kDescriptors, kAnySocket, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(ports[side], 0, kDescriptors, kAnySocket, nullptr) != 0 ||
        rte_eth_dev_start(ports[side]) != 0) {
      throw std::runtime_error("no port " + name);
    }
  }
  return ports;
}

bool wait_for_links(const std::array<uint16_t, kSides>& ports, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    size_t up = 0;
    for (const uint16_t port : ports) {
      rte_eth_link link{};
      if (rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP) ++up;
    }
    if (up == kSides) return true;
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

json to_json(const Tally& tally, const Traffic& traffic) {
  json out;
  out["seconds"] = tally.seconds;
  out["inspected"] = tally.inspected;
  out["wrong"] = tally.wrong;
  if (!tally.first_wrong.empty()) out["first_wrong"] = tally.first_wrong;
  out["idle"] = tally.idle;
  for (size_t side = 0; side < kSides; ++side) {
    json& one = out["sides"][kSideNames[side]];
    one["good"] = tally.good[side];
    one["returned"] = tally.returned[side];
    one["returned_in_time"] = tally.returned_in_time[side];
    one["other"] = tally.other[side];
    one["bad"] = json::object();
    for (size_t kind = 0; kind < traffic.bad_kinds(side); ++kind) {
      if (const uint64_t sent = tally.bad[side][kind]; sent > 0)
        one["bad"][std::string(traffic.bad_drop(side, kind))] = sent;
    }
  }
  out["missed"] = tally.missed;
  if (tally.delay_ns.count() > 0) {
    out["delay_ns"] = {{"p50", tally.delay_ns.at(0.5)},
                       {"p99", tally.delay_ns.at(0.99)},
                       {"p99.9", tally.delay_ns.at(0.999)},
                       {"count", tally.delay_ns.count()},
                       {"buckets", json::array()}};
    tally.delay_ns.each([&buckets = out["delay_ns"]["buckets"]](uint64_t edge, uint64_t count) {
      buckets.push_back({edge, count});
    });
  }
  return out;
}

// One command: "wait S", "warm S", "saturate S", "pace S PACKETS_PER_S".
json perform(const std::string& line, Traffic& traffic, const std::array<uint16_t, kSides>& ports) {
  std::istringstream words(line);
  std::string verb;
  double seconds = 0;
  double packets_per_s = 0;
  words >> verb >> seconds;
  if (!words || seconds <= 0 || seconds > kMaxSeconds) return {{"error", "no time given"}};
  if (verb == "wait") return {{"links", wait_for_links(ports, seconds)}};
  if (verb == "warm") return to_json(traffic.warm(seconds), traffic);
  if (verb == "saturate") return to_json(traffic.saturate(seconds), traffic);
  if (verb == "pace" && !traffic.has_srtp() && words >> packets_per_s && packets_per_s > 0)
    return to_json(traffic.pace(seconds, packets_per_s), traffic);
  return {{"error", "wait S | warm S | saturate S | pace S PACKETS_PER_S"}};
}

int serve(const Options& options) {
  try {
    start_dpdk(options);
    const auto ports = open_ports(options);
    {
      Traffic traffic(options.traffic, ports);
      std::cout << json{{"ready", true}} << std::endl;
      for (std::string line; std::getline(std::cin, line);)
        std::cout << perform(line, traffic, ports) << std::endl;
      for (const uint16_t port : ports) {
        rte_eth_dev_stop(port);
        rte_eth_dev_close(port);
      }
    }
    rte_eal_cleanup();
  } catch (const std::runtime_error& failure) {
    std::fprintf(stderr, "holdfast-relay-peer: %s\n", failure.what());
    return kFailed;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Sends RTP to a device under test and takes back what it relays."};
  app.add_option("--lan", options.places[0], "socket or network device of lan")->required();
  app.add_option("--wan", options.places[1], "socket or network device of wan")->required();
  app.add_option("--driver", options.driver, "of both ports")->check(CLI::IsMember(kDrivers));
  app.add_option("--calls", options.traffic.calls, "two streams each")
      ->check(CLI::Range(1U, kMaxCalls));
  app.add_option("--bad-every", options.traffic.bad_every,
                 "one frame in so many is bad on purpose; 0: none")
      ->check(CLI::IsMember({0U}) | CLI::Range(2U, 1'000'000U));
  app.add_option("--cpu", options.cpu, "where it runs")->check(CLI::Range(0U, 1023U));
  add_srtp_options(app, options.traffic.srtp);
  app.add_flag("--lan-silent", options.traffic.silent[0], "lan's remotes say nothing");
  app.add_flag("--wan-silent", options.traffic.silent[1], "wan's remotes say nothing");
  app.add_flag("--huge-pages", options.huge_pages, "take memory from huge pages");
  app.add_flag("--reflect", options.reflect,
               "the device sends every frame out of its other port, addresses exchanged");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  if (options.reflect) options.traffic.treatment = Treatment::reflect;
  return serve(options);
}
