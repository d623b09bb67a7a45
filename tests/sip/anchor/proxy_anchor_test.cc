// SPDX-License-Identifier: Apache-2.0
// Calls over the wire through the proxy with its media anchored: the two sides of their seam.
#include <algorithm>
#include <filesystem>

#include "sip/anchor/media_anchor.hh"
#include "tests/sip/anchor/hand_dataplane.hh"
#include "tests/sip/anchor/sdp_texts.hh"
#include "tests/sip/proxy/proxy_fixture.hh"

namespace holdfast::sip {
namespace {

const std::string kPhoneSdp = sdp("198.18.1.10:4000");
const std::string kFarSdp = sdp("198.18.3.20:6000");

class ProxyAnchorTest : public ProxyTest {
 protected:
  ProxyAnchorTest()
      : path_(testing::TempDir() + "hf-seam-" + std::to_string(::getpid()) + ".sock"),
        dataplane_(path_) {
    loop.watch(dataplane_.epoll_fd(), Loop::kReadable, [this](unsigned) { dataplane_.turn(); });
  }
  ~ProxyAnchorTest() override {
    proxy.reset();
    if (!offers_.empty()) std::filesystem::remove_all(offers_);
  }

  // holdfastd as a whole, as after a kill when it ran before.
  void start_all(bool again = false) {
    proxy.reset();
    anchor_.reset();
    AnchorConfig anchoring;
    anchoring.socket_path = path_;
    anchoring.media = rules_;
    anchoring.offers_directory = offers_;
    anchor_ = std::make_unique<MediaAnchor>(loop, anchoring, [](LogLevel, const std::string&) {});
    media = anchor_.get();
    start(again);
    ASSERT_EQ(anchor_->snapshot().state, AnchorState::up);
  }
  std::string contact(const TestPeer& peer) { return "Contact: <sip:x@" + peer.at() + ">\r\n"; }
  // Alice's INVITE at the centre.
  Text invite(const std::string& body = kPhoneSdp) {
    to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", body));
    EXPECT_EQ(take(alice).status(), 100);
    Text at_centre = take(centre);
    EXPECT_EQ(at_centre.method(), "INVITE");
    return at_centre;
  }
  Text answer(const Text& at_centre) {
    to_wan(centre, reply(at_centre, 200, "OK", "callee", contact(centre), kFarSdp));
    Text at_alice = take(alice);
    EXPECT_EQ(at_alice.status(), 200);
    to_lan(alice, by_caller("ACK", at_alice, alice, 1));
    EXPECT_EQ(take(centre).method(), "ACK");
    return at_alice;
  }
  void hang_up(const Text& at_alice) {
    to_lan(alice, by_caller("BYE", at_alice, alice, 9));
    to_wan(centre, reply(take(centre), 200, "OK"));
    EXPECT_EQ(take(alice).status(), 200);
  }
  void expect_no_legs() {
    EXPECT_TRUE(dataplane_.calls().empty());
    EXPECT_EQ(anchor_->snapshot().streams, 0u);
    EXPECT_EQ(anchor_->snapshot().calls_anchored, 0u);
  }

  MediaRules rules_;
  std::string offers_;  // the directory that offers are kept in; empty: none
  std::string path_;
  HandDataplane dataplane_;
  std::unique_ptr<MediaAnchor> anchor_;
};

TEST_F(ProxyAnchorTest, ACallHasItsLegsFromInviteToBye) {
  start_all();
  const Text at_centre = invite();
  EXPECT_EQ(wants(at_centre.body()), "198.18.2.2:30000");
  const Text at_alice = answer(at_centre);
  EXPECT_EQ(wants(at_alice.body()), "198.18.1.2:30000");
  EXPECT_EQ(dataplane_.calls().size(), 1u);
  EXPECT_EQ(call_key_of_stream(dataplane_.only().call), calls.begins.at(0).call_key);
  hang_up(at_alice);
  ASSERT_EQ(calls.ends.size(), 1u);
  EXPECT_EQ(calls.ends[0].media.size(), 1u) << "the record has its final counters";
  expect_no_legs();
}

TEST_F(ProxyAnchorTest, TheAnswerMayComeInTheAck) {
  start_all();
  const Text at_centre = invite("");
  to_wan(centre, reply(at_centre, 200, "OK", "callee", contact(centre), kFarSdp));
  const Text at_alice = take(alice);
  EXPECT_EQ(wants(at_alice.body()), "198.18.1.2:30000");
  to_lan(alice, by_caller("ACK", at_alice, alice, 1, kPhoneSdp));
  EXPECT_EQ(wants(take(centre).body()), "198.18.2.2:30000");
  EXPECT_EQ(dataplane_.only().legs[0].remote->to_string(), "198.18.1.10:4000");
  hang_up(at_alice);
  expect_no_legs();
}

TEST_F(ProxyAnchorTest, ACallThatIsNotMadeLeavesNoLegs) {
  start_all();
  int round = 0;
  for (const int status : {486, 503, 603}) {
    call_id = "call-" + std::to_string(++round);
    branch = "x" + std::to_string(round);
    const Text at_centre = invite();
    EXPECT_EQ(dataplane_.calls().size(), 1u);
    to_wan(centre, reply(at_centre, status, "No", "callee"));
    EXPECT_EQ(take(centre).method(), "ACK");
    EXPECT_GE(take(alice).status(), 400);
    expect_no_legs();
    to_lan(alice, request("ACK", "sip:bob@centre.example.com", alice));
  }
}

TEST_F(ProxyAnchorTest, ACancelledCallLeavesNoLegs) {
  start_all();
  const Text at_centre = invite();
  to_wan(centre, reply(at_centre, 180, "Ringing", "callee"));
  EXPECT_EQ(take(alice).status(), 180);
  to_lan(alice, request("CANCEL", "sip:bob@centre.example.com", alice));
  to_wan(centre, reply(take(centre), 200, "OK"));
  to_wan(centre, reply(at_centre, 487, "Request Terminated", "callee"));
  loop.advance(1000);
  expect_no_legs();
  EXPECT_EQ(calls.last_end(), "cancelled");
}

TEST_F(ProxyAnchorTest, AfterAKillTheReInviteOfEitherSideFindsItsPorts) {
  start_all();
  const Text at_centre = invite();
  const Text at_alice = answer(at_centre);
  start_all(true);
  to_wan(centre, by_callee("INVITE", at_centre, "callee", centre, 1, kFarSdp));
  EXPECT_EQ(take(centre).status(), 100);
  const Text again = take(alice);
  EXPECT_EQ(wants(again.body()), "198.18.1.2:30000");
  to_lan(alice, reply(again, 200, "OK", "", contact(alice), kPhoneSdp));
  EXPECT_EQ(wants(take(centre).body()), "198.18.2.2:30000");
  start_all(true);
  to_lan(alice, by_caller("INVITE", at_alice, alice, 3, sdp("198.18.1.10:4400")));
  const Text moved = take(centre);
  EXPECT_EQ(wants(moved.body()), "198.18.2.2:30000");
  to_wan(centre, reply(moved, 200, "OK", "", contact(centre), kFarSdp));
  EXPECT_EQ(dataplane_.only().legs[0].remote->to_string(), "198.18.1.10:4400");
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(wants(take(alice).body()), "198.18.1.2:30000");
  hang_up(at_alice);
  EXPECT_EQ(calls.ends.back().media.size(), 1u);
  expect_no_legs();
}

TEST_F(ProxyAnchorTest, AfterAKillTheFirstAnswerIsAnchored) {
  start_all();
  const Text at_centre = invite();
  start_all(true);
  const Text at_alice = answer(at_centre);
  EXPECT_EQ(wants(at_alice.body()), "198.18.1.2:30000");
  EXPECT_EQ(dataplane_.only().legs[1].remote->to_string(), "198.18.3.20:6000");
  hang_up(at_alice);
  expect_no_legs();
}

// The answers of requests in dialogs have no Record-Route; our Via names their call.
TEST_F(ProxyAnchorTest, AfterAKillTheAnswerInADialogIsAnchoredForEitherSide) {
  start_all();
  const Text at_centre = invite();
  const Text at_alice = answer(at_centre);
  int round = 1;
  for (const std::string method : {"INVITE", "UPDATE"}) {
    SCOPED_TRACE(method);
    ++round;
    to_lan(alice, by_caller(method, at_alice, alice, round, sdp("198.18.1.10:4400")));
    const Text asked = take(centre);
    start_all(true);
    to_wan(centre, reply(asked, 200, "OK", "", contact(centre), sdp("198.18.3.30:7000")));
    Text back = take(alice);
    if (back.status() == 100) back = take(alice);
    EXPECT_EQ(back.status(), 200);
    EXPECT_EQ(wants(back.body()), "198.18.1.2:30000");
    EXPECT_EQ(back.body().find("198.18.3."), std::string::npos) << "the far phone's own address";
    EXPECT_EQ(dataplane_.only().legs[1].remote->to_string(), "198.18.3.30:7000");

    to_wan(centre, by_callee(method, at_centre, "callee", centre, round, kFarSdp));
    Text at_phone = take(alice);
    start_all(true);
    to_lan(alice, reply(at_phone, 200, "OK", "", contact(alice), sdp("198.18.1.10:4600")));
    Text ours = take(centre);
    if (ours.status() == 100) ours = take(centre);
    EXPECT_EQ(wants(ours.body()), "198.18.2.2:30000");
    EXPECT_EQ(ours.body().find("198.18.1.10"), std::string::npos);
    EXPECT_EQ(dataplane_.only().legs[0].remote->to_string(), "198.18.1.10:4600");
  }
  EXPECT_EQ(proxy->snapshot().calls.size(), 1u);
  hang_up(at_alice);
  expect_no_legs();
}

// Alice has SRTP, and so has the centre; she offers a new key, and we die before the answer.
class RekeyOverAKill : public ProxyAnchorTest {
 protected:
  static std::string secured(const std::string& body, const std::string& key) {
    std::string out = body + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "\r\n";
    return out.replace(out.find("RTP/AVP"), 7, "RTP/SAVP");
  }
  static std::string key_in(const std::string& body) {
    const size_t at = body.find("inline:");
    return at == std::string::npos ? "" : body.substr(at + 7, 40);
  }
  void offer_and_die() {
    for (const char* name : {"lan", "wan"})
      rules_.srtp[name] = {
          media::SrtpPolicy::require, {media::SrtpSuite::aes_cm_128_hmac_sha1_80}, true};
    start_all();
    at_centre_ = invite(secured(kPhoneSdp, kFirst));
    to_wan(centre, reply(at_centre_, 200, "OK", "callee", contact(centre), secured(kFarSdp, kFar)));
    at_alice_ = take(alice);
    to_lan(alice, by_caller("ACK", at_alice_, alice, 1));
    EXPECT_EQ(take(centre).method(), "ACK");
    to_lan(alice, by_caller("INVITE", at_alice_, alice, 2, secured(kPhoneSdp, kSecond)));
    offer_ = take(centre);
    EXPECT_EQ(take(alice).status(), 100);
    start_all(true);
    to_wan(centre, reply(offer_, 200, "OK", "", contact(centre), secured(kFarSdp, kFarAgain)));
  }
  const std::string kFirst = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
  const std::string kSecond = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
  const std::string kFar = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
  const std::string kFarAgain = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
  Text at_centre_, at_alice_, offer_;
};

TEST_F(RekeyOverAKill, TheAnswerHasOurKeyAndTheLegsHaveTheNewOnes) {
  offers_ = testing::TempDir() + "hf-seam-offers-" + std::to_string(::getpid());
  offer_and_die();
  const Text back = take(alice);
  EXPECT_EQ(back.status(), 200);
  EXPECT_EQ(wants(back.body()), "198.18.1.2:30000");
  const std::string ours = key_in(back.body());
  EXPECT_EQ(ours.size(), 40u);
  EXPECT_NE(ours, kFarAgain);
  EXPECT_NE(ours, key_in(offer_.body()));
  const auto& legs = dataplane_.keys(dataplane_.only().call);
  const auto is = [&](const std::optional<media::SdesKey>& key, const std::string& text) {
    const auto crypto = media::parse_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + text);
    return crypto && key && key->master.same_as(crypto->keys.front().master);
  };
  EXPECT_TRUE(is(legs[0]->in, kSecond) && is(legs[0]->out, ours));
  EXPECT_TRUE(is(legs[1]->in, kFarAgain) && is(legs[1]->out, key_in(offer_.body())));
  to_lan(alice, by_caller("ACK", at_alice_, alice, 2));
  EXPECT_EQ(take(centre).method(), "ACK");
  hang_up(at_alice_);
  expect_no_legs();
  EXPECT_TRUE(std::filesystem::is_empty(offers_));
}

TEST_F(RekeyOverAKill, WhereItsOfferIsLostAliceIsToOfferAgain) {
  offer_and_die();
  const Text back = take(alice);
  EXPECT_EQ(back.status(), 491);
  EXPECT_EQ(back.body(), "");
  EXPECT_EQ(back.raw.find("Contact"), std::string::npos);
  const Text ack = take(centre);
  EXPECT_EQ(ack.method(), "ACK");
  EXPECT_EQ(ack.one("CSeq"), "2 ACK");
  EXPECT_EQ(ack.one("To"), offer_.one("To"));
  EXPECT_NE(log.back().find("srtp_keys_lost"), std::string::npos);
  EXPECT_EQ(counted("media_srtp_keys_lost"), 1u);
  to_lan(alice, by_caller("INVITE", at_alice_, alice, 3, secured(kPhoneSdp, kSecond)));
  const Text again = take(centre);
  to_wan(centre, reply(again, 200, "OK", "", contact(centre), secured(kFarSdp, kFarAgain)));
  EXPECT_EQ(take(alice).status(), 100);
  EXPECT_EQ(key_in(take(alice).body()).size(), 40u);
  hang_up(at_alice_);
  expect_no_legs();
}

TEST_F(ProxyAnchorTest, APhoneThatTakesRtpSavpAloneIsOfferedIt) {
  rules_.srtp["wan"] = {
      media::SrtpPolicy::offer, {media::SrtpSuite::aes_cm_128_hmac_sha1_80}, true};
  rules_.srtp["lan"].policy = media::SrtpPolicy::forbid;
  start_all();
  const Text first = invite();
  EXPECT_NE(first.body().find("RTP/AVP 0"), std::string::npos);
  EXPECT_NE(first.body().find("a=crypto:1"), std::string::npos);
  to_wan(centre, reply(first, 488, "Not Acceptable Here", "first"));
  EXPECT_EQ(take(centre).method(), "ACK");
  const Text second = take(centre);
  EXPECT_NE(second.body().find("RTP/SAVP 0"), std::string::npos);
  EXPECT_EQ(dataplane_.calls().size(), 1u);
  to_wan(centre, reply(second, 200, "OK", "callee", contact(centre),
                       sdp("198.18.3.20:6000",
                           "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
                           "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n")
                           .replace(sdp("198.18.3.20:6000").find("RTP/AVP"), 7, "RTP/SAVP")));
  const Text at_alice = take(alice);
  EXPECT_EQ(at_alice.status(), 200);
  EXPECT_EQ(at_alice.body().find("crypto"), std::string::npos);
  to_lan(alice, by_caller("ACK", at_alice, alice, 1));
  EXPECT_EQ(take(centre).method(), "ACK");
  EXPECT_TRUE(dataplane_.only().legs[1].srtp);
  hang_up(at_alice);
  expect_no_legs();
}

// The dataplane refuses it no port that rests: neither at first nor, after a kill of ours, for a
// line more.
TEST_F(ProxyAnchorTest, ACallForHelpIsToldAsSuch) {
  start_all();
  to_lan(alice, request("INVITE", "sip:911@centre.example.com", alice, "", kPhoneSdp));
  EXPECT_EQ(take(alice).status(), 100);
  const Text at_gateway = take(gateway);
  EXPECT_EQ(dataplane_.log().back(), "for help: add " + dataplane_.only().call);
  to_lan(gateway, reply(at_gateway, 200, "OK", "callee", contact(gateway), kFarSdp));
  const Text at_alice = take(alice);
  EXPECT_EQ(at_alice.status(), 200);
  to_lan(alice, by_caller("ACK", at_alice, alice, 1));
  EXPECT_EQ(take(gateway).method(), "ACK");

  start_all(true);
  const std::string first = dataplane_.only().call;
  dataplane_.forget_log();
  to_lan(alice, by_caller("INVITE", at_alice, alice, 3, kPhoneSdp + "m=video 4010 RTP/AVP 96\r\n"));
  ASSERT_EQ(dataplane_.calls().size(), 2u);
  const auto is_second = [&](const auto& each) { return each.first != first; };
  const auto second = std::find_if(dataplane_.calls().begin(), dataplane_.calls().end(), is_second);
  EXPECT_EQ(dataplane_.log().back(), "for help: add " + second->first);
}

TEST_F(ProxyAnchorTest, MalformedSdpAndNoPortsAreAnswered) {
  start_all();
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", "v=0\r\nm=\r\n"));
  EXPECT_EQ(take(alice).status(), 488);
  expect_silence(centre);
  dataplane_.refuse_adds(control::ErrorCode::kNoFreePort);
  call_id = "call-2";
  branch = "other";
  to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", kPhoneSdp));
  EXPECT_EQ(take(alice).status(), 503);
  EXPECT_EQ(counted("media_dataplane_no_free_port"), 1u);
  expect_no_legs();
}

TEST_F(ProxyAnchorTest, SilenceEndsTheCallAndItsLegs) {
  start_all();
  answer(invite());
  loop.advance(100'000);
  EXPECT_EQ(calls.last_end(), "media_lost");
  expect_no_legs();
}

}  // namespace
}  // namespace holdfast::sip
