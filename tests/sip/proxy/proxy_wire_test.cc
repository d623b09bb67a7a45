// SPDX-License-Identifier: Apache-2.0
// What the network can throw at us: streams cut anywhere, bad and huge messages, unknown methods,
// answers nobody asked for, full tables; and IPv6.
#include <sys/resource.h>

#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

TEST_F(ProxyTest, ATcpStreamCutIntoBytesWorks) {
  start();
  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  const std::string two =
      "\r\n\r\n" + request("INVITE", "sip:bob@centre.example.com", phone, "", kSdp, 1, "TCP") +
      request("CANCEL", "sip:bob@centre.example.com", phone, "", "", 1, "TCP");
  for (const char byte : two) {
    phone.write({&byte, 1});
    settle();
  }
  char pong[2];
  ASSERT_EQ(recv(phone.fd(), pong, 2, MSG_DONTWAIT), 2);  // RFC 5626 section 4.4.1
  EXPECT_EQ(phone.next().status(), 100);
  EXPECT_EQ(phone.next().one("CSeq"), "1 CANCEL");
  EXPECT_EQ(phone.next().status(), 487);
  EXPECT_EQ(take(centre).method(), "INVITE");
  EXPECT_EQ(proxy->snapshot().tcp_connections, 1u);
}

TEST_F(ProxyTest, ManyMessagesInOneWriteWork) {
  start();
  go_online();
  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  std::string many;
  for (int i = 1; i <= 50; ++i)
    many += request("MESSAGE", "sip:bob@centre.example.com", phone, "", "hello", i, "TCP");
  phone.write(many);
  settle();
  for (int i = 1; i <= 50; ++i) {
    const Text message = take(centre);
    ASSERT_EQ(message.one("CSeq"), std::to_string(i) + " MESSAGE");
    to_wan(centre, reply(message, 200, "OK", "t"));
  }
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(phone.next().status(), 200);
  expect_nothing_left();
}

TEST_F(ProxyTest, BytesThatAreNoSipCloseTheConnection) {
  start();
  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write("OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n");
  settle();
  EXPECT_TRUE(phone.is_hung_up());
  EXPECT_EQ(dropped("bad_content_length"), 1u);
  EXPECT_EQ(counted("tcp_broken"), 1u);
}

TEST_F(ProxyTest, AMessageThatNeverEndsIsNotWaitedForForEver) {
  start();
  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write("OPTIONS sip:x SIP/2.0\r\nX: ");
  for (int i = 0; i < 40; ++i) {
    phone.write("y");  // a byte now and then
    loop.advance(1000);
  }
  EXPECT_TRUE(phone.is_hung_up());
  EXPECT_EQ(counted("tcp_stalled"), 1u);
}

TEST_F(ProxyTest, AnIdleConnectionIsClosed) {
  start();
  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  loop.advance(890000);
  EXPECT_FALSE(phone.is_hung_up());
  loop.advance(20000);
  EXPECT_TRUE(phone.is_hung_up());
  EXPECT_EQ(counted("tcp_idle"), 1u);
  EXPECT_EQ(proxy->snapshot().tcp_connections, 0u);
}

TEST_F(ProxyTest, MalformedRequestsAreAnsweredOrDroppedByName) {
  start();
  const std::string good = request("OPTIONS", "sip:bob@centre.example.com", alice);
  struct Row {
    const char* name;
    const char* from;
    const char* to;
    int status;  // 0: dropped in silence
  };
  const Row rows[] = {
      {"bad_cseq", "CSeq: 1 ", "CSeq: x ", 400},
      {"cseq_method", "1 OPTIONS", "1 INVITE", 400},
      {"bad_from", "From: <sip:", "From: <:", 400},
      {"bad_to", "To: <sip:", "To: <<", 400},
      {"bad_max_forwards", "Max-Forwards: 70", "Max-Forwards: 700", 400},
      {"missing_header", "Call-ID: call-1\r\n", "", 400},
      {"repeated_header", "Call-ID: ", "Call-ID: a\r\nCall-ID: ", 400},
      {"bad_request_uri", "OPTIONS sip:bob", "OPTIONS sip:@@", 400},
      {"bad_via", "SIP/2.0/UDP", "SIP/2.0", 0},
      {"wrong_version", "com SIP/2.0", "com SIP/3.0", 0},
      {"bad_start_line", "OPTIONS ", "OPTIONS", 0},
      {"bad_header_line", "Max-Forwards: 70", "Max-Forwards 70", 0},
      {"bad_content_length", "Content-Length: 0", "Content-Length: -5", 0},
      {"body_cut", "Content-Length: 0", "Content-Length: 500", 0},
      {"no_header_end", "\r\n\r\n", "\r\n", 0},
  };
  for (const Row& row : rows) {
    std::string bad = good;
    const size_t at = bad.find(row.from);
    ASSERT_NE(at, std::string::npos) << row.name;
    bad.replace(at, std::strlen(row.from), row.to);
    const uint64_t before = dropped(row.name);
    to_lan(alice, bad);
    EXPECT_EQ(take(alice).status(), row.status) << row.name;
    EXPECT_EQ(dropped(row.name), before + 1) << row.name;
    EXPECT_EQ(take(centre).method(), "") << row.name;
  }
}

TEST_F(ProxyTest, UnknownMethodsAndHugeMessagesPass) {
  start();
  go_online();
  const std::string body(60000, 'x');
  to_lan(alice, request("DANCE", "sip:bob@centre.example.com", alice, "", body));
  const Text dance = take(centre);
  EXPECT_EQ(dance.method(), "DANCE");
  EXPECT_EQ(dance.body(), body);
  to_wan(centre, reply(dance, 202, "Accepted", "t", "", body));
  const Text answer = take(alice);
  EXPECT_EQ(answer.status(), 202);
  EXPECT_EQ(answer.body(), body);

  TestPeer phone(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  phone.write(
      request("DANCE", "sip:bob@centre.example.com", phone, "", std::string(70000, 'x'), 2, "TCP"));
  settle();
  EXPECT_TRUE(phone.is_hung_up());
  EXPECT_EQ(dropped("message_too_long"), 1u);
}

TEST_F(ProxyTest, AnswersNobodyAskedForAreDroppedByName) {
  start();
  const std::string forged =
      "SIP/2.0 200 OK\r\n" +
      fields({"Via: SIP/2.0/UDP " + wan() + ";branch=z9hG4bKhf00000000000000000000000000000000",
              "Via: SIP/2.0/UDP " + alice.at() + ";branch=z9hG4bKx", "From: <sip:a@b>;tag=1",
              "To: <sip:a@b>;tag=2", "Call-ID: 1", "CSeq: 1 INVITE", "Content-Length: 0"}) +
      "\r\n";
  to_wan(centre, forged);
  expect_silence(alice);
  EXPECT_EQ(dropped("response_not_ours"), 1u);
  std::string alone = forged;
  alone.erase(alone.find("Via: SIP/2.0/UDP " + alice.at()),
              std::string("Via: SIP/2.0/UDP ;branch=z9hG4bKx\r\n").size() + alice.at().size());
  to_wan(centre, alone);
  EXPECT_EQ(dropped("response_to_us"), 1u);
}

TEST_F(ProxyTest, StrangersAreRefused) {
  start();
  TestPeer stranger{"127.0.9.9"};
  to_wan(stranger, request("INVITE", "sip:911@centre.example.com", stranger, "", kSdp));
  EXPECT_EQ(take(stranger).status(), 403);
  EXPECT_TRUE(calls.begins.empty());
  EXPECT_EQ(decided("reply_stranger_refused"), 1u);
}

TEST_F(ProxyTest, WhatBeginsIsShedWhileTheQueueIsLong) {
  start();
  go_online();
  const std::string body(30000, 'x');
  for (int i = 10; i < 510; ++i) {
    call_id = "m-" + std::to_string(i);
    alice.send(kLan, port("lan"),
               request("MESSAGE", "sip:bob@centre.example.com", alice, "", body, i));
  }
  settle();
  EXPECT_EQ(counted("udp_behind"), 1u);
  EXPECT_GT(decided("reply_overloaded"), 0u);
  const uint64_t passed = decided("to_centre");
  call_id = "later";
  to_lan(alice, request("MESSAGE", "sip:bob@centre.example.com", alice, "", body, 600));
  EXPECT_EQ(decided("to_centre"), passed + 1);
}

class SmallTest : public ProxyTest {
  ProxyConfig config() override {
    ProxyConfig c = ProxyTest::config();
    c.limits.max_transactions = 8;
    c.limits.max_calls = 4;
    c.limits.max_tcp_connections = 2;
    return c;
  }
};

TEST_F(SmallTest, FullTablesAreAnsweredAndCountedAndHelpIsNot) {
  start();
  go_online();
  for (int i = 1; i <= 20; ++i) {
    call_id = "call-" + std::to_string(i);
    to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp, i));
  }
  const ProxySnapshot s = proxy->snapshot();
  EXPECT_EQ(s.calls.size(), 4u);
  EXPECT_LE(s.transactions, 20u);
  EXPECT_EQ(decided("reply_overloaded"), 16u);
  EXPECT_GE(counted("transactions_full"), 1u);
  call_id = "help";
  to_lan(alice, request("INVITE", "sip:911@centre.example.com", alice, "", kSdp, 30));
  EXPECT_EQ(take(gateway).method(), "INVITE");
}

TEST_F(SmallTest, EvenCallsForHelpAreBounded) {
  start();
  for (int i = 1; i <= 100; ++i) {
    call_id = "help-" + std::to_string(i);
    to_lan(alice, request("INVITE", "sip:911@centre.example.com", alice, "", kSdp, i));
  }
  const ProxySnapshot s = proxy->snapshot();
  EXPECT_EQ(s.transactions, 16u);
  EXPECT_EQ(s.calls.size(), 8u);
  EXPECT_EQ(dropped("transactions_full"), 84u);
}

TEST_F(SmallTest, WhatOnlyAbsorbsGivesWay) {
  start();
  go_online();
  for (int i = 1; i <= 50; ++i) {
    call_id = "m-" + std::to_string(i);
    to_lan(alice, request("MESSAGE", "sip:bob@centre.example.com", alice, "", "", i));
    const Text message = take(centre);
    ASSERT_EQ(message.method(), "MESSAGE") << i;
    to_wan(centre, reply(message, 200, "OK", "t"));
    EXPECT_EQ(take(alice).status(), 200);
  }
  EXPECT_LE(proxy->snapshot().transactions, 9u);
  EXPECT_GE(counted("transaction_cut_short"), 40u);
}

TEST_F(SmallTest, ConnectionsAreBounded) {
  start();
  TestPeer one(kAlice, true), two(kAlice, true), three(kAlice, true);
  for (TestPeer* phone : {&one, &two, &three}) {
    phone->connect_to(kLan, port("lan", Transport::tcp));
    settle();
  }
  EXPECT_FALSE(two.is_hung_up());
  EXPECT_TRUE(three.is_hung_up());
  EXPECT_EQ(counted("tcp_refused_full"), 1u);
}

TEST_F(ProxyTest, WithoutADescriptorLeftConnectionsAreTurnedAway) {
  start();
  TestPeer phone(kAlice, true), next(kAlice, true);
  phone.connect_to(kLan, port("lan", Transport::tcp));
  next.connect_to(kLan, port("lan", Transport::tcp));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = dup(0);
  close(lowest);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  settle();  // ends, though nobody can be let in
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(phone.is_hung_up());
  EXPECT_TRUE(next.is_hung_up());
  EXPECT_EQ(counted("tcp_refused_full"), 2u);
  TestPeer last(kAlice, true);
  last.connect_to(kLan, port("lan", Transport::tcp));
  settle();
  EXPECT_FALSE(last.is_hung_up());
}

class Ipv6Test : public ProxyTest {
 protected:
  ProxyConfig config() override {
    ProxyConfig c = ProxyTest::config();
    c.route.listeners = {listener("lan", "::1", Transport::udp, true),
                         listener("wan", kWan, Transport::udp, false)};
    return c;
  }
};

TEST_F(Ipv6Test, APhoneOnIpv6CallsThroughAnIpv4Centre) {
  start();
  TestPeer phone{"::1"};
  phone.send("::1", port("lan"), request("INVITE", "sip:bob@centre.example.com", phone, "", kSdp));
  settle();
  EXPECT_EQ(take(phone).status(), 100);
  const Text invite = take(centre);
  ASSERT_EQ(invite.all("Record-Route").size(), 2u);
  EXPECT_TRUE(invite.all("Record-Route")[1].starts_with("<sip:[::1]:")) << invite.raw;
  to_wan(centre,
         reply(invite, 200, "OK", "callee", "Contact: <sip:bob@" + centre.at() + ">\r\n", kSdp));
  const Text ok = take(phone);
  ASSERT_EQ(ok.status(), 200);
  phone.send("::1", port("lan"), by_caller("BYE", ok, phone, 2));
  settle();
  EXPECT_EQ(take(centre).method(), "BYE");
}

TEST_F(ProxyTest, ATakenAddressIsNamed) {
  start();
  ProxyConfig c = config();
  c.route.listeners[0].address.port = port("lan");
  Proxy second(loop, std::move(c), nullptr, nullptr, {});
  const auto error = second.start();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->listener, "lan udp " + lan());
  EXPECT_EQ(error->text.find("Address already in use: another program has it"), 0U) << error->text;
}

TEST_F(ProxyTest, AnAddressOfNoInterfaceIsRefusedAndNothingStaysOpen) {
  ProxyConfig c = config();
  c.route.listeners[1].address.ip = *IpAddress::parse("0.0.0.0");
  Proxy other(loop, std::move(c), nullptr, nullptr, {});
  const auto error = other.start();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->listener, "lan tcp 0.0.0.0:0");
  loop.settle();
  EXPECT_EQ(loop.timers(), 0u);
}

TEST_F(ProxyTest, MessagesAreMarked) {
  start();
  const int on = 1;
  setsockopt(centre.fd(), IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kSdp));
  char data[65536];
  alignas(cmsghdr) char control[256];
  iovec part{data, sizeof data};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  int tos = -1;
  for (;;) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(centre.fd(), &header, MSG_DONTWAIT);
    if (got <= 0) break;
    if (std::string_view(data, static_cast<size_t>(got)).starts_with("INVITE"))
      for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) tos = *CMSG_DATA(c);
  }
  EXPECT_EQ(tos, 24 << 2);
}

}  // namespace
}  // namespace holdfast::sip
