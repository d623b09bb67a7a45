// SPDX-License-Identifier: Apache-2.0
// Calls through the anchor: what is sent on, and which legs there are.
#include "tests/sip/anchor/anchored_call.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;

TEST_F(AnchoredCall, SimpleCallGetsTwoLegsAndGivesThemBack) {
  const std::string to_centre = sent(call.invite(sdp(kAlice)));
  EXPECT_EQ(wants(to_centre), "198.18.2.2:30000");
  EXPECT_NE(to_centre.find("o=- 77 1 IN IP4 198.18.2.2\r\n"), std::string::npos) << to_centre;
  ASSERT_EQ(dataplane->calls().size(), 1u);
  const std::string key = dataplane->only().call;
  EXPECT_EQ(call_key_of_stream(key), 1u);
  EXPECT_EQ(remote(key, 0), kAlice);
  EXPECT_EQ(remote(key, 1), "none");

  EXPECT_EQ(send(call.reply(180, "")).kind, Kind::pass);
  const std::string to_phone = sent(call.reply(200, sdp(kBob)));
  EXPECT_EQ(wants(to_phone), "198.18.1.2:30000");
  EXPECT_EQ(remote(key, 1), kBob);
  EXPECT_EQ(send(call.request(Side::caller, Method::ack, "")).kind, Kind::pass);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 1u);

  anchor->dialog_ended(1, "alice", "bob");
  settle();
  EXPECT_TRUE(dataplane->calls().empty());
  const auto reports = end(1);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].call, key);
  EXPECT_TRUE(reports[0].ended_ms);
  EXPECT_EQ(anchor->snapshot().streams, 0u);
  EXPECT_EQ(anchor->snapshot().calls_anchored, 0u);
}

TEST_F(AnchoredCall, RtcpElsewhereIsHonouredAndOursIsTold) {
  sent(call.invite(sdp(kAlice, "a=rtcp:53020\r\n")));
  const std::string body = sent(call.reply(200, sdp(kBob, "a=rtcp:6000 IN IP4 198.18.3.21\r\n")));
  EXPECT_NE(body.find("a=rtcp:30001\r\n"), std::string::npos);
  const auto& legs = dataplane->only().legs;
  EXPECT_EQ(legs[0].remote_rtcp->to_string(), "198.18.1.10:53020");
  EXPECT_EQ(legs[1].remote_rtcp->to_string(), "198.18.3.21:6000");
}

TEST_F(AnchoredCall, AnAnswerInOtherPayloadTypesTellsTheLegsTheirClocks) {
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob)));
  dataplane->forget_log();
  std::string body = sdp(kBob);
  body.replace(body.find(" 101\r\n"), 4, " 96");
  body.replace(body.find("rtpmap:101 telephone-event/8000"), 31, "rtpmap:96 opus/48000/2");
  sent(call.reply(200, body));
  EXPECT_EQ(dataplane->log(), (std::vector<std::string>{"update 1 clocks", "update 2 clocks"}));
}

TEST_F(AnchoredCall, RtcpMuxIsNotOfferedOn) {
  const std::string body = sent(call.invite(sdp(kAlice, "a=rtcp-mux\r\n")));
  EXPECT_EQ(body.find("rtcp-mux"), std::string::npos);
}

TEST_F(AnchoredCall, HoldInBothStylesKeepsTheLegs) {
  establish();
  dataplane->forget_log();
  const std::string held =
      sent(call.request(Side::caller, Method::invite, sdp(kAlice, "a=sendonly\r\n", "2")));
  EXPECT_EQ(wants(held), wants(offered));
  EXPECT_NE(held.find("a=sendonly"), std::string::npos);
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "a=recvonly\r\n", "2")));
  // The old style, from the other side.
  std::string body = sdp("198.18.3.20:6000", "", "3");
  const std::string own = "c=IN IP4 198.18.3.20";
  body.replace(body.find(own), own.size(), "c=IN IP4 0.0.0.0");
  const std::string old_style = sent(call.request(Side::callee, Method::invite, body));
  EXPECT_EQ(wants(old_style), "held");
  EXPECT_NE(old_style.find("m=audio 30000 "), std::string::npos);
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice, "", "3")));
  EXPECT_EQ(remote(name, 0), kAlice);
  EXPECT_EQ(remote(name, 1), kBob);
  EXPECT_TRUE(only_relearned());
  EXPECT_EQ(dataplane->log().size(), 4u) << "each of two offers and answers, both legs";
}

TEST_F(AnchoredCall, ReInviteTellsTheLegOfAnotherAddress) {
  establish();
  const std::string moved =
      sent(call.request(Side::callee, Method::invite, sdp("198.18.3.30:7000", "", "2")));
  EXPECT_EQ(wants(moved), "198.18.1.2:30000");
  EXPECT_EQ(remote(name, 1), kBob) << "what stood goes on until the answer";
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_EQ(remote(name, 1), "198.18.3.30:7000");
  EXPECT_EQ(count("legs_updated"), 3u);  // Bob's answer; this, with both sources learned again
}

TEST_F(AnchoredCall, ReInviteThatFailsChangesNothing) {
  establish();
  dataplane->forget_log();
  for (const int status : {488, 491, 408}) {
    sent(call.request(Side::caller, Method::invite,
                      sdp("198.18.1.99:4400") + "m=video 4402 RTP/AVP 31\r\n"));
    EXPECT_EQ(dataplane->calls().size(), 2u);
    EXPECT_EQ(send(call.response(Side::callee, Method::invite, status, "")).kind, Kind::pass);
    ASSERT_EQ(dataplane->calls().size(), 1u) << status;
    EXPECT_EQ(remote(name, 0), kAlice);
  }
}

TEST_F(AnchoredCall, TheOfferMayComeInThe200AndTheAnswerInTheAck) {
  EXPECT_EQ(send(call.invite("")).kind, Kind::pass);
  const std::string to_phone = sent(call.reply(200, sdp(kBob)));
  EXPECT_EQ(wants(to_phone), "198.18.1.2:30000");
  const std::string to_centre = sent(call.request(Side::caller, Method::ack, sdp(kAlice)));
  EXPECT_EQ(wants(to_centre), "198.18.2.2:30000");
  name = dataplane->only().call;
  EXPECT_EQ(remote(name, 0), kAlice);
  EXPECT_EQ(remote(name, 1), kBob);
  // The same by a re-INVITE, of the other side.
  EXPECT_EQ(send(call.request(Side::callee, Method::invite, "")).kind, Kind::pass);
  EXPECT_EQ(wants(sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)))),
            "198.18.2.2:30000");
  EXPECT_EQ(wants(sent(call.request(Side::callee, Method::ack, sdp("198.18.3.20:6100")))),
            "198.18.1.2:30000");
  EXPECT_EQ(remote(name, 1), "198.18.3.20:6100");
}

TEST_F(AnchoredCall, AnOfferInA200ThatTheAckDoesNotAnswerIsForgotten) {
  establish();
  send(call.request(Side::caller, Method::invite, ""));
  sent(call.response(Side::callee, Method::invite, 200, sdp("198.18.3.30:7000", "", "2")));
  send(call.request(Side::caller, Method::ack, ""));
  EXPECT_EQ(remote(name, 1), kBob);
  EXPECT_EQ(send(call.request(Side::caller, Method::invite, sdp(kAlice))).kind, Kind::replace);
}

TEST_F(AnchoredCall, ReliableOfferIsAnsweredInPrack) {
  send(call.invite(""));
  sent(call.reply(183, sdp(kBob), true));
  sent(call.request(Side::caller, Method::prack, sdp(kAlice)));
  name = dataplane->only().call;
  EXPECT_EQ(remote(name, 0), kAlice);
  send(call.response(Side::callee, Method::prack, 200, ""));
  // The 200 may say it again; it is no new offer that would be in the way of others.
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kBob)))), "198.18.1.2:30000");
  EXPECT_EQ(wants(sent(call.request(Side::caller, Method::update, sdp(kAlice)))),
            "198.18.2.2:30000");
  EXPECT_EQ(wants(sent(call.response(Side::callee, Method::update, 200, sdp(kBob)))),
            "198.18.1.2:30000");
}

TEST_F(AnchoredCall, EarlyMediaIsAPreviewThatThe200MayReplace) {
  sent(call.invite(sdp(kAlice)));
  EXPECT_EQ(wants(sent(call.reply(183, sdp("198.18.3.50:9000")))), "198.18.1.2:30000");
  name = dataplane->only().call;
  EXPECT_EQ(remote(name, 1), "198.18.3.50:9000");
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kBob)))), "198.18.1.2:30000");
  EXPECT_EQ(remote(name, 1), kBob);
}

TEST_F(AnchoredCall, A200WithoutSdpConfirmsThePreview) {
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob)));
  EXPECT_EQ(send(call.reply(200, "")).kind, Kind::pass);
  EXPECT_EQ(send(call.request(Side::callee, Method::invite, sdp(kBob))).kind, Kind::replace);
}

TEST_F(AnchoredCall, UpdateInAnEarlyDialogChangesIt) {
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob), true));
  send(call.request(Side::caller, Method::prack, ""));
  sent(call.request(Side::caller, Method::update, sdp("198.18.1.10:4400", "", "2")));
  sent(call.response(Side::callee, Method::update, 200, sdp(kBob)));
  name = dataplane->only().call;
  EXPECT_EQ(remote(name, 0), "198.18.1.10:4400");
  send(call.reply(200, ""));
  EXPECT_EQ(dataplane->calls().size(), 1u);
}

TEST_F(AnchoredCall, EachForkOfOursHasItsOwnLegs) {
  Call other = call;
  other.branch = "z9hG4bK-2";
  other.callee_tag = "gateway";
  other.callee = at("lan", "198.18.1.40:5060");
  EXPECT_EQ(wants(sent(call.invite(sdp(kAlice)))), "198.18.2.2:30000");
  EXPECT_EQ(wants(sent(other.invite(sdp(kAlice)))), "198.18.1.2:30004");
  EXPECT_EQ(dataplane->calls().size(), 2u);
  EXPECT_EQ(wants(sent(other.reply(183, sdp("198.18.1.40:5000")))), "198.18.1.2:30002");
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kBob)))), "198.18.1.2:30000");
  send(other.reply(487, ""));
  ASSERT_EQ(dataplane->calls().size(), 1u);
  EXPECT_EQ(remote(dataplane->only().call, 1), kBob);
  EXPECT_EQ(end(1).size(), 2u) << "of the fork that lost too";
}

TEST_F(AnchoredCall, ForksOfAProxyBehindUsShareTheLegsOfTheirBranch) {
  Call carol = call;
  carol.callee_tag = "carol";
  sent(call.invite(sdp(kAlice)));
  sent(call.reply(183, sdp(kBob)));
  dataplane->forget_log();
  sent(carol.reply(183, sdp("198.18.3.77:7700")));
  ASSERT_EQ(dataplane->calls().size(), 1u);
  name = dataplane->only().call;
  EXPECT_EQ(remote(name, 1), "198.18.3.77:7700");
  EXPECT_EQ(dataplane->log(), std::vector<std::string>{"update 2 relearn"});
  sent(call.reply(200, sdp(kBob)));
  EXPECT_EQ(remote(name, 1), kBob);
  anchor->dialog_ended(1, "alice", "bob");
  settle();
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(AnchoredCall, AStreamThatOneForkRefusedAndAnotherTakesKeepsItsPorts) {
  const std::string video = "m=video 4010 RTP/AVP 31\r\n";
  for (const bool stolen : {false, true}) {
    call.key = stolen ? 2 : 1;
    Call carol = call;
    carol.callee_tag = "carol";
    EXPECT_EQ(wants(sent(call.invite(sdp(kAlice) + video)), 1), "198.18.2.2:30002");
    sent(call.reply(183, sdp(kBob) + "m=video 0 RTP/AVP 31\r\n"));
    EXPECT_EQ(dataplane->calls().size(), 1u);
    Call thief;
    thief.key = 3;
    if (stolen) sent(thief.invite(sdp(kAlice)));
    const std::string answer = sent(carol.reply(200, sdp("198.18.3.77:7700") + video));
    EXPECT_EQ(wants(answer, 1), stolen ? "198.18.1.2:30004" : "198.18.1.2:30002");
    end(call.key);
  }
}

TEST_F(AnchoredCall, GlareAndASecondOfferAreAnsweredForTheOtherSide) {
  establish();
  sent(call.request(Side::caller, Method::invite, sdp("198.18.1.10:4400")));
  const MediaVerdict glare = send(call.request(Side::callee, Method::invite, sdp(kBob)));
  EXPECT_EQ(glare.kind, Kind::refuse);
  EXPECT_EQ(glare.status, 491);
  EXPECT_EQ(glare.reason, "oa_glare");
  const MediaVerdict second =
      send(call.request(Side::caller, Method::update, sdp("198.18.1.10:4500")));
  EXPECT_EQ(second.status, 500);
  EXPECT_EQ(count("oa_glare"), 1u);
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob)));
  EXPECT_EQ(remote(name, 0), "198.18.1.10:4400");
}

TEST_F(AnchoredCall, AnOfferWhoseAnswerWasNeverSeenDoesNotBlockForEver) {
  establish();
  sent(call.request(Side::caller, Method::invite, sdp("198.18.1.10:4400")));
  pass(39'000);
  EXPECT_EQ(send(call.request(Side::callee, Method::invite, sdp(kBob))).status, 491);
  pass(1'000);
  EXPECT_EQ(send(call.request(Side::callee, Method::invite, sdp(kBob))).kind, Kind::replace);
}

TEST_F(AnchoredCall, VideoComesAndGoesWithItsLegs) {
  establish();
  const std::string video = "m=video 4010 RTP/AVP 31\r\n";
  const std::string more =
      sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "2") + video));
  EXPECT_EQ(wants(more, 0), wants(offered));
  EXPECT_EQ(wants(more, 1), "198.18.2.2:30002");
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob) + "m=video 6010 RTP/AVP 31\r\n"));
  ASSERT_EQ(dataplane->calls().size(), 2u);
  for (const auto& [key, stream] : dataplane->calls()) {
    const auto media = key.ends_with("-video") ? control::Media::kVideo : control::Media::kAudio;
    for (const auto& leg : stream.legs) EXPECT_EQ(leg.media, media) << key;
  }
  sent(call.request(Side::callee, Method::invite, sdp(kBob, "", "3") + "m=video 0 RTP/AVP 31\r\n"));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice) + "m=video 0 RTP/AVP 31\r\n"));
  EXPECT_EQ(dataplane->calls().size(), 1u);
  EXPECT_EQ(end(1).size(), 2u);
}

TEST_F(AnchoredCall, LinesGoByPolicy) {
  config_.media.policy.video = media::MediaAction::refuse;
  config_.media.policy.fax = media::MediaAction::refuse;
  config_.media.policy.other = media::MediaAction::pass;
  start();
  const std::string lines =
      "m=video 4010 RTP/AVP 31\r\nm=image 4020 udptl t38\r\nm=message 4030 TCP/MSRP *\r\n"
      "m=audio 4040 UDP/TLS/RTP/SAVP 0\r\n";
  const std::string body = sent(call.invite(sdp(kAlice) + lines));
  EXPECT_EQ(wants(body, 0), "198.18.2.2:30000");
  EXPECT_EQ(wants(body, 1), "refused");
  EXPECT_EQ(wants(body, 2), "refused");
  EXPECT_EQ(wants(body, 3), "198.18.1.10:4030");
  EXPECT_EQ(wants(body, 4), "refused");
  EXPECT_EQ(dataplane->calls().size(), 1u);
}

TEST_F(AnchoredCall, AudioThatTurnsIntoFaxIsAnotherStreamOfUdptl) {
  establish();
  const std::string fax =
      "v=0\r\no=- 1 2 IN IP4 198.18.1.10\r\ns=-\r\nc=IN IP4 198.18.1.10\r\nt=0 0\r\n"
      "m=image 4020 udptl t38\r\na=T38FaxVersion:0\r\n";
  const std::string asked = sent(call.request(Side::caller, Method::invite, fax));
  EXPECT_EQ(wants(asked), "198.18.2.2:30002");
  EXPECT_NE(asked.find("a=T38FaxVersion:0\r\n"), std::string::npos);
  EXPECT_EQ(dataplane->calls().size(), 2u) << "sound goes on until the answer";
  sent(call.response(Side::callee, Method::invite, 200, fax));
  const auto& only = dataplane->only();
  EXPECT_TRUE(only.call.ends_with("-image.udptl")) << only.call;
  for (const auto& leg : only.legs) {
    EXPECT_EQ(leg.media, control::Media::kFax);
    EXPECT_EQ(leg.payload, control::Payload::kUdptl);
  }
}

TEST_F(AnchoredCall, ABodyWithoutAnyLineToAnchorNeedsNoLeg) {
  config_.media.policy.fax = media::MediaAction::refuse;
  start();
  const std::string body =
      sent(call.invite("v=0\r\no=- 1 1 IN IP4 198.18.1.10\r\ns=-\r\nt=0 0\r\n"
                       "m=image 4020 udptl t38\r\nc=IN IP4 198.18.1.10\r\n"));
  EXPECT_EQ(wants(body), "refused");
  EXPECT_EQ(body.find("198.18.1.10"), std::string::npos) << body;
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(AnchoredCall, FamiliesJoinFreely) {
  call.caller = at("lan", "[2001:db8:1::10]:5060");
  EXPECT_EQ(wants(sent(call.invite(sdp("[2001:db8:1::10]:4000")))), "198.18.2.2:30000");
  EXPECT_EQ(wants(sent(call.reply(200, sdp(kBob)))), "[2001:db8:1::2]:30000");
  // An answer in the family that was not offered: its source is learned.
  name = dataplane->only().call;
  sent(call.request(Side::caller, Method::invite, sdp("198.18.1.10:4400", "", "2")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob)));
  EXPECT_EQ(remote(name, 0), "[2001:db8:1::10]:4000");
  EXPECT_EQ(count("updates_failed"), 0u);
}

TEST_F(AnchoredCall, ACallThatFailsGivesItsLegsBack) {
  for (const int status : {302, 401, 408, 486, 487, 503, 603}) {
    sent(call.invite(sdp(kAlice)));
    EXPECT_EQ(dataplane->calls().size(), 1u);
    EXPECT_EQ(send(call.reply(status, "")).kind, Kind::pass);
    EXPECT_TRUE(dataplane->calls().empty()) << status;
  }
  EXPECT_EQ(end(1).size(), 7u);
}

TEST_F(AnchoredCall, AnSdpPartOfAMultipartIsAnchoredInItsPlace) {
  MediaMessage invite = call.invite("--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp(kAlice) +
                                    "\r\n--b\r\nContent-Type: text/x\r\n\r\nkeep\r\n--b--\r\n");
  invite.content_type = "multipart/mixed;boundary=b";
  const MediaVerdict verdict = send(invite);
  ASSERT_EQ(verdict.kind, Kind::replace);
  EXPECT_EQ(verdict.body.find("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), 0u);
  EXPECT_NE(verdict.body.find("m=audio 30000 "), std::string::npos);
  EXPECT_NE(verdict.body.find("\r\n--b\r\nContent-Type: text/x\r\n\r\nkeep\r\n--b--\r\n"),
            std::string::npos);
}

TEST_F(AnchoredCall, TheVersionOfOurSdpRisesOnlyWhenItChanges) {
  establish();
  const auto version = [](const std::string& body) {
    const size_t at = body.find("o=- 77 ") + 7;
    return body.substr(at, body.find(' ', at) - at);
  };
  EXPECT_EQ(version(offered), "1");
  const std::string again = sent(call.request(Side::caller, Method::invite, sdp(kAlice)));
  EXPECT_EQ(again, offered);
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob)));
  const std::string moved =
      sent(call.request(Side::caller, Method::invite, sdp("198.18.1.10:4400", "", "2")));
  EXPECT_EQ(version(moved), "2");
}

// A B2BUA at the centre calls the other phone of the branch with the SDP that we sent to it.
TEST_F(AnchoredCall, AnAddressOfOursThatComesBackIsALegLikeAnyOther) {
  const std::string to_centre = sent(call.invite(sdp(kAlice)));
  Call second;
  second.key = 2;
  second.caller_tag = "b2bua";
  second.callee_tag = "bob2";
  second.branch = "z9hG4bK-9";
  second.caller = kCentre;
  second.callee = at("lan", "198.18.1.20:5060");
  EXPECT_EQ(wants(sent(second.invite(to_centre))), "198.18.1.2:30002");
  const std::string back = sent(second.reply(200, sdp("198.18.1.20:5000")));
  EXPECT_EQ(wants(back), "198.18.2.2:30002");
  EXPECT_EQ(wants(sent(call.reply(200, back))), "198.18.1.2:30000");
  // Each names the other's leg as its remote: the dataplane joins them.
  const auto& first_legs = dataplane->calls().begin()->second.legs;
  const auto& second_legs = dataplane->calls().rbegin()->second.legs;
  EXPECT_EQ(first_legs[1].remote, second_legs[0].local);
  EXPECT_EQ(second_legs[0].remote, first_legs[1].local);
  EXPECT_EQ(anchor->snapshot().streams_joined, 2u);
}

// A proxy at the centre: the same dialog passes us twice, with a call key for each pass.
TEST_F(AnchoredCall, ASpiralPassesTwiceOverItsOwnLegs) {
  Call down = call;
  down.key = 2;
  down.branch = "z9hG4bK-9";
  down.caller = kCentre;
  down.callee = at("lan", "198.18.1.20:5060");
  const std::string phone_b = "198.18.1.20:5000";
  std::string body = sent(down.invite(sent(call.invite(sdp(kAlice)))));
  EXPECT_EQ(wants(body), "198.18.1.2:30002");
  body = sent(call.reply(200, sent(down.reply(200, sdp(phone_b)))));
  EXPECT_EQ(wants(body), "198.18.1.2:30000");
  EXPECT_EQ(anchor->snapshot().streams_joined, 2u);
  dataplane->forget_log();
  // A hold from the far phone goes the other way round.
  body = sent(down.request(Side::callee, Method::invite, sdp(phone_b, "a=sendonly\r\n", "2")));
  body = sent(call.request(Side::callee, Method::invite, body));
  EXPECT_EQ(wants(body), "198.18.1.2:30000");
  body = sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice, "a=recvonly\r\n")));
  body = sent(down.response(Side::caller, Method::invite, 200, body));
  EXPECT_EQ(wants(body), "198.18.1.2:30002");
  EXPECT_TRUE(only_relearned());
  EXPECT_EQ(end(1).size(), 1u);
  EXPECT_EQ(end(2).size(), 1u);
}

TEST_F(AnchoredCall, VerdictsComeInTheOrderOfTheMessages) {
  std::string order;
  const auto send_named = [&](const MediaMessage& message, char letter) {
    anchor->message(message, [&order, letter](const MediaVerdict&) { order += letter; });
  };
  send_named(call.invite(sdp(kAlice)), 'a');
  send_named(call.reply(180, ""), 'b');
  send_named(call.reply(183, sdp(kBob)), 'c');
  send_named(call.reply(200, sdp(kBob)), 'd');
  send_named(call.request(Side::caller, Method::ack, ""), 'e');
  EXPECT_EQ(order, "");
  anchor->call_ended(1, [&](const auto& reports) {
    order += 'f';
    EXPECT_EQ(reports.size(), 1u);
  });
  settle();
  EXPECT_EQ(order, "abcdef");
  EXPECT_TRUE(dataplane->calls().empty());
}

}  // namespace
}  // namespace holdfast::sip
