// SPDX-License-Identifier: Apache-2.0
// The transactions' timers and states, in virtual time (RFC 3261 section 17, RFC 6026).
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sip/proxy/client_transaction.hh"
#include "sip/proxy/server_transaction.hh"
#include "tests/sip/virtual_loop.hh"

namespace holdfast::sip {
namespace {

struct Client {
  Client(ClientTransaction::Kind kind, bool reliable)
      : transaction(loop, TransactionTimers{}, kind, reliable,
                    {[this] { sent.push_back(loop.now_ms() - began); }, [this] { ++acks; },
                     [this] { timed_out_at = loop.now_ms() - began; },
                     [this] { ended_at = loop.now_ms() - began; }}) {
    transaction.start();
  }
  VirtualLoop loop;
  uint64_t began = loop.now_ms();
  std::vector<uint64_t> sent;
  int acks = 0;
  uint64_t timed_out_at = 0, ended_at = 0;
  ClientTransaction transaction;
};

constexpr auto kInvite = ClientTransaction::Kind::invite;
constexpr auto kOther = ClientTransaction::Kind::other;

TEST(ClientTransaction, AnInviteIsSentAgainByTimerAUntilTimerB) {
  Client c(kInvite, false);
  c.loop.advance(100000);
  EXPECT_EQ(c.sent, (std::vector<uint64_t>{0, 500, 1500, 3500, 7500, 15500, 31500}));
  EXPECT_EQ(c.timed_out_at, 32000u);
  EXPECT_EQ(c.ended_at, 32000u);
}

TEST(ClientTransaction, OtherRequestsAreSentAgainByTimerEUntilTimerF) {
  Client c(kOther, false);
  c.loop.advance(100000);
  EXPECT_EQ(c.sent, (std::vector<uint64_t>{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500,
                                           27500, 31500}));
  EXPECT_EQ(c.timed_out_at, 32000u);
}

TEST(ClientTransaction, AReliableTransportSendsOnce) {
  for (const auto kind : {kInvite, kOther}) {
    Client c(kind, true);
    c.loop.advance(100000);
    EXPECT_EQ(c.sent.size(), 1u);
    EXPECT_EQ(c.timed_out_at, 32000u);
  }
}

TEST(ClientTransaction, AProvisionalAnswerStopsAnInvite) {
  Client c(kInvite, false);
  EXPECT_TRUE(c.transaction.response(100));
  c.loop.advance(200000);
  EXPECT_EQ(c.sent.size(), 1u);
  EXPECT_EQ(c.timed_out_at, 0u);  // timer C is the proxy's
  EXPECT_TRUE(c.transaction.wants_final());
}

TEST(ClientTransaction, AProvisionalAnswerSlowsOthersDown) {
  Client c(kOther, false);
  c.loop.advance(600);
  EXPECT_TRUE(c.transaction.response(100));
  c.loop.advance(100000);
  EXPECT_EQ(c.sent,
            (std::vector<uint64_t>{0, 500, 1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500}));
  EXPECT_EQ(c.timed_out_at, 32000u);
}

TEST(ClientTransaction, AFinalAnswerIsAckedEachTimeAndToldOnce) {
  Client c(kInvite, false);
  EXPECT_TRUE(c.transaction.response(180));
  EXPECT_TRUE(c.transaction.response(486));
  EXPECT_EQ(c.acks, 1);
  EXPECT_FALSE(c.transaction.response(486));
  EXPECT_EQ(c.acks, 2);
  EXPECT_FALSE(c.transaction.response(180));
  c.loop.advance(31999);
  EXPECT_FALSE(c.transaction.is_over());
  c.loop.advance(1);  // D
  EXPECT_TRUE(c.transaction.is_over());
  EXPECT_FALSE(c.transaction.response(486));
  EXPECT_EQ(c.acks, 2);
}

TEST(ClientTransaction, EveryTwoHundredOfAnInviteIsTold) {  // RFC 6026 section 7.2
  Client c(kInvite, true);
  EXPECT_TRUE(c.transaction.response(200));
  c.loop.advance(10000);
  EXPECT_TRUE(c.transaction.response(200));
  EXPECT_FALSE(c.transaction.response(487));
  EXPECT_EQ(c.acks, 0);
  c.loop.advance(22000);  // M
  EXPECT_TRUE(c.transaction.is_over());
}

TEST(ClientTransaction, OthersAreOverAfterTimerK) {
  Client udp(kOther, false);
  EXPECT_TRUE(udp.transaction.response(200));
  EXPECT_FALSE(udp.transaction.response(200));
  udp.loop.advance(4999);
  EXPECT_FALSE(udp.transaction.is_over());
  udp.loop.advance(1);
  EXPECT_TRUE(udp.transaction.is_over());
  Client tcp(kOther, true);
  EXPECT_TRUE(tcp.transaction.response(200));
  tcp.loop.advance(0);
  EXPECT_TRUE(tcp.transaction.is_over());
}

TEST(ClientTransaction, WhatIsGivenUpIsNotSentAgainButStillHeard) {
  Client c(kInvite, false);
  c.transaction.stop_retransmitting();
  c.loop.advance(20000);
  EXPECT_EQ(c.sent.size(), 1u);
  EXPECT_TRUE(c.transaction.response(200));
}

TEST(ClientTransaction, AnAbortEndsItInATurnOfItsOwn) {
  Client c(kInvite, false);
  c.transaction.abort();
  EXPECT_TRUE(c.transaction.is_over());
  EXPECT_FALSE(c.transaction.response(200));
  c.loop.advance(100000);
  EXPECT_EQ(c.timed_out_at, 0u);
  EXPECT_EQ(c.sent.size(), 1u);
  EXPECT_EQ(c.loop.timers(), 0u);
}

struct ServerSide {
  ServerSide(ServerTransaction::Kind kind, bool reliable)
      : transaction(loop, TransactionTimers{}, kind, reliable,
                    {[this](const std::string& bytes) {
                       sent.push_back(bytes + '@' + std::to_string(loop.now_ms() - began));
                     },
                     [this] { ended_at = loop.now_ms() - began; }}) {}
  VirtualLoop loop;
  uint64_t began = loop.now_ms();
  std::vector<std::string> sent;
  uint64_t ended_at = 0;
  ServerTransaction transaction;
};

constexpr auto kServeInvite = ServerTransaction::Kind::invite;
constexpr auto kServeOther = ServerTransaction::Kind::other;

TEST(ServerTransaction, TheLastWordIsSaidAgain) {
  ServerSide s(kServeInvite, false);
  s.transaction.retransmission();  // nothing said yet
  EXPECT_TRUE(s.transaction.respond(100, "a"));
  EXPECT_TRUE(s.transaction.respond(180, "b"));
  s.transaction.retransmission();
  EXPECT_EQ(s.sent, (std::vector<std::string>{"a@0", "b@0", "b@0"}));
}

TEST(ServerTransaction, AFinalAnswerIsSentByTimerGUntilItsAck) {
  ServerSide s(kServeInvite, false);
  EXPECT_TRUE(s.transaction.respond(486, "x"));
  s.loop.advance(4000);
  EXPECT_EQ(s.sent, (std::vector<std::string>{"x@0", "x@500", "x@1500", "x@3500"}));
  EXPECT_TRUE(s.transaction.ack());
  EXPECT_TRUE(s.transaction.ack());
  s.loop.advance(4999);
  EXPECT_FALSE(s.transaction.is_over());
  s.loop.advance(1);  // I
  EXPECT_TRUE(s.transaction.is_over());
  EXPECT_EQ(s.sent.size(), 4u);
}

TEST(ServerTransaction, WithoutAnAckTimerHEndsIt) {
  ServerSide s(kServeInvite, false);
  s.transaction.respond(486, "x");
  s.loop.advance(100000);
  EXPECT_EQ(s.ended_at, 32000u);
  EXPECT_EQ(s.sent.back(), "x@31500");
}

TEST(ServerTransaction, A2xxLeavesItOpenForMoreOfThem) {  // RFC 6026 section 7.1
  ServerSide s(kServeInvite, false);
  EXPECT_TRUE(s.transaction.respond(200, "a"));
  s.transaction.retransmission();  // absorbed: the callee sends it again
  EXPECT_FALSE(s.transaction.ack());
  EXPECT_TRUE(s.transaction.respond(200, "b"));
  EXPECT_FALSE(s.transaction.respond(180, "c"));
  EXPECT_FALSE(s.transaction.respond(487, "d"));
  EXPECT_EQ(s.sent, (std::vector<std::string>{"a@0", "b@0"}));
  EXPECT_FALSE(s.transaction.is_closed());
  s.loop.advance(32000);
  EXPECT_TRUE(s.transaction.is_over());
}

TEST(ServerTransaction, OthersAbsorbUntilTimerJ) {
  ServerSide s(kServeOther, false);
  EXPECT_TRUE(s.transaction.respond(200, "a"));
  s.transaction.retransmission();
  EXPECT_FALSE(s.transaction.respond(200, "b"));
  EXPECT_EQ(s.sent, (std::vector<std::string>{"a@0", "a@0"}));
  s.loop.advance(32000);
  EXPECT_EQ(s.ended_at, 32000u);
  ServerSide tcp(kServeOther, true);
  tcp.transaction.respond(200, "a");
  tcp.loop.advance(0);
  EXPECT_TRUE(tcp.transaction.is_over());
}

TEST(ServerTransaction, SilenceIsAnAnswerToo) {  // RFC 4320 section 4.1
  ServerSide s(kServeOther, false);
  s.transaction.abandon();
  s.transaction.retransmission();
  EXPECT_FALSE(s.transaction.respond(200, "late"));
  EXPECT_TRUE(s.sent.empty());
  s.loop.advance(32000);
  EXPECT_TRUE(s.transaction.is_over());
}

}  // namespace
}  // namespace holdfast::sip
