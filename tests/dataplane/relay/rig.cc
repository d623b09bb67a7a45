// SPDX-License-Identifier: Apache-2.0
// The rig, and DPDK's start for the whole test program.
#include "tests/dataplane/relay/rig.hh"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace holdfast::dataplane::test_rig {
namespace {

constexpr unsigned kWire = 1024;
constexpr unsigned kFrames = 8191;

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> words = {"test",
                                      "--no-huge",
                                      "-m",
                                      "128",
                                      "--no-pci",
                                      "--no-shconf",
                                      "--no-telemetry",
                                      "--lcores",
                                      "0@0,1@0,2@(0-1)",
                                      "--log-level",
                                      "*:error",
                                      "--file-prefix",
                                      "hf-test-" + std::to_string(getpid())};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ASSERT_GE(rte_eal_init(static_cast<int>(argv.size()), argv.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }
};

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace

Rig::Rig(const RigOptions& options) : queues_(options.queues) {
  static int serial = 0;
  const std::string suffix = std::to_string(serial++);
  pool_ = rte_pktmbuf_pool_create(("rig" + suffix).c_str(), kFrames, 0, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for the rig");
  std::vector<PortIo> ports;
  const char* names[] = {"lan", "wan"};
  for (size_t i = 0; i < 2; ++i) {
    const std::string n = std::to_string(i) + "_" + suffix;
    for (unsigned queue = 0; queue < options.queues; ++queue) {
      const std::string wire = n + "_" + std::to_string(queue);
      in_.push_back(rte_ring_create(("in" + wire).c_str(), kWire, SOCKET_ID_ANY, 0));
      out_.push_back(rte_ring_create(("out" + wire).c_str(), kWire, SOCKET_ID_ANY, 0));
    }
    const int id = rte_eth_from_rings(("rig" + n).c_str(), &in_[i * queues_], options.queues,
                                      &out_[i * queues_], options.queues, 0);
    if (id < 0) throw std::runtime_error("no ring port");
    ids_.push_back(static_cast<uint16_t>(id));
    rte_eth_conf conf{};
    rte_eth_dev_configure(ids_[i], options.queues, options.queues, &conf);
    constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);
    for (uint16_t queue = 0; queue < options.queues; ++queue) {
      rte_eth_rx_queue_setup(ids_[i], queue, 128, kAnySocket, nullptr, pool_);
      rte_eth_tx_queue_setup(ids_[i], queue, 128, kAnySocket, nullptr);
    }
    rte_eth_dev_start(ids_[i]);

    PortIo io;
    io.name = names[i];
    io.dpdk_port = ids_[i];
    io.core = static_cast<uint32_t>(i) % options.cores;
    io.queues = options.queues;
    io.mtu = options.mtu;
    io.marks = {{{Mark::of(46, 5), Mark::of(46, 5)},
                 {Mark::of(34, 4), Mark::of(34, 4)},
                 {Mark::of(46, 5), Mark::of(46, 5)}}};
    const auto base = static_cast<uint32_t>(2 * i);
    io.filter = {
        .mac = *MacAddress::parse("02:00:00:00:00:0" + std::to_string(i + 1)),
        .vlan = options.vlan,
        .first_port = 20000,
        .last_port = options.last_media_port,
        .addresses = {{*IpAddress::parse("198.18." + std::to_string(i + 1) + ".2"), base},
                      {*IpAddress::parse("2001:db8:" + std::to_string(i + 1) + "::2"), base + 1}}};
    if (options.second_address) {
      io.filter.addresses.push_back({*IpAddress::parse("198.18." + std::to_string(i + 1) + ".3"),
                                     static_cast<uint32_t>(4 + i)});
    }
    if (options.owned) {
      io.to_kernel = make_ring("tok" + n, 64, RING_F_SP_ENQ | RING_F_SC_DEQ);
      io.from_kernel = make_ring("fromk" + n, 64, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
    ports.push_back(std::move(io));
  }
  board_ = std::make_unique<Switchboard>(options.cores, options.max_legs, std::move(ports));
  for (uint32_t i = 0; i < options.cores; ++i)
    cores_.push_back(std::make_unique<RelayCore>(
        *board_, i, options.memory, options.engine == nullptr ? nullptr : options.engine()));
}

Rig::~Rig() {
  void* frame = nullptr;
  for (auto* rings : {&in_, &out_}) {
    for (rte_ring* ring : *rings) {
      while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  for (PortIo& port : board_->ports()) {
    for (rte_ring* ring : {port.to_kernel.get(), port.from_kernel.get()}) {
      while (ring != nullptr && rte_ring_dequeue(ring, &frame) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  EXPECT_EQ(frames_in_use(), 0u) << "packet buffers leaked";
  cores_.clear();
  board_.reset();
  for (const uint16_t id : ids_) {
    rte_eth_dev_stop(id);
    rte_eth_dev_close(id);
  }
  for (size_t i = 0; i < in_.size(); ++i) {
    rte_ring_free(in_[i]);
    rte_ring_free(out_[i]);
  }
  rte_mempool_free(pool_);
}

uint32_t Rig::frames_in_use() const {
  return rte_mempool_in_use_count(pool_);
}

Pending Rig::prepare(size_t port, const Bytes& frame, uint16_t queue) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) throw std::runtime_error("the rig has no packet buffer left");
  std::memcpy(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size())), frame.data(),
              frame.size());
  mbuf->port = ids_[port];
  return {port, mbuf, queue};
}

bool Rig::inject(const Pending& pending) {
  return rte_ring_enqueue(in_[pending.port * queues_ + pending.queue], pending.frame) == 0;
}

bool Rig::arrive(size_t port, const Bytes& frame) {
  const Pending pending = prepare(port, frame);
  if (inject(pending)) return true;
  rte_pktmbuf_free(pending.frame);
  return false;
}

void Rig::collect(size_t port, std::vector<rte_mbuf*>& frames) {
  void* object = nullptr;
  for (size_t queue = 0; queue < queues_; ++queue) {
    while (rte_ring_dequeue(out_[port * queues_ + queue], &object) == 0)
      frames.push_back(static_cast<rte_mbuf*>(object));
  }
}

void Rig::run(uint64_t now_ns) {
  for (bool busy = true; busy;) {
    busy = false;
    for (const auto& core : cores_) busy = !core->poll(now_ns).idle() || busy;
  }
}

std::vector<Bytes> Rig::departed(size_t port) {
  std::vector<rte_mbuf*> left;
  collect(port, left);
  std::vector<Bytes> frames;
  for (rte_mbuf* mbuf : left) {
    const auto* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    frames.emplace_back(bytes, bytes + mbuf->data_len);
    rte_pktmbuf_free(mbuf);
  }
  return frames;
}

LegSetup Rig::setup(size_t port, uint16_t local_port, const char* remote, bool ipv6) {
  LegSetup s;
  const auto& address = board_->ports()[port].filter.addresses[ipv6 ? 1 : 0];
  s.port = static_cast<uint16_t>(port);
  s.address_index = static_cast<uint16_t>(address.index);
  s.local = address.ip;
  s.local_port = {local_port, static_cast<uint16_t>(local_port + 1)};
  if (remote != nullptr) {
    s.remote[0] = *SocketAddress::parse(remote);
    s.remote[1] = {s.remote[0].ip, static_cast<uint16_t>(s.remote[0].port + 1)};
  }
  return s;
}

void Rig::request(CoreRequest& request, LegIndex leg) {
  request.done = false;
  ASSERT_TRUE(cores_[board_->owner_of_leg(leg)]->requests().push(&request));
  run();
  ASSERT_TRUE(request.done);
}

void Rig::resolve(LegIndex leg) {
  const LegSnapshot now = snapshot(leg);
  std::vector<NextHopUpdate> updates;
  for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
    MacAddress mac = *MacAddress::parse("02:00:00:00:00:a0");
    mac.bytes[5] = static_cast<uint8_t>(mac.bytes[5] + now.leg.setup.port);
    updates.push_back(
        {leg, path, true, now.leg.paths[static_cast<size_t>(path)].destination.ip, mac});
  }
  CoreRequest r;
  r.kind = CoreRequest::Kind::next_hops;
  r.next_hops = updates;
  request(r, leg);
}

void Rig::add_call(LegIndex lan, LegIndex wan, LegSetup lan_setup, LegSetup wan_setup,
                   SrtpChange* lan_srtp, SrtpChange* wan_srtp) {
  lan_setup.peer = wan;
  wan_setup.peer = lan;
  const std::tuple<LegIndex, LegSetup*, SrtpChange*> legs[] = {{lan, &lan_setup, lan_srtp},
                                                               {wan, &wan_setup, wan_srtp}};
  for (const auto& [leg, leg_setup, srtp] : legs) {
    CoreRequest r;
    r.srtp = srtp;
    r.kind = CoreRequest::Kind::install;
    r.leg = leg;
    r.setup = *leg_setup;
    request(r, leg);
    if (!leg_setup->remote[0].is_none()) resolve(leg);
  }
}

LegSnapshot Rig::snapshot(LegIndex leg) {
  LegSnapshot out;
  out.index = leg;
  CoreRequest r;
  r.kind = CoreRequest::Kind::snapshot;
  r.snapshots = {&out, 1};
  request(r, leg);
  return out;
}

std::map<std::string, uint64_t> Rig::drops(size_t port) {
  std::map<std::string, uint64_t> by_name;
  for (const auto& core : cores_) {
    for (size_t i = 1; i < kDropReasons; ++i) {
      const uint64_t n = core->counters(port).drops[i].read();
      if (n > 0) by_name[std::string(name_of(static_cast<DropReason>(i)))] += n;
    }
  }
  return by_name;
}

uint64_t Rig::sum(size_t port, Counter PortCounters::*counter) {
  uint64_t total = 0;
  for (const auto& core : cores_) total += (core->counters(port).*counter).read();
  return total;
}

void Rig::expect_balanced() {
  uint64_t relayed = 0;
  uint64_t sent = 0;
  for (size_t port = 0; port < 2; ++port) {
    uint64_t dropped = 0;
    for (const auto& [name, n] : drops(port)) dropped += n;
    const rte_ring* ring = board_->ports()[port].to_kernel.get();
    const uint64_t to_kernel = ring == nullptr ? 0 : rte_ring_count(ring);
    EXPECT_EQ(sum(port, &PortCounters::rx), sum(port, &PortCounters::relayed) + to_kernel + dropped)
        << port;
    relayed += sum(port, &PortCounters::relayed);
    sent += sum(port, &PortCounters::tx_media);
  }
  EXPECT_EQ(relayed, sent);
}

}  // namespace holdfast::dataplane::test_rig
