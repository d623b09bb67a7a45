// SPDX-License-Identifier: Apache-2.0
// Gateways that are reached by connections: by ours alone, opened anew, and what is said of those
// that are away.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class TcpGatewayTest : public ProxyTest {
 protected:
  ProxyConfig config() override {
    ProxyConfig c = ProxyTest::config();
    c.route.gateways = {
        {"pstn", {*IpAddress::parse(kGateway), trunk.port()}, Transport::tcp, "lan", {}}};
    return c;
  }
  // A call for help, as it comes to the gateway by the connection that stands, or by a new one.
  Text dial(bool by_new_connection = false) {
    branch += 'x';
    call_id += 'x';
    to_lan(alice, request("INVITE", "sip:911@centre.example.com", alice, "", kSdp));
    EXPECT_TRUE(!by_new_connection || trunk.accept_one());
    settle();
    return trunk.next();
  }
  void answer(const Text& invite, int status = 486) {
    trunk.write(reply(invite, status, "Answer", "g"));
    settle();
    if (status >= 300) {
      EXPECT_EQ(trunk.next().method(), "ACK");
    }
  }
  size_t lines(const std::string& text) const {
    return static_cast<size_t>(std::count_if(log.begin(), log.end(), [&](const auto& line) {
      return line.find(text) != std::string::npos;
    }));
  }
  std::string why() const { return proxy->snapshot().gateways.at(0).why; }

  TestPeer trunk{kGateway, true};
};

TEST_F(TcpGatewayTest, IsCalledByOurConnectionThoughItHasOneOfItsOwn) {
  start();
  TestPeer other(kGateway, true);
  other.connect_to(kLan, port("lan", Transport::tcp));
  settle();
  ASSERT_EQ(counted("tcp_accepted"), 1u);
  EXPECT_EQ(dial(true).method(), "INVITE");
  EXPECT_TRUE(other.next().empty());
  EXPECT_EQ(counted("tcp_opened"), 1u);
}

TEST_F(TcpGatewayTest, AConnectionThatHasDiedIsOpenedAnewOnce) {
  start();
  answer(dial(true));
  const Text first = dial();
  ASSERT_EQ(first.method(), "INVITE");
  trunk.hang_up();  // it has been started anew, and knows nothing of the connection
  settle();
  ASSERT_TRUE(trunk.accept_one());
  settle();
  const Text again = trunk.next();
  EXPECT_EQ(again.raw, first.raw);
  EXPECT_EQ(counted("sent_by_new_connection"), 1u);
  trunk.hang_up();
  settle();
  trunk.stop_listening();
  EXPECT_EQ(take(centre).method(), "INVITE");  // who is next
  EXPECT_EQ(counted("sent_by_new_connection"), 1u);
  EXPECT_EQ(why(), "a connection was refused, reset or could not be opened");
}

TEST_F(TcpGatewayTest, WhatWasGivenUpIsNotSentAnew) {
  start();
  answer(dial(true));
  ASSERT_EQ(dial().method(), "INVITE");
  loop.advance(3100);  // it is silent: the next one's turn
  ASSERT_EQ(take(centre).method(), "INVITE");
  trunk.hang_up();
  settle();
  EXPECT_EQ(counted("sent_by_new_connection"), 0u);
  EXPECT_EQ(counted("tcp_opened"), 1u);
}

TEST_F(TcpGatewayTest, ThatCannotBeReachedIsNamedUntilItAnswers) {
  start();
  EXPECT_EQ(why(), "");
  const Text invite = dial(true);
  loop.advance(1100);
  EXPECT_EQ(why(), "a request has had no answer of any kind for a second");
  EXPECT_EQ(lines("gateway pstn (tcp " + trunk.at() + ") cannot be reached: a request has had"),
            1u);
  dial();
  loop.advance(1100);
  EXPECT_EQ(lines("cannot be reached"), 1u);  // not with each call
  answer(invite, 180);
  EXPECT_EQ(why(), "");
  EXPECT_EQ(lines("gateway pstn (tcp " + trunk.at() + ") answers again"), 1u);
}

}  // namespace
}  // namespace holdfast::sip
