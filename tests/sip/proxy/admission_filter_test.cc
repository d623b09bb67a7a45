// SPDX-License-Identifier: Apache-2.0
// What the messages of calls enter into the book of links: offers, answers, forks, re-INVITEs,
// ends.
#include "sip/proxy/admission_filter.hh"

#include <gtest/gtest.h>

#include "sip/proxy/live_call.hh"

namespace holdfast::sip {
namespace {

using media::Side;

constexpr char kOurs[] = "198.18.2.2", kPhone[] = "198.18.1.21", kServer[] = "198.18.3.10";
constexpr LinkId kTrunk = 1;

std::string sdp(const std::string& address, const std::string& formats = "0") {
  return "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
         "\r\nt=0 0\r\nm=audio 4000 RTP/AVP " + formats + "\r\n";
}

struct Inner : MediaFilter {
  uint16_t refuse_with = 0;
  int asked = 0, ended = 0;
  void message(const MediaMessage&, std::function<void(MediaVerdict)> done) override {
    ++asked;
    MediaVerdict verdict;
    if (refuse_with != 0) verdict = {MediaVerdict::Kind::refuse, {}, refuse_with, "oa_glare"};
    done(verdict);
  }
  void dialog_ended(uint64_t, const std::string&, const std::string&) override {}
  void call_ended(uint64_t, std::function<void(std::vector<control::CallReport>)> done) override {
    ++ended;
    done({});
  }
  void on_silence(std::function<void(uint64_t)>) override {}
  void on_one_way(OneWay) override {}
  void on_unanchored(std::function<void(uint64_t)>) override {}
};

class AdmissionFilterTest : public testing::Test {
 protected:
  AdmissionFilterTest() {
    rules.addresses = {*IpAddress::parse(kOurs)};
    make({});
  }
  void make(LinkLimits centre, LinkLimits trunk = {}) {
    book = std::make_unique<AdmissionBook>(
        std::vector<AdmissionBook::Link>{{"centre", centre}, {"pstn", trunk}});
    filter = std::make_unique<AdmissionFilter>(*book, rules, &inner, [](const Origin& there) {
      return there.interface == "wan" ? kCentreLink : there.interface == "trunk" ? kTrunk : kNoLink;
    });
  }
  static LinkLimits limits(uint32_t calls, uint32_t kbit = 0) {
    LinkLimits out;
    out.max_calls = calls;
    out.max_kbit = kbit;
    return out;
  }
  static Origin at(const std::string& interface) {
    Origin origin;
    origin.interface = interface;
    origin.transport = Transport::tls;
    return origin;
  }
  void begin(uint64_t key, bool stays_local = false, bool exempt = false) {
    Forward forward;
    forward.targets.emplace_back();
    forward.targets.front().hop.interface = "trunk";
    forward.stays_local = stays_local;
    forward.exempt = exempt;
    filter->begin(key, forward);
  }
  uint16_t pass(const MediaMessage& message) {
    uint16_t refused = 0;
    filter->message(message, [&](const MediaVerdict& verdict) {
      if (verdict.kind == MediaVerdict::Kind::refuse) refused = verdict.status;
    });
    return refused;
  }
  MediaMessage message(uint64_t key, const std::string& body, int status) {
    MediaMessage m;
    m.call_key = key;
    m.status = status;
    m.body = body;
    if (!body.empty()) m.content_type = "application/sdp";
    m.sender = status == 0 ? Side::caller : Side::callee;
    return m;
  }
  // The first INVITE on its way, from one side to the other.
  uint16_t invite(uint64_t key, const std::string& from, const std::string& to,
                  const std::string& body = sdp(kPhone)) {
    MediaMessage m = message(key, body, 0);
    m.branch = "b";
    m.from = at(from);
    m.to = at(to);
    return pass(m);
  }
  uint16_t answer(uint64_t key, int status, const std::string& body,
                  const std::string& from = "wan", const std::string& tag = "t") {
    MediaMessage m = message(key, body, status);
    m.branch = "b";
    m.callee_tag = tag;
    m.from = at(from);
    m.to = at("lan");
    return pass(m);
  }
  uint16_t inside(uint64_t key, Side sender, const std::string& body, int status = 0,
                  Method method = Method::invite) {
    MediaMessage m = message(key, body, status);
    m.sender = sender;
    m.callee_tag = "t";
    m.method = method;
    m.from = at(sender == Side::caller ? "lan" : "wan");
    m.to = at(sender == Side::caller ? "wan" : "lan");
    return pass(m);
  }
  void end(uint64_t key) {
    filter->call_ended(key, [](const auto&) {});
  }
  std::string centre() const {
    return std::to_string(book->links()[0].calls) + '/' + std::to_string(book->links()[0].kbit);
  }
  uint64_t refused() const { return book->links()[0].refused; }

  MediaRules rules;
  Inner inner;
  std::unique_ptr<AdmissionBook> book;
  std::unique_ptr<AdmissionFilter> filter;
};

TEST_F(AdmissionFilterTest, ACallHoldsItsLinkFromInviteToEnd) {
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan", sdp(kPhone, "0 18")), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(answer(1, 200, sdp(kServer, "18")), 0);
  EXPECT_EQ(centre(), "1/24");
  end(1);
  EXPECT_EQ(centre(), "0/0");
  EXPECT_EQ(inner.ended, 1);
}

TEST_F(AdmissionFilterTest, TwoAtOnceForTheLastPlace) {
  make(limits(1));
  begin(1);
  begin(2);  // routing has let both on
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(invite(2, "lan", "wan"), 480);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(refused(), 1u);
  end(2);
  end(1);
  EXPECT_EQ(centre(), "0/0");
}

TEST_F(AdmissionFilterTest, BetweenPhonesNothingIsHeld) {
  make(limits(1));
  begin(9);
  EXPECT_EQ(invite(9, "lan", "wan"), 0);  // another has the only place
  begin(1, true);
  begin(2);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(invite(2, "wan", "lan", sdp(kOurs)), 0);  // the centre sends it back to us
  EXPECT_EQ(answer(2, 200, sdp("198.18.1.22"), "lan"), 0);
  EXPECT_EQ(answer(1, 200, sdp(kOurs)), 0);
  EXPECT_EQ(centre(), "1/80");
  // On hold by an address of nobody it stays what it was.
  EXPECT_EQ(inside(1, Side::callee, sdp("0.0.0.0")), 0);
  EXPECT_EQ(centre(), "1/80");
  for (const uint64_t key : {1U, 2U, 9U}) end(key);
  EXPECT_EQ(centre(), "0/0");
}

TEST_F(AdmissionFilterTest, WhoWasTakenForAPhoneOfOursAndIsNot) {
  make(limits(1));
  begin(1, true);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(answer(1, 183, sdp(kServer)), 0);  // a voice mailbox
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(answer(1, 200, ""), 0);
  EXPECT_EQ(centre(), "1/80");
  begin(2, true);
  EXPECT_EQ(invite(2, "lan", "wan"), 0);
  EXPECT_EQ(answer(2, 183, sdp(kServer)), 480);
  EXPECT_EQ(answer(2, 200, sdp(kServer)), 480);
  EXPECT_EQ(refused(), 1u) << "one call is refused once";
  end(2);
  EXPECT_EQ(centre(), "1/80");
}

TEST_F(AdmissionFilterTest, WhoWasTakenForSomebodyElseAndIsAPhoneOfOurs) {
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(answer(1, 180, ""), 0);
  EXPECT_EQ(answer(1, 183, sdp(kOurs)), 0);
  EXPECT_EQ(centre(), "1/80") << "another fork may yet answer";
  EXPECT_EQ(answer(1, 200, ""), 0);
  EXPECT_EQ(centre(), "0/0");
  end(1);
}

TEST_F(AdmissionFilterTest, AHairpinIsTwoPassagesOfOnePlaceEach) {
  make(limits(2));
  begin(1, true);
  begin(2);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(invite(2, "wan", "lan", sdp(kServer)), 0);  // the centre anchors media itself
  EXPECT_EQ(answer(2, 200, sdp(kPhone), "lan"), 0);
  EXPECT_EQ(answer(1, 200, sdp(kServer)), 0);
  EXPECT_EQ(centre(), "2/160");
  end(1);
  end(2);
  EXPECT_EQ(centre(), "0/0");
}

TEST_F(AdmissionFilterTest, FromTheCentreToTheGatewayBothCount) {
  make(limits(1), limits(1));
  begin(1);
  EXPECT_EQ(invite(1, "wan", "trunk", sdp(kServer)), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(book->links()[1].calls, 1u);
  begin(2);
  EXPECT_EQ(invite(2, "lan", "trunk"), 480);
  EXPECT_EQ(book->links()[1].refused, 1u);
  begin(3, false, true);  // for help
  EXPECT_EQ(invite(3, "lan", "trunk"), 0);
  EXPECT_EQ(book->links()[1].calls, 2u);
  EXPECT_EQ(book->links()[1].exempt, 1u);
  EXPECT_EQ(book->links()[1].over, 1u);
}

TEST_F(AdmissionFilterTest, AfterTheCentresDeathTheNextGroupHoldsAnotherLink) {
  make(limits(1), limits(1));
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(answer(1, 408, ""), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(invite(1, "lan", "trunk"), 0);
  EXPECT_EQ(centre(), "0/0");
  EXPECT_EQ(book->links()[1].calls, 1u);
  // The next one finds the trunk taken, which was free when it was routed.
  begin(2);
  EXPECT_EQ(invite(2, "lan", "wan"), 0);
  EXPECT_EQ(invite(2, "lan", "trunk"), 480);
  end(2);
  EXPECT_EQ(centre(), "0/0");
}

TEST_F(AdmissionFilterTest, AfterAChallengeItIsTheSameCall) {
  make(limits(1));
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(answer(1, 407, ""), 0);
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(centre(), "1/80");
  end(1);
  EXPECT_EQ(centre(), "0/0");
}

TEST_F(AdmissionFilterTest, ReInvitesUpAndDown) {
  make(limits(0, 100));
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan", sdp(kPhone, "18")), 0);
  EXPECT_EQ(answer(1, 200, sdp(kServer, "18")), 0);
  EXPECT_EQ(centre(), "1/24");
  // Up, and back because it was refused there.
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "0")), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(inside(1, Side::callee, "", 488), 0);
  EXPECT_EQ(centre(), "1/24");
  // Up, and back because the anchoring refuses it.
  inner.refuse_with = 491;
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "0")), 491);
  EXPECT_EQ(centre(), "1/24");
  inner.refuse_with = 0;
  // Up, then down again in an UPDATE: the offer alone gives nothing back.
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "0")), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer, "0"), 200), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer, "18"), 0, Method::update), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "18"), 200, Method::update), 0);
  EXPECT_EQ(centre(), "1/24");
  // Another call takes what is left.
  begin(2);
  EXPECT_EQ(invite(2, "lan", "wan", sdp(kPhone, "18")), 0);
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "0")), 488);
  EXPECT_EQ(refused(), 1u);
  EXPECT_EQ(centre(), "2/48") << "the session goes on as it was";
  // Hold and back take what they had.
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "18") + "a=sendonly\r\n"), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer, "18") + "a=recvonly\r\n", 200), 0);
  EXPECT_EQ(centre(), "2/48");
}

TEST_F(AdmissionFilterTest, MovedAwayFromTheBranchItNeedsThePlace) {
  make(limits(1));
  begin(1, true);
  EXPECT_EQ(invite(1, "lan", "wan"), 0);
  EXPECT_EQ(answer(1, 200, sdp(kOurs)), 0);
  EXPECT_EQ(centre(), "0/0");
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer)), 0);  // music of the centre
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone), 200), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kOurs)), 0);
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone), 200), 0);
  EXPECT_EQ(centre(), "0/0");
  begin(2);
  EXPECT_EQ(invite(2, "lan", "wan"), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer)), 488);
}

TEST_F(AdmissionFilterTest, ALateOfferCountsAsUsualUntilItIsKnown) {
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan", ""), 0);
  EXPECT_EQ(centre(), "1/80");
  EXPECT_EQ(answer(1, 200, sdp(kServer, "18")), 0);
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "18"), 0, Method::ack), 0);
  EXPECT_EQ(centre(), "1/24");
}

TEST_F(AdmissionFilterTest, WhatNeverBeganHoldsNothing) {
  EXPECT_EQ(invite(7, "lan", "wan"), 0);
  EXPECT_EQ(inside(7, Side::caller, sdp(kPhone)), 0);
  EXPECT_EQ(centre(), "0/0");
  EXPECT_EQ(inner.asked, 2);
}

std::string crypto(const std::string& suite, const std::string& more = "") {
  const bool gcm = suite.starts_with("AEAD");
  const int tag = gcm ? 3 : suite.ends_with("32") ? 2 : 1;
  return "a=crypto:" + std::to_string(tag) + " " + suite + " inline:" +
         (gcm ? "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
              : "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj") +
         more + "\r\n";
}
const std::string k80 = crypto("AES_CM_128_HMAC_SHA1_80"), k32 = crypto("AES_CM_128_HMAC_SHA1_32"),
                  kGcm = crypto("AEAD_AES_128_GCM");
// G.711 in kbit/s: 80 plain, 84 with 10 bytes behind each packet, 82 with 4, 87 with 16.

TEST_F(AdmissionFilterTest, EachLinkIsCountedByTheSrtpThatGoesOverIt) {
  using media::SrtpPolicy;
  struct Row {
    const char* name;
    SrtpPolicy near, far;
    std::string offer, answer;
    const char* offered;  // "centre/trunk", kbit
    const char* answered;
  };
  const SrtpPolicy forbid = SrtpPolicy::forbid, offer = SrtpPolicy::offer,
                   require = SrtpPolicy::require, through = SrtpPolicy::pass_through;
  const Row rows[] = {
      {"RTP leaves as SRTP", forbid, require, "", k80, "80/87", "80/84"},
      {"SRTP leaves as RTP", require, forbid, k80, "", "84/80", "84/80"},
      {"another suite", require, require, k32, kGcm, "82/87", "82/87"},
      {"with an MKI", forbid, require, "", crypto("AES_CM_128_HMAC_SHA1_80", "|2^31|1:4"), "80/87",
       "80/86"},
      {"offered and not taken", offer, offer, "", "", "80/87", "80/80"},
      {"taken", offer, offer, k80, k32, "84/87", "84/82"},
      {"of several the one that we take", offer, forbid, k32 + kGcm, "", "87/80", "87/80"},
      {"passed through", through, through, k32 + kGcm, k32, "87/87", "82/82"},
      {"plain through and through", through, through, "", "", "80/80", "80/80"},
      {"passed through to none", through, forbid, k80, "", "84/80", "84/80"},
  };
  rules.srtp["wan"].suites = {media::SrtpSuite::aead_aes_128_gcm,
                              media::SrtpSuite::aes_cm_128_hmac_sha1_80,
                              media::SrtpSuite::aes_cm_128_hmac_sha1_32};
  rules.srtp["trunk"] = rules.srtp["wan"];
  const auto held = [&] {
    return std::to_string(book->links()[0].kbit) + '/' + std::to_string(book->links()[1].kbit);
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    rules.srtp["wan"].policy = row.near;
    rules.srtp["trunk"].policy = row.far;
    begin(1);
    EXPECT_EQ(invite(1, "wan", "trunk", sdp(kServer) + row.offer), 0);
    EXPECT_EQ(held(), row.offered);
    MediaMessage reply = message(1, sdp(kPhone) + row.answer, 200);
    reply.branch = "b";
    reply.callee_tag = "t";
    reply.from = at("trunk");
    reply.to = at("wan");
    EXPECT_EQ(pass(reply), 0);
    EXPECT_EQ(held(), row.answered);
    end(1);
  }
}

TEST_F(AdmissionFilterTest, KeysThatMayNotBeToldAddNothing) {
  rules.srtp["wan"].policy = media::SrtpPolicy::offer;
  begin(1);
  MediaMessage m = message(1, sdp(kPhone), 0);
  m.branch = "b";
  m.from = at("lan");
  m.to = at("wan");
  m.to.transport = Transport::udp;
  EXPECT_EQ(pass(m), 0);
  EXPECT_EQ(centre(), "1/80");
  rules.srtp["wan"].without_tls = true;
  EXPECT_EQ(pass(m), 0);
  EXPECT_EQ(centre(), "1/87");
}

TEST_F(AdmissionFilterTest, AHoldWithSrtpAsksForNothing) {
  for (const media::SrtpPolicy lan : {media::SrtpPolicy::forbid, media::SrtpPolicy::pass_through}) {
    SCOPED_TRACE(static_cast<int>(lan));
    const bool ours = lan == media::SrtpPolicy::forbid;
    rules.srtp["lan"].policy = lan;
    rules.srtp["wan"].policy = ours ? media::SrtpPolicy::require : lan;
    make(limits(0, 170));
    const std::string offer = sdp(kPhone) + (ours ? "" : k80 + kGcm);
    begin(1);
    EXPECT_EQ(invite(1, "lan", "wan", offer), 0);
    EXPECT_EQ(answer(1, 200, sdp(kServer) + k80), 0);
    EXPECT_EQ(centre(), "1/84");
    CallUse rest;  // all that is left
    rest.links = {kNoLink, kCentreLink};
    rest.demands[1] = {86'000, 50};
    book->hold(99, rest);
    EXPECT_EQ(inside(1, Side::caller, offer + "a=sendonly\r\n"), 0);
    EXPECT_EQ(centre(), "2/170");
    EXPECT_EQ(inside(1, Side::callee, sdp(kServer) + k80, 200), 0);
    EXPECT_EQ(centre(), "2/170");
    EXPECT_EQ(inside(1, Side::callee, sdp(kServer) + kGcm), 488) << "another suite is more";
    EXPECT_EQ(inside(1, Side::callee, sdp(kServer) + k32), 0);
    EXPECT_EQ(inside(1, Side::caller, sdp(kPhone) + (ours ? "" : k32), 200), 0);
    EXPECT_EQ(centre(), "2/168");
    end(1);
  }
}

TEST_F(AdmissionFilterTest, ALateOfferHasSrtpToo) {
  rules.srtp["wan"].policy = media::SrtpPolicy::require;
  rules.srtp["lan"].policy = media::SrtpPolicy::forbid;
  begin(1);
  EXPECT_EQ(invite(1, "lan", "wan", ""), 0);
  EXPECT_EQ(centre(), "1/87");
  EXPECT_EQ(answer(1, 200, sdp(kServer) + k80), 0);
  EXPECT_EQ(centre(), "1/84");
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone), 0, Method::ack), 0);
  EXPECT_EQ(centre(), "1/84");
}

TEST_F(AdmissionFilterTest, CallsFromBeforeARestartAreHeldAndGivenBack) {
  make(limits(2));
  RouteConfig config;
  config.centre_interface = "wan";
  config.media.addresses = rules.addresses;
  config.gateways = {{"pstn", *SocketAddress::parse("198.18.1.9:5060"), Transport::udp, "lan"}};
  const std::vector<IpAddress> phones{*IpAddress::parse(kPhone)};
  const auto call = [](uint64_t key, const char* near, const char* wan, const char* far) {
    LiveCall live;
    live.call_key = key;
    LiveCall::Stream stream;
    stream.media = "audio";
    stream.ends[0] = {near, *IpAddress::parse(kPhone)};
    stream.ends[1] = {wan, *IpAddress::parse(far)};
    live.streams.push_back(stream);
    return live;
  };
  LiveCall secure = call(6, "lan", "wan", kServer);
  secure.streams[0].ends[1].srtp_trailer_bytes = 16;
  EXPECT_EQ(media::kbit_of(use_of_listed(secure, config, {}, phones).demands[0], 0), 80u);
  EXPECT_EQ(media::kbit_of(use_of_listed(secure, config, {}, phones).demands[1], 0), 87u);
  const LiveCall all[] = {call(1, "lan", "wan", kServer), call(2, "lan", "wan", kOurs),
                          call(3, "lan", "lan", "198.18.1.9"), call(4, "wan", "wan", kServer)};
  for (const LiveCall& live : all)
    filter->adopt(live.call_key, use_of_listed(live, config, {}, phones));
  EXPECT_EQ(centre(), "2/160");  // the first, and one-armed the last
  EXPECT_EQ(book->links()[1].calls, 1u);
  begin(5);
  EXPECT_EQ(invite(5, "lan", "wan"), 480);
  end(5);
  // Its SDP says more than the list did.
  EXPECT_EQ(inside(1, Side::caller, sdp(kPhone, "18")), 0);
  EXPECT_EQ(inside(1, Side::callee, sdp(kServer, "18"), 200), 0);
  EXPECT_EQ(centre(), "2/104");
  filter->adopt(1, use_of_listed(all[0], config, {}, phones));
  EXPECT_EQ(centre(), "2/104");
  end(1);
  EXPECT_EQ(centre(), "1/80");
  filter->retain_adopted([](uint64_t key) { return key == 3; });  // the others ended unseen
  EXPECT_EQ(centre(), "0/0");
  EXPECT_EQ(book->links()[1].calls, 1u);
  EXPECT_EQ(book->calls(), 1u);
}

}  // namespace
}  // namespace holdfast::sip
