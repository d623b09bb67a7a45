// SPDX-License-Identifier: Apache-2.0
// The book of links by itself, and routing that asks it: who is let on, refused or sent elsewhere.
#include "sip/admission.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/sip/route_fixture.hh"

namespace holdfast::sip {
namespace {

constexpr LinkId kTrunk = 1;
constexpr media::MediaDemand kG729{24'000, 50};

CallUse use(LinkId caller, LinkId callee, media::MediaDemand demand = media::kUsualDemand) {
  CallUse out;
  out.links = {caller, callee};
  out.demands = {demand, demand};
  return out;
}

LinkLimits limits(uint32_t calls, uint32_t kbit = 0, uint32_t overhead = 0) {
  LinkLimits out;
  out.max_calls = calls;
  out.max_kbit = kbit;
  out.overhead_bytes = overhead;
  return out;
}

TEST(AdmissionBook, TheLastPlaceGoesToTheFirstWhoTakesIt) {
  AdmissionBook book({{"centre", limits(2)}, {"pstn", limits(0)}});
  book.hold(1, use(kNoLink, kCentreLink));
  EXPECT_EQ(book.full_link(2, use(kNoLink, kCentreLink)), kNoLink);
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink)), kNoLink);
  book.hold(2, use(kNoLink, kCentreLink));
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink)), kCentreLink);
  EXPECT_EQ(book.full_link(3, use(kCentreLink, kTrunk)), kCentreLink) << "inbound counts too";
  EXPECT_EQ(book.full_link(3, use(kNoLink, kTrunk)), kNoLink);
  EXPECT_EQ(book.full_link(2, use(kNoLink, kCentreLink)), kNoLink) << "it has its own place";
  EXPECT_EQ(book.full_link(2, use(kCentreLink, kCentreLink)), kCentreLink) << "not a second one";
  book.release(1);
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink)), kNoLink);
  book.release(1);
  EXPECT_EQ(book.links()[0].calls, 1u) << "what is gone goes once";
  EXPECT_EQ(book.links()[0].peak_calls, 2u);
}

TEST(AdmissionBook, AHairpinCountsTwice) {
  AdmissionBook book({{"centre", limits(3, 300)}});
  book.hold(1, use(kCentreLink, kCentreLink));
  EXPECT_EQ(book.links()[0].calls, 2u);
  EXPECT_EQ(book.links()[0].kbit, 160u);
  EXPECT_EQ(book.full_link(2, use(kCentreLink, kCentreLink)), kCentreLink);
  EXPECT_EQ(book.full_link(2, use(kNoLink, kCentreLink)), kNoLink);
}

TEST(AdmissionBook, BandwidthGrowsOnlyWhereThereIsRoom) {
  AdmissionBook book({{"centre", limits(0, 200, 18)}});
  book.hold(1, use(kNoLink, kCentreLink));
  EXPECT_EQ(book.links()[0].kbit, 88u);
  book.hold(2, use(kNoLink, kCentreLink, kG729));
  EXPECT_EQ(book.links()[0].kbit, 120u);
  EXPECT_EQ(book.full_link(2, use(kNoLink, kCentreLink)), kNoLink);         // 176
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink)), kCentreLink);     // 208
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink, kG729)), kNoLink);  // 152
  book.hold(3, use(kNoLink, kCentreLink));  // what cannot be refused
  EXPECT_EQ(book.links()[0].over, 1u);
  EXPECT_EQ(book.full_link(3, use(kNoLink, kCentreLink, kG729)), kNoLink) << "less always fits";
  book.hold(3, use(kNoLink, kCentreLink, kG729));
  EXPECT_EQ(book.links()[0].over, 1u);
  EXPECT_EQ(book.links()[0].peak_kbit, 208u);
}

TEST(AdmissionBook, WhateverHappensTheSumsAreThoseOfTheCalls) {
  std::mt19937 random(5);
  AdmissionBook book({{"centre", limits(5, 400)}, {"pstn", limits(3)}});
  std::map<uint64_t, CallUse> model;
  const auto any = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t key = any(12);
    const LinkId links[] = {kNoLink, kCentreLink, kTrunk};
    const CallUse wanted =
        use(links[any(3)], links[any(3)], any(2) == 0 ? kG729 : media::kUsualDemand);
    if (any(3) == 0) {
      book.release(key);
      model.erase(key);
    } else if (any(10) == 0 || book.full_link(key, wanted) == kNoLink) {
      book.hold(key, wanted);
      model[key] = wanted;
    }
    uint32_t calls[2] = {}, kbit[2] = {};
    for (const auto& [k, has] : model)
      for (const LinkId link : has.links)
        if (link != kNoLink) {
          ++calls[link];
          kbit[link] += media::kbit_of(has.demands[0], 0);
        }
    for (size_t link = 0; link < 2; ++link) {
      ASSERT_EQ(book.links()[link].calls, calls[link]) << step;
      ASSERT_EQ(book.links()[link].kbit, kbit[link]) << step;
    }
  }
  for (uint64_t key = 0; key < 12; ++key) book.release(key);
  EXPECT_EQ(book.links()[0].calls + book.links()[1].calls + book.links()[0].kbit, 0u);
  EXPECT_EQ(book.calls(), 0u);
}

// ---- routing --------------------------------------------------------------------------------

struct Row {
  const char* name;
  HealthState health;
  uint32_t on_centre, on_trunk;  // calls under way; each link has room for two
  WhenFull when_full;
  const char* uri;
  const char* source;
  const char* interface;
  const char* decision;
  const char* method = "INVITE";
};

constexpr auto kRefuse = WhenFull::refuse;
constexpr auto kOverflow = WhenFull::gateway;
constexpr auto kOnline = HealthState::online;
constexpr auto kSurvival = HealthState::survival;
constexpr char kOut[] = "sip:912125551000@centre.example.com";
using B = Branch;

TEST(Admission, ByWhatIsUnderWay) {
  const Row rows[] = {
      {"room", kOnline, 1, 2, kRefuse, kOut, B::kAlice, "lan", "to_centre"},
      {"one too many", kOnline, 2, 0, kRefuse, kOut, B::kAlice, "lan", "reply_no_bandwidth"},
      {"one too many, with a rule", kOnline, 2, 1, kOverflow, kOut, B::kAlice, "lan",
       "overflow_to_gateway"},
      {"and the trunk is full too", kOnline, 2, 2, kOverflow, kOut, B::kAlice, "lan",
       "reply_no_bandwidth"},
      {"no number for the gateway", kOnline, 2, 0, kOverflow, "sip:4711@centre.example.com",
       B::kAlice, "lan", "reply_no_bandwidth"},
      {"a phone that nobody knows", kOnline, 2, 0, kOverflow, kOut, B::kNew, "lan",
       "reply_no_bandwidth"},
      {"between two phones", kOnline, 2, 2, kRefuse, "sip:1002@centre.example.com", B::kAlice,
       "lan", "to_centre"},
      {"a call for help", kOnline, 2, 2, kRefuse, "sip:911@centre.example.com", B::kAlice, "lan",
       "emergency"},
      {"a call for help that the centre sends back", kOnline, 2, 2, kRefuse, "sip:911@198.18.2.2",
       B::kCentre, "wan", "to_gateway"},
      {"from the centre", kOnline, 1, 2, kRefuse, "sip:1001@198.18.1.21:5060", B::kCentre, "wan",
       "to_phone"},
      {"from the centre, too many", kOnline, 2, 0, kRefuse, "sip:1001@198.18.1.21:5060", B::kCentre,
       "wan", "reply_no_bandwidth"},
      {"from the centre, with a rule that is for phones", kOnline, 2, 0, kOverflow,
       "sip:1001@198.18.1.21:5060", B::kCentre, "wan", "reply_no_bandwidth"},
      {"from the centre to the gateway", kOnline, 1, 1, kRefuse, "sip:912125551000@198.18.1.9",
       B::kCentre, "wan", "to_gateway"},
      {"from the centre to a full trunk", kOnline, 1, 2, kRefuse, "sip:912125551000@198.18.1.9",
       B::kCentre, "wan", "reply_no_bandwidth"},
      {"from the centre to a full trunk, by us", kOnline, 1, 2, kRefuse,
       "sip:912125551000@198.18.2.2", B::kCentre, "wan", "reply_no_bandwidth"},
      {"without the centre", kSurvival, 2, 1, kRefuse, kOut, B::kAlice, "lan", "local_to_gateway"},
      {"without the centre, trunk full", kSurvival, 0, 2, kRefuse, kOut, B::kAlice, "lan",
       "reply_no_bandwidth"},
      {"without the centre, to a phone", kSurvival, 2, 2, kRefuse, "sip:1002@centre.example.com",
       B::kAlice, "lan", "local_to_phone"},
      {"from the gateway by the centre", kOnline, 1, 1, kRefuse, "sip:4711@198.18.1.2", B::kGateway,
       "lan", "to_centre"},
      {"from the gateway, which is full", kOnline, 0, 2, kRefuse, "sip:4711@198.18.1.2",
       B::kGateway, "lan", "reply_no_bandwidth"},
      {"from the gateway, the centre is full", kOnline, 2, 1, kOverflow, "sip:4711@198.18.1.2",
       B::kGateway, "lan", "reply_no_bandwidth"},
      {"from the gateway, without the centre", kSurvival, 2, 2, kRefuse,
       "sip:+12125551001@198.18.1.2", B::kGateway, "lan", "reply_no_bandwidth"},
      {"what is no call is not asked", kOnline, 2, 2, kRefuse, kOut, B::kAlice, "lan", "to_centre",
       "MESSAGE"},
      {"nor is a CANCEL", kOnline, 2, 2, kRefuse, kOut, B::kAlice, "lan", "to_centre", "CANCEL"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Branch branch;
    branch.config.centre_limits = limits(2);
    branch.config.centre_limits.when_full = row.when_full;
    branch.config.gateways[0].limits = limits(2);
    AdmissionBook book(links_of(branch.config));
    for (uint32_t i = 0; i < row.on_centre; ++i) book.hold(100 + i, use(kNoLink, kCentreLink));
    for (uint32_t i = 0; i < row.on_trunk; ++i) book.hold(200 + i, use(kTrunk, kNoLink));
    branch.state.admission = &book;
    branch.state.health = row.health;
    const Request r = request(row.method, row.uri, from(row.source, row.interface));
    EXPECT_EQ(branch.name(r), row.decision);
    const Decision decision = branch.decide(r);
    if (const auto* reply = std::get_if<Reply>(&decision)) {
      EXPECT_EQ(reply->code, 480);
      EXPECT_FALSE(reply->retry_after_s) << "the caller's server is not to think us dead";
      EXPECT_NE(reply->full_link, kNoLink);
    }
  }
}

TEST(Admission, MediaThatComesBackToUsTakesNothing) {
  Branch branch;
  branch.config.centre_limits = limits(1);
  AdmissionBook book(links_of(branch.config));
  book.hold(1, use(kNoLink, kCentreLink));
  branch.state.admission = &book;
  Request second = branch.invite("sip:1001@198.18.1.21:5060", B::kCentre, "wan");
  second.media.has_sdp = second.media.says_where = second.media.is_joined = true;
  EXPECT_EQ(branch.name(second), "to_phone");
}

TEST(Admission, TheOverflowTranslatesTheNumberAndSkipsFullTrunks) {
  Branch branch;
  branch.config.centre_limits = limits(1);
  branch.config.centre_limits.when_full = kOverflow;
  branch.config.gateways.push_back(
      {"second", *SocketAddress::parse("198.18.1.10:5060"), Transport::udp, "lan"});
  branch.config.gateways[0].limits = limits(1);
  AdmissionBook book(links_of(branch.config));
  book.hold(1, use(kNoLink, kCentreLink));
  branch.state.admission = &book;
  Forward both = branch.forwarded(branch.invite(kOut, B::kAlice));
  ASSERT_EQ(both.targets.size(), 2u);
  EXPECT_EQ(both.targets[0].request_uri.to_string(), "sip:12125551000@198.18.1.9:5060");
  EXPECT_EQ(both.overflowed_from, kCentreLink);
  book.hold(2, use(kNoLink, kTrunk));
  Forward one = branch.forwarded(branch.invite(kOut, B::kAlice));
  ASSERT_EQ(one.targets.size(), 1u);
  EXPECT_EQ(one.targets[0].hop.address.to_string(), "198.18.1.10:5060");
  // A call for help takes the first one all the same.
  const Forward help = branch.forwarded(branch.invite("sip:911@centre.example.com", B::kAlice));
  EXPECT_TRUE(help.exempt);
  EXPECT_EQ(help.targets[0].hop.address.to_string(), B::kGateway);
}

TEST(Admission, ByBandwidthACheaperCodecStillFits) {
  Branch branch;
  branch.config.centre_limits = limits(0, 110);
  AdmissionBook book(links_of(branch.config));
  book.hold(1, use(kNoLink, kCentreLink));
  branch.state.admission = &book;
  Request call = branch.invite(kOut, B::kAlice);
  EXPECT_EQ(branch.name(call), "reply_no_bandwidth");  // without SDP it is taken for G.711
  call.media.has_sdp = call.media.says_where = true;
  call.media.lines = {{kG729, true}};
  EXPECT_EQ(branch.name(call), "to_centre");
  call.media.lines = {{media::kUsualDemand, true}};
  EXPECT_EQ(branch.name(call), "reply_no_bandwidth");
}

TEST(Admission, TowardsTheCentreItIsSrtpAndTakesMore) {
  Branch branch;
  branch.config.centre_limits = limits(0, 85);
  AdmissionBook book(links_of(branch.config));
  branch.state.admission = &book;
  const Request call = branch.invite(kOut, B::kAlice);
  media::SrtpInterface& wan = branch.config.media.srtp["wan"];
  wan.policy = media::SrtpPolicy::require;
  EXPECT_EQ(branch.name(call), "to_centre") << "no keys without TLS";
  wan.without_tls = true;
  EXPECT_EQ(branch.name(call), "reply_no_bandwidth");
  wan.suites = {media::SrtpSuite::aes_cm_128_hmac_sha1_80};
  EXPECT_EQ(branch.name(call), "to_centre");
}

}  // namespace
}  // namespace holdfast::sip
