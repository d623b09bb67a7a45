// SPDX-License-Identifier: Apache-2.0
// The proxy as the daemon runs it: on a loop of its own thread, asked by another.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "sip/proxy/proxy.hh"
#include "sip/transport/sofia_loop.hh"
#include "tests/sip/proxy/test_peer.hh"

namespace holdfast::sip {
namespace {

TEST(ProxyThread, RunsOnItsLoopAndAnswersOthers) {
  std::promise<std::pair<SofiaLoop*, uint16_t>> ready;
  Proxy* proxy = nullptr;
  std::thread thread([&] {
    const auto loop = SofiaLoop::make();
    ProxyConfig config(*DialPlan::make({}));
    config.route.listeners = {{"lan", {*IpAddress::parse("127.0.1.1"), 0}, Transport::udp, true}};
    Proxy mine(*loop, std::move(config), nullptr, nullptr, {});
    ASSERT_FALSE(mine.start());
    proxy = &mine;
    ready.set_value({loop.get(), mine.listeners()[0].address.port});
    loop->run();
  });
  const auto [loop, port] = ready.get_future().get();
  TestPeer phone("127.0.1.21");
  phone.send("127.0.1.1", port,
             "OPTIONS sip:127.0.1.1:" + std::to_string(port) + " SIP/2.0\r\nVia: SIP/2.0/UDP " +
                 phone.at() +
                 ";branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:127.0.1.1>\r\n"
                 "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
  pollfd fd{phone.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&fd, 1, 10000), 1);
  const Text answer = phone.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.one("Server"), "Holdfast");

  std::promise<ProxySnapshot> asked;
  ASSERT_TRUE(loop->post([&] { asked.set_value(proxy->snapshot()); }));
  const ProxySnapshot snapshot = asked.get_future().get();
  EXPECT_EQ(snapshot.decisions.at("reply_options_answered"), 1u);
  EXPECT_EQ(snapshot.health, HealthState::survival);  // no centre is known
  loop->stop();
  thread.join();
}

}  // namespace
}  // namespace holdfast::sip
