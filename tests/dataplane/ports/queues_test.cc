// SPDX-License-Identifier: Apache-2.0
// Two pairs of queues on real drivers: a vhost-user socket with a virtio_user client, as a virtual
// switch has them. What the other side puts into a queue is polled by that queue's lcore, and media
// leaves by the queue of its call's lcore.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "dataplane/ports/ethernet_port.hh"
#include "tests/dataplane/relay/rig.hh"

namespace holdfast::dataplane {
namespace {

using test::Bytes;

constexpr uint16_t kQueues = 2;
constexpr uint64_t kNow = 1'000'000'000;
const MacAddress kOurs = *MacAddress::parse("02:00:00:00:00:01");

template <typename Condition>
bool within_seconds(int seconds, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class QueuesTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string driver = GetParam();
    const std::string other = driver == "vhost" ? "virtio_user" : "vhost";
    static int devices = 0;  // DPDK keeps the name of a device that was closed
    const std::string nth = std::to_string(devices++);
    folder_ = "/tmp/hf-queues-" + std::to_string(getpid()) + "-" + nth;
    std::filesystem::create_directory(folder_);
    pool_ = rte_pktmbuf_pool_create(("queues-" + nth).c_str(), 8191, 0, 0,
                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    // The one that serves the socket comes first.
    for (const std::string& each : {std::string("vhost"), std::string("virtio_user")}) {
      auto port = EthernetPort::open({.name = each.substr(0, 5) + nth,
                                      .driver = each,
                                      .device = folder_ + "/s",
                                      .xdp_program = {},
                                      .mac = each == driver ? kOurs : peer_mac_,
                                      .queues = kQueues},
                                     pool_);
      ASSERT_TRUE(port) << port.error();
      EXPECT_EQ((*port)->start(), "");
      EXPECT_TRUE((*port)->sockets().empty());
      (each == driver ? ours_ : peer_) = std::move(port).value();
    }
    ASSERT_TRUE(within_seconds(5, [this] { return ours_->link_up() && peer_->link_up(); }));
    PortIo io;
    io.name = "lan";
    io.dpdk_port = ours_->id();
    io.queues = kQueues;
    io.filter = {.mac = kOurs,
                 .vlan = 0,
                 .first_port = 20000,
                 .last_port = 20199,
                 .addresses = {{*IpAddress::parse("198.18.1.2"), 0}}};
    std::vector<PortIo> ports;
    ports.push_back(std::move(io));
    board_ = std::make_unique<Switchboard>(kQueues, 8, std::move(ports));
    for (uint32_t core = 0; core < kQueues; ++core)
      cores_.push_back(std::make_unique<RelayCore>(*board_, core));
  }

  void TearDown() override {
    cores_.clear();
    board_.reset();
    // The client first: it says good-bye to a socket that is there.
    for (auto* port : {&ours_, &peer_})
      if ((port == &ours_) == (std::string(GetParam()) == "virtio_user")) port->reset();
    peer_.reset();
    ours_.reset();
    rte_mempool_free(pool_);
    rte_mempool_free(sent_);
    std::filesystem::remove_all(folder_);
  }

  // Legs 1 to 4 and ports 20000 to 20098 belong to lcore 0, legs 5 to 8 and 20100 on to lcore 1.
  void add_call(uint32_t core) {
    std::array<LegSetup, 2> setups;
    for (uint16_t i = 0; i < 2; ++i) {
      LegSetup& setup = setups[i];
      setup.local = *IpAddress::parse("198.18.1.2");
      const auto port = static_cast<uint16_t>(20000 + 100 * core + 2 * i);
      setup.local_port = {port, static_cast<uint16_t>(port + 1)};
      setup.remote[0] = {*IpAddress::parse("198.18.1.10"), static_cast<uint16_t>(4000 + 2 * i)};
      setup.remote[1] = {setup.remote[0].ip, static_cast<uint16_t>(setup.remote[0].port + 1)};
      setup.peer = static_cast<LegIndex>(4 * core + 2 - i);
    }
    for (uint16_t i = 0; i < 2; ++i) {
      const auto leg = static_cast<LegIndex>(4 * core + 1 + i);
      CoreRequest install;
      install.kind = CoreRequest::Kind::install;
      install.leg = leg;
      install.setup = setups[i];
      ask(core, install);
      const std::vector<NextHopUpdate> hops = {
          {leg, PathKind::rtp, true, setups[i].remote[0].ip, peer_mac_}};
      CoreRequest hop;
      hop.kind = CoreRequest::Kind::next_hops;
      hop.next_hops = hops;
      ask(core, hop);
    }
  }
  void ask(uint32_t core, CoreRequest& request) {
    ASSERT_TRUE(cores_[core]->requests().push(&request));
    cores_[core]->poll(kNow);
    ASSERT_TRUE(request.done);
  }

  // The far end puts a packet for a call of `core` into one of its queues.
  void say(uint16_t queue, uint32_t core, uint16_t seq) {
    test::UdpFrame f{.payload = test::rtp(seq, seq * 160u, 7 + core, 20)};
    f.to = kOurs;
    f.source = *SocketAddress::parse("198.18.1.10:4000");
    f.destination = {*IpAddress::parse("198.18.1.2"), static_cast<uint16_t>(20000 + 100 * core)};
    const Bytes bytes = test::build(f);
    rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
    ASSERT_NE(frame, nullptr);
    std::memcpy(rte_pktmbuf_append(frame, static_cast<uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    EXPECT_TRUE(
        within_seconds(5, [&] { return rte_eth_tx_burst(peer_->id(), queue, &frame, 1) == 1; }));
  }
  // How many frames the far end finds in its queue.
  unsigned heard(uint16_t queue) {
    rte_mbuf* frames[kBurst];
    const unsigned n = rte_eth_rx_burst(peer_->id(), queue, frames, kBurst);
    for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(frames[i]);
    return n;
  }

  const MacAddress peer_mac_ = *MacAddress::parse("02:00:00:00:00:a0");
  std::string folder_;
  rte_mempool* pool_ = nullptr;
  rte_mempool* sent_ = nullptr;
  std::unique_ptr<EthernetPort> ours_, peer_;
  std::unique_ptr<Switchboard> board_;
  std::vector<std::unique_ptr<RelayCore>> cores_;
};

TEST_P(QueuesTest, EachLcoreServesItsOwnPair) {
  for (uint32_t core = 0; core < kQueues; ++core) add_call(core);
  uint16_t seq = 0;
  for (uint32_t core = 0; core < kQueues; ++core) {
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      say(queue, core, seq++);
      const uint32_t taker = queue;  // the port's first queue is lcore 0's
      ASSERT_TRUE(within_seconds(5, [&] { return cores_[taker]->poll(kNow).frames == 1; }))
          << "call of lcore " << core << ", queue " << queue;
      if (taker != core) {
        EXPECT_EQ(cores_[core]->poll(kNow).frames, 1u) << "handed over by ring";
      }
      const auto out = board_->queue_of(0, core);
      EXPECT_TRUE(within_seconds(5, [&] { return heard(out) == 1; }));
      EXPECT_EQ(heard(static_cast<uint16_t>(1 - out)), 0u);
    }
  }
  for (uint32_t core = 0; core < kQueues; ++core) {
    EXPECT_EQ(cores_[core]->counters(0).rx.read(), 2u);
    EXPECT_EQ(cores_[core]->counters(0).tx_media.read(), 2u);
  }
}

// A queue that keeps a thousand sent frames frees them all in one long turn.
TEST_P(QueuesTest, SentFramesAreGivenBackSoon) {
  constexpr unsigned kSent = 10 * kBurst;
  constexpr unsigned kKept = 4 * kBurst;
  sent_ = rte_pktmbuf_pool_create("sent", kSent, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  ASSERT_NE(sent_, nullptr);
  for (unsigned n = 0; n < kSent; ++n) {
    rte_mbuf* frame = rte_pktmbuf_alloc(sent_);
    ASSERT_NE(frame, nullptr);
    rte_pktmbuf_append(frame, 64);
    ASSERT_TRUE(
        within_seconds(5, [&] { return rte_eth_tx_burst(ours_->id(), 0, &frame, 1) == 1; }));
    ASSERT_TRUE(within_seconds(5, [&] { return heard(0) == 1; }));
  }
  EXPECT_LE(rte_mempool_in_use_count(sent_), kKept);
}

INSTANTIATE_TEST_SUITE_P(Drivers, QueuesTest, ::testing::Values("vhost", "virtio_user"));

TEST(Queues, MoreThanTheDeviceHasAreRefusedByName) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create("refused", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  PortRequest request;
  request.name = "r";
  request.driver = "af_packet";
  request.device = "lo";
  request.queues = 2;
  const auto port = EthernetPort::open(request, pool);
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().find("queues"), std::string::npos) << port.error();
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace holdfast::dataplane
