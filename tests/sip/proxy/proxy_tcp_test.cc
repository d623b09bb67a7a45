// SPDX-License-Identifier: Apache-2.0
// TCP: phones that are reached by the connection that they opened, a centre by ours, and
// connections that fail.
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

class TcpCentreTest : public ProxyTest {
 protected:
  std::vector<Upstream> upstreams() override {
    return {
        {"centre.example.com", {*IpAddress::parse(kCentre), tcp_centre.port()}, Transport::tcp, 0}};
  }
  // Accepts our connection and answers the first probes.
  void meet() {
    start();
    ASSERT_TRUE(tcp_centre.accept_one());
    for (int i = 0; i < 6; ++i) {
      settle();
      answer_tcp();
      loop.advance(1000);
    }
    answer_tcp();
    ASSERT_EQ(proxy->snapshot().health, HealthState::online);
  }
  Text answer_tcp() {
    settle();
    for (Text text = tcp_centre.next(); !text.empty(); text = tcp_centre.next()) {
      if (text.method() != "OPTIONS") return text;
      tcp_centre.write(reply(text, 200, "OK"));
      settle();
    }
    return {};
  }
  TestPeer tcp_centre{kCentre, true};
};

TEST_F(TcpCentreTest, OneConnectionCarriesAllAndIsUsedBothWays) {
  meet();
  EXPECT_EQ(counted("tcp_opened"), 1u);
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text invite = answer_tcp();
  ASSERT_EQ(invite.method(), "INVITE");
  EXPECT_TRUE(invite.one("Via").starts_with("SIP/2.0/TCP "));
  EXPECT_NE(invite.one("Record-Route").find(";transport=tcp;lr;hf="), std::string::npos);
  tcp_centre.write(reply(invite, 200, "OK", "callee",
                         "Contact: <sip:bob@" + tcp_centre.at() + ";transport=tcp>\r\n", kSdp));
  settle();
  const Text ok = take(alice);
  ASSERT_EQ(ok.status(), 200);
  to_lan(alice, by_caller("ACK", ok, alice, 1));
  EXPECT_EQ(answer_tcp().method(), "ACK");
  tcp_centre.write(by_callee("BYE", invite, "callee", tcp_centre, 1, "", "TCP"));
  settle();
  const Text bye = take(alice);
  ASSERT_EQ(bye.method(), "BYE");
  to_lan(alice, reply(bye, 200, "OK"));
  EXPECT_EQ(answer_tcp().status(), 200);
  EXPECT_EQ(counted("tcp_opened"), 1u);
  EXPECT_EQ(calls.last_end(), "callee_hung_up");
}

TEST_F(TcpCentreTest, AConnectionThatIsClosedIsEvidenceAndOpenedAgain) {
  meet();
  to_lan(alice, request("MESSAGE", "sip:bob@centre.example.com", alice));
  EXPECT_EQ(answer_tcp().method(), "MESSAGE");
  tcp_centre.hang_up();
  settle();
  EXPECT_EQ(counted("tcp_lost"), 1u);
  EXPECT_EQ(take(alice).status(), 500);
  EXPECT_EQ(proxy->snapshot().health, HealthState::suspect);
  loop.advance(1000);
  ASSERT_TRUE(tcp_centre.accept_one());
  answer_tcp();
  EXPECT_EQ(counted("tcp_opened"), 2u);
}

TEST_F(TcpCentreTest, ARefusedConnectionIsKnownAtOnce) {
  tcp_centre.stop_listening();
  start();
  loop.advance(2100);
  EXPECT_EQ(proxy->snapshot().health, HealthState::survival);
  EXPECT_GE(counted("tcp_connect_failed"), 3u);
}

TEST_F(ProxyTest, APhoneIsReachedByTheConnectionThatItRegisteredOn) {
  start();
  go_online();
  TestPeer phone(kBob, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write(
      with_body("REGISTER sip:centre.example.com SIP/2.0\r\n" +
                    fields({"Via: SIP/2.0/TCP " + phone.at() + ";branch=z9hG4bKreg",
                            "From: <sip:1002@centre.example.com>;tag=r",
                            "To: <sip:1002@centre.example.com>", "Call-ID: reg", "CSeq: 1 REGISTER",
                            "Contact: <sip:1002@10.9.8.7:5060;transport=tcp>", "Expires: 600"}),
                ""));
  settle();
  const Text at_centre = take(centre);
  ASSERT_EQ(at_centre.method(), "REGISTER");
  to_wan(centre, reply(at_centre, 200, "OK", "x", "Contact: " + at_centre.one("Contact") + "\r\n"));
  EXPECT_EQ(phone.next().status(), 200);
  // The Contact is an address behind a NAT: nobody could connect to it.
  to_wan(centre, request("INVITE", "sip:1002@10.9.8.7:5060;transport=tcp", centre, "", kSdp));
  const Text invite = phone.next();
  ASSERT_EQ(invite.method(), "INVITE");
  phone.write(
      reply(invite, 200, "OK", "p", "Contact: <sip:1002@10.9.8.7:5060;transport=tcp>\r\n", kSdp));
  settle();
  EXPECT_EQ(take(centre).status(), 100);
  const Text ok = take(centre);
  ASSERT_EQ(ok.status(), 200);
  to_wan(centre, by_caller("BYE", ok, centre, 2));
  EXPECT_EQ(phone.next().method(), "BYE");
  EXPECT_EQ(counted("tcp_opened"), 0u);

  // It comes back by another connection and says no more than that it lives.
  phone.hang_up();
  settle();
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write("\r\n\r\n");
  settle();
  char pong[2];
  ASSERT_EQ(recv(phone.fd(), pong, 2, MSG_DONTWAIT), 2);
  call_id = "call-2";
  branch = "b";
  to_wan(centre, request("INVITE", "sip:1002@10.9.8.7:5060;transport=tcp", centre, "", kSdp));
  EXPECT_EQ(phone.next().method(), "INVITE");
}

}  // namespace
}  // namespace holdfast::sip
