// SPDX-License-Identifier: Apache-2.0
// ns/packet of the packet loop alone: both ports are rings in this process, so no driver and no
// copy is in the figure, and the frames (not the legs) are in the cache.
#include "dataplane/relay/relay_core.hh"

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "bench/relay/frames.hh"

namespace {

using namespace holdfast;
using namespace holdfast::bench;
using namespace holdfast::dataplane;

constexpr unsigned kWire = 256;
constexpr unsigned kFrames = 1'023;
constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);
constexpr uint64_t kNsPerTurn = 10'000;

// A relay of its own with `calls` calls between the two ring ports.
class RingRelay {
 public:
  explicit RingRelay(uint32_t calls);
  ~RingRelay();
  RingRelay(const RingRelay&) = delete;
  RingRelay& operator=(const RingRelay&) = delete;

  // A burst arrives at each port and is relayed; returns the ticks that the relay took.
  uint64_t turn();
  uint64_t relayed() const { return relayed_; }

 private:
  static LegIndex leg_of(size_t side, uint32_t call) {
    return static_cast<LegIndex>(1 + 2 * call + side);
  }
  PortIo open_port(size_t side, const std::string& suffix);
  void add_leg(size_t side, uint32_t call);
  void perform(CoreRequest& request);
  void arrive(size_t side);
  void collect(size_t side);

  uint32_t calls_;
  rte_mempool* pool_;
  std::array<rte_ring*, kSides> in_{};
  std::array<rte_ring*, kSides> out_{};
  std::unique_ptr<Switchboard> board_;
  std::unique_ptr<RelayCore> core_;
  std::array<std::vector<Frame>, kSides> next_frames_;
  std::array<uint32_t, kSides> next_call_{};
  uint64_t now_ns_ = 1'000'000'000;
  uint64_t relayed_ = 0;
};

RingRelay::RingRelay(uint32_t calls) : calls_(calls) {
  static int serial = 0;
  const std::string suffix = std::to_string(serial++);
  pool_ = rte_pktmbuf_pool_create(("ring_relay" + suffix).c_str(), kFrames, 0, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for frames");
  std::vector<PortIo> ports;
  for (size_t side = 0; side < kSides; ++side) ports.push_back(open_port(side, suffix));
  board_ = std::make_unique<Switchboard>(1, 2 * calls, std::move(ports));
  core_ = std::make_unique<RelayCore>(*board_, 0);
  for (uint32_t call = 0; call < calls; ++call) {
    for (size_t side = 0; side < kSides; ++side) {
      add_leg(side, call);
      next_frames_[side].push_back(first_frame(side, call, 0));
    }
  }
}

RingRelay::~RingRelay() {
  core_.reset();
  for (const PortIo& port : board_->ports()) {
    rte_eth_dev_stop(port.dpdk_port);
    rte_eth_dev_close(port.dpdk_port);
  }
  board_.reset();
  for (size_t side = 0; side < kSides; ++side) {
    rte_ring_free(in_[side]);
    rte_ring_free(out_[side]);
  }
  rte_mempool_free(pool_);
}

PortIo RingRelay::open_port(size_t side, const std::string& suffix) {
  const std::string name = std::to_string(side) + "_" + suffix;
  const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  in_[side] = rte_ring_create(("in" + name).c_str(), kWire, SOCKET_ID_ANY, flags);
  out_[side] = rte_ring_create(("out" + name).c_str(), kWire, SOCKET_ID_ANY, flags);
  if (in_[side] == nullptr || out_[side] == nullptr)
    throw std::runtime_error("no memory for rings");
  const int id = rte_eth_from_rings(("relay" + name).c_str(), &in_[side], 1, &out_[side], 1, 0);
  const auto port = static_cast<uint16_t>(id);
  rte_eth_conf conf{};
  if (id < 0 || rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(port, 0, kWire, kAnySocket, nullptr, pool_) != 0 ||
      rte_eth_tx_queue_setup(port, 0, kWire, kAnySocket, nullptr) != 0 ||
      rte_eth_dev_start(port) != 0) {
    throw std::runtime_error("no ring port");
  }
  PortIo io;
  io.name = kSideNames[side];
  io.dpdk_port = port;
  io.filter = {.mac = side_of(side).appliance_mac,
               .vlan = 0,
               .first_port = kFirstMediaPort,
               .last_port = static_cast<uint16_t>(kFirstMediaPort + 2 * calls_ - 1),
               .addresses = {{side_of(side).appliance, static_cast<uint32_t>(side)}}};
  return io;
}

void RingRelay::perform(CoreRequest& request) {
  request.done = false;
  if (!core_->requests().push(&request)) throw std::runtime_error("the request queue is full");
  while (!request.done) core_->poll(now_ns_);
}

void RingRelay::add_leg(size_t side, uint32_t call) {
  CoreRequest install;
  install.kind = CoreRequest::Kind::install;
  install.leg = leg_of(side, call);
  LegSetup& setup = install.setup;
  setup.peer = leg_of(1 - side, call);
  setup.port = static_cast<uint16_t>(side);
  setup.address_index = static_cast<uint16_t>(side);
  setup.local = side_of(side).appliance;
  const uint16_t port = local_of(side, call).port;
  setup.local_port = {port, static_cast<uint16_t>(port + 1)};
  setup.remote[0] = remote_of(side, call);
  setup.dscp = kExpectedDscp;
  perform(install);
  const NextHopUpdate hop{leg_of(side, call), PathKind::rtp, true, setup.remote[0].ip,
                          side_of(side).gateway_mac};
  CoreRequest resolve;
  resolve.kind = CoreRequest::Kind::next_hops;
  resolve.next_hops = {&hop, 1};
  perform(resolve);
}

void RingRelay::arrive(size_t side) {
  for (unsigned i = 0; i < kBurst; ++i) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) throw std::runtime_error("frames leak");
    Frame& frame = next_frames_[side][next_call_[side]];
    next_call_[side] = (next_call_[side] + 1) % calls_;
    std::memcpy(rte_pktmbuf_append(mbuf, kFrameBytes), frame.data(), kFrameBytes);
    mbuf->port = board_->ports()[side].dpdk_port;
    advance(frame.data(), 1);
    if (rte_ring_enqueue(in_[side], mbuf) != 0) throw std::runtime_error("the wire is full");
  }
}

void RingRelay::collect(size_t side) {
  std::array<void*, 2 * kBurst> frames;
  const unsigned n = rte_ring_dequeue_burst(out_[side], frames.data(), frames.size(), nullptr);
  for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(static_cast<rte_mbuf*>(frames[i]));
  relayed_ += n;
}

uint64_t RingRelay::turn() {
  for (size_t side = 0; side < kSides; ++side) arrive(side);
  now_ns_ += kNsPerTurn;
  const uint64_t start = rte_rdtsc_precise();
  core_->poll(now_ns_);
  const uint64_t ticks = rte_rdtsc_precise() - start;
  for (size_t side = 0; side < kSides; ++side) collect(side);
  return ticks;
}

void relay(benchmark::State& state) {
  RingRelay ring(static_cast<uint32_t>(state.range(0)) / 2);
  const auto ticks_per_s = static_cast<double>(rte_get_tsc_hz());
  for (auto _ : state) state.SetIterationTime(static_cast<double>(ring.turn()) / ticks_per_s);
  const auto offered = state.iterations() * int64_t{kSides} * kBurst;
  if (ring.relayed() != static_cast<uint64_t>(offered)) state.SkipWithError("frames are missing");
  state.SetItemsProcessed(offered);
}
BENCHMARK(relay)->Arg(2)->Arg(200)->Arg(20'000)->UseManualTime();

bool start_dpdk() {
  std::vector<std::string> words = {"relay_core_bench",
                                    "--no-huge",
                                    "-m",
                                    "64",
                                    "--no-pci",
                                    "--no-shconf",
                                    "--no-telemetry",
                                    "--lcores",
                                    "0@0",
                                    "--log-level",
                                    "*:error",
                                    "--file-prefix",
                                    "holdfast-ring-" + std::to_string(getpid())};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (!start_dpdk()) {
    std::fprintf(stderr, "relay_core_bench: DPDK does not start\n");
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  rte_eal_cleanup();
}
