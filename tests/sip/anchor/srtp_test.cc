// SPDX-License-Identifier: Apache-2.0
// Keys of SRTP on their way through the anchor: what is taken, offered, told to the dataplane, kept
// and refused, on each side for itself.
#include <set>

#include "media/srtp/checkpoint.hh"
#include "tests/sip/anchor/srtp_rig.hh"

namespace holdfast::sip {
namespace {

TEST_F(Srtp, APlainPhoneTalksToOneThatRequiresIt) {
  rules(SrtpPolicy::forbid, SrtpPolicy::require);
  const Seen offer = seen(sent(call.invite(sdp(kAlice))));
  EXPECT_TRUE(offer.secure);
  ASSERT_EQ(offer.keys.size(), media::kSrtpSuites);
  EXPECT_EQ(leg(Side::caller), nullptr);
  ASSERT_TRUE(leg(Side::callee)) << "what comes before the answer cannot be read";
  EXPECT_TRUE(!leg(Side::callee)->in && !leg(Side::callee)->out);
  const std::string back = sent(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey, "|2^31|1:4")))));
  EXPECT_FALSE(seen(back).secure);
  EXPECT_TRUE(seen(back).keys.empty());
  EXPECT_EQ(back.find(kBobKey), std::string::npos);
  EXPECT_EQ(leg(Side::caller), nullptr);
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  EXPECT_EQ(leg(Side::callee)->in->mki, (media::SrtpMki{1, 4}));
  EXPECT_EQ(leg(Side::callee)->in->lifetime_packets, uint64_t{1} << 31);
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
}

TEST_F(Srtp, EachSideHasKeysAndASuiteOfItsOwn) {
  rules(SrtpPolicy::require, SrtpPolicy::offer, {SrtpSuite::aead_aes_128_gcm});
  const std::string towards = sent(call.invite(savp(sdp(kAlice, crypto(7, kAliceKey)))));
  const Seen offer = seen(towards);
  EXPECT_FALSE(offer.secure) << "optional: RTP/AVP with keys";
  ASSERT_EQ(offer.keys.size(), 1u);
  EXPECT_EQ(towards.find(kAliceKey), std::string::npos);
  const Seen answer = seen(sent(call.reply(200, sdp(kBob, crypto(1, kGcmKey)))));
  EXPECT_TRUE(answer.secure) << "as Alice offered";
  ASSERT_EQ(answer.keys.size(), 1u);
  EXPECT_EQ(answer.keys[0].tag, 7u);
  EXPECT_EQ(answer.keys[0].suite, SrtpSuite::aes_cm_128_hmac_sha1_80);
  EXPECT_TRUE(is(leg(Side::caller)->in, kAliceKey));
  EXPECT_TRUE(leg(Side::caller)->out->master.same_as(master(answer.keys[0])));
  EXPECT_TRUE(is(leg(Side::callee)->in, kGcmKey) ||
              leg(Side::callee)->in->master.suite() == SrtpSuite::aead_aes_128_gcm);
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
  EXPECT_EQ(logged.find(kAliceKey), std::string::npos);
}

TEST_F(Srtp, PassThroughOnBothSidesTouchesNothing) {
  rules(SrtpPolicy::pass_through, SrtpPolicy::pass_through);
  const std::string lines = "a=crypto:1 NO_SUITE inline:x\r\n" + crypto(2, kAliceKey);
  EXPECT_NE(sent(call.invite(savp(sdp(kAlice, lines)))).find(lines), std::string::npos);
  EXPECT_NE(sent(call.reply(200, savp(sdp(kBob, crypto(2, kBobKey))))).find(crypto(2, kBobKey)),
            std::string::npos);
  EXPECT_EQ(leg(Side::caller), nullptr);
  EXPECT_EQ(leg(Side::callee), nullptr);
  for (const auto& each : dataplane->only().legs) EXPECT_TRUE(each.sealed);
}

// Where SRTP is offered with RTP/AVP, the answer tells; and the dataplane knows it of legs that we
// find after a restart, until an offer says otherwise.
TEST_F(Srtp, LegsWhoseKeysPassThroughAreSealed) {
  rules(SrtpPolicy::pass_through, SrtpPolicy::pass_through);
  const auto sealed = [&] {
    const auto& legs = dataplane->only().legs;
    EXPECT_EQ(legs[0].sealed, legs[1].sealed);
    return legs[0].sealed;
  };
  sent(call.invite(sdp(kAlice, crypto(1, kAliceKey))));
  EXPECT_FALSE(sealed());
  sent(call.reply(200, sdp(kBob, crypto(1, kBobKey))));
  EXPECT_TRUE(sealed());
  start_anchor();
  settle();
  pass(20'000);
  EXPECT_TRUE(sealed());
  const auto again = [&](const std::string& offer, const std::string& answer) {
    sent(call.request(Side::caller, Method::invite, offer));
    sent(call.response(Side::callee, Method::invite, 200, answer));
  };
  again(sdp(kAlice, "", "2"), sdp(kBob, "", "2"));
  EXPECT_FALSE(sealed());
  again(savp(sdp(kAlice, crypto(1, kAliceKey), "3")), savp(sdp(kBob, crypto(1, kBobKey), "3")));
  EXPECT_TRUE(sealed());
}

TEST_F(Srtp, PassThroughTakesOptionalKeysFromTlsOutOfWhatGoesInTheClear) {
  for (const bool said : {false, true}) {
    SCOPED_TRACE(said);
    config_.media.srtp["wan"].without_tls = said;
    rules(SrtpPolicy::pass_through, SrtpPolicy::pass_through);
    call.callee.transport = Transport::udp;
    const Seen offer = seen(sent(call.invite(sdp(kAlice, crypto(1, kAliceKey)))));
    EXPECT_FALSE(offer.secure);
    EXPECT_EQ(offer.keys.size(), said ? 1u : 0u);
    EXPECT_EQ(seen(sent(call.reply(200, sdp(kBob, said ? crypto(1, kBobKey) : "")))).keys.size(),
              said ? 1u : 0u);
    EXPECT_EQ(leg(Side::caller), nullptr);
    EXPECT_EQ(leg(Side::callee), nullptr);
    end(call.key);
  }
}

TEST_F(Srtp, OffersThatDoNotFitAreRefusedByName) {
  struct Row {
    SrtpPolicy lan, wan;
    bool phone_tls, centre_tls;
    std::string offer;
    std::string reason;  // empty: followed
  };
  const std::string good = savp(sdp(kAlice, crypto(1, kAliceKey)));
  const SrtpPolicy forbid = SrtpPolicy::forbid, offer = SrtpPolicy::offer,
                   require = SrtpPolicy::require, pass = SrtpPolicy::pass_through;
  const Row rows[] = {
      {forbid, offer, true, true, good, "srtp_forbidden"},
      {require, offer, true, true, sdp(kAlice), "srtp_required"},
      {offer, forbid, false, true, good, "srtp_needs_tls"},
      {pass, forbid, false, true, good, "srtp_needs_tls"},
      {offer, forbid, true, true, savp(sdp(kAlice)), "srtp_no_crypto"},
      {offer, forbid, true, true, savp(sdp(kAlice, "a=crypto:1 X inline:x\r\n")), "srtp_no_suite"},
      {offer, require, true, false, good, "srtp_needs_tls"},
      {offer, forbid, true, false, good, ""},
      {offer, offer, true, false, good, ""},
      {pass, pass, false, false, good, ""},
      {pass, pass, true, false, good, "srtp_needs_tls"},
      {pass, pass, false, true, good, "srtp_needs_tls"},
      {pass, pass, true, false, sdp(kAlice), ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.reason);
    rules(row.lan, row.wan);
    call.caller.transport = row.phone_tls ? Transport::tls : Transport::udp;
    call.callee.transport = row.centre_tls ? Transport::tls : Transport::tcp;
    const MediaVerdict verdict = send(call.invite(row.offer));
    EXPECT_EQ(verdict.kind == MediaVerdict::Kind::refuse, !row.reason.empty());
    if (row.reason.empty()) {
      end(call.key);
      continue;
    }
    EXPECT_EQ(verdict.status, 488);
    EXPECT_EQ(verdict.reason, row.reason);
    EXPECT_EQ(count(row.reason), 1u);
    EXPECT_TRUE(dataplane->calls().empty());
  }
}

TEST_F(Srtp, KeysGoOverUdpOnlyWhereThatIsSaid) {
  config_.media.srtp["lan"].without_tls = true;
  rules(SrtpPolicy::offer, SrtpPolicy::offer);
  call.caller.transport = call.callee.transport = Transport::udp;
  const Seen offer = seen(sent(call.invite(savp(sdp(kAlice, crypto(1, kAliceKey))))));
  EXPECT_TRUE(offer.keys.empty()) << "the WAN has no such word";
  EXPECT_EQ(seen(sent(call.reply(200, sdp(kBob)))).keys.size(), 1u);
  EXPECT_TRUE(is(leg(Side::caller)->in, kAliceKey));
}

TEST_F(Srtp, OneLineIsRefusedAndTheRestGoesOn) {
  rules(SrtpPolicy::forbid, SrtpPolicy::offer);
  const std::string twice =
      sdp(kAlice) + "m=audio 4002 RTP/SAVP 0\r\n" + crypto(1, kAliceKey);  // as some phones offer
  const std::string body = sent(call.invite(twice));
  EXPECT_NE(wants(body, 0), "refused");
  EXPECT_EQ(wants(body, 1), "refused");
  EXPECT_EQ(body.find(kAliceKey), std::string::npos);
  EXPECT_EQ(count("srtp_lines_refused"), 1u);
  EXPECT_EQ(count("srtp_forbidden"), 1u);
}

TEST_F(Srtp, AnAnswerInTheClearEndsTheCallThatRequiresSrtp) {
  struct Row {
    std::string answer, reason;
  };
  for (const Row& row : {Row{sdp(kBob), "srtp_downgraded"}, Row{savp(sdp(kBob)), "srtp_no_crypto"},
                         Row{savp(sdp(kBob, crypto(9, kBobKey))), "sdes_answer_tag"},
                         Row{savp(sdp(kBob, crypto(1, "AAAA"))), "sdes_bad_key_length"}}) {
    rules(SrtpPolicy::forbid, SrtpPolicy::require);
    sent(call.invite(sdp(kAlice)));
    const MediaVerdict verdict = send(call.reply(200, row.answer));
    EXPECT_EQ(verdict.kind, MediaVerdict::Kind::refuse);
    EXPECT_EQ(verdict.reason, row.reason);
    EXPECT_GE(count(row.reason), 1u);
    end(call.key);
  }
}

TEST_F(Srtp, ADowngradeInsideADialogEndsItsStream) {
  establish();
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "a=sendonly\r\n", "2")));
  EXPECT_EQ(wants(sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "", "2")))),
            "refused");
  EXPECT_EQ(count("srtp_downgraded"), 1u);
  EXPECT_TRUE(dataplane->calls().empty());
}

TEST_F(Srtp, AReInviteKeepsTheKeysThatItDoesNotChange) {
  establish();
  const Seen first = seen(offered);
  // On hold by Alice.
  const Seen again =
      seen(sent(call.request(Side::caller, Method::invite, sdp(kAlice, "a=sendonly\r\n", "2"))));
  ASSERT_FALSE(again.keys.empty());
  EXPECT_TRUE(master(again.keys[0]).same_as(master(first.keys[0])));
  EXPECT_FALSE(master(again.keys[1]).same_as(master(first.keys[1])));
  sent(call.response(Side::callee, Method::invite, 200,
                     savp(sdp(kBob, crypto(1, kBobKey) + "a=recvonly\r\n", "2"))));
  EXPECT_TRUE(only_relearned());
  dataplane->forget_log();
  // RFC 4568 section 7.1.4: Bob has a new key.
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "3")));
  sent(call.response(Side::callee, Method::invite, 200, savp(sdp(kBob, crypto(1, kNewKey), "3"))));
  EXPECT_EQ(dataplane->log(),
            (std::vector<std::string>{"update 1 relearn", "update 2 relearn srtp"}));
  EXPECT_TRUE(is(leg(Side::callee)->in, kNewKey));
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(first.keys[0])));
  // Bob asks himself, under another tag: he gets the key that he has of us.
  sent(call.request(Side::callee, Method::invite, savp(sdp(kBob, crypto(4, kNewKey), "4"))));
  const Seen answer = seen(sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice))));
  ASSERT_EQ(answer.keys.size(), 1u);
  EXPECT_EQ(answer.keys[0].tag, 4u);
  EXPECT_TRUE(master(answer.keys[0]).same_as(master(first.keys[0])));
  // Another suite: another key of ours.
  sent(call.request(Side::callee, Method::invite, savp(sdp(kBob, crypto(1, kGcmKey), "5"))));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  EXPECT_EQ(leg(Side::callee)->out->master.suite(), SrtpSuite::aead_aes_128_gcm);
}

TEST_F(Srtp, AFailedReInviteLeavesTheKeys) {
  establish();
  sent(call.request(Side::callee, Method::invite, savp(sdp(kBob, crypto(1, kNewKey), "2"))));
  send(call.response(Side::caller, Method::invite, 488, ""));
  EXPECT_TRUE(dataplane->log().empty());
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
}

TEST_F(Srtp, WhereOptionalSrtpIsRefusedItIsOfferedAlone) {
  for (const int status : {415, 488, 606}) {
    SCOPED_TRACE(status);
    call.branch = "first";
    rules(SrtpPolicy::forbid, SrtpPolicy::offer);
    const Seen optional = seen(sent(call.invite(sdp(kAlice))));
    EXPECT_FALSE(optional.secure);
    EXPECT_EQ(send(call.reply(status, "")).kind, MediaVerdict::Kind::again);
    EXPECT_TRUE(dataplane->calls().empty());
    call.branch = "second";
    MediaMessage again = call.invite(sdp(kAlice));
    again.again = true;
    const Seen alone = seen(sent(again));
    EXPECT_TRUE(alone.secure);
    ASSERT_EQ(alone.keys.size(), optional.keys.size());
    EXPECT_FALSE(master(alone.keys[0]).same_as(master(optional.keys[0])));
    EXPECT_EQ(count("srtp_offered_alone"), 1u);
    EXPECT_NE(send(call.reply(180, "")).kind, MediaVerdict::Kind::again);
    sent(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey)))));
    EXPECT_EQ(leg(Side::caller), nullptr);
    EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(alone.keys[0])));
    // Inside the dialog its refusals are those of its users.
    const Seen hold = seen(sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "2"))));
    EXPECT_TRUE(hold.secure);
    EXPECT_EQ(send(call.response(Side::callee, Method::invite, 488, "")).kind,
              MediaVerdict::Kind::pass);
    end(call.key);
  }
}

TEST_F(Srtp, OtherFailuresAreNoReasonToOfferItAlone) {
  struct Row {
    SrtpPolicy lan, wan;
    int status;
    bool tls;
    MediaVerdict::Kind kind;
  };
  const SrtpPolicy forbid = SrtpPolicy::forbid, offer = SrtpPolicy::offer;
  for (const Row& row : {Row{forbid, offer, 488, true, MediaVerdict::Kind::again},
                         Row{forbid, offer, 486, true, MediaVerdict::Kind::pass},
                         Row{forbid, offer, 408, true, MediaVerdict::Kind::pass},
                         Row{forbid, offer, 488, false, MediaVerdict::Kind::pass},
                         Row{offer, forbid, 488, true, MediaVerdict::Kind::pass},
                         Row{forbid, SrtpPolicy::require, 488, true, MediaVerdict::Kind::pass},
                         Row{SrtpPolicy::pass_through, SrtpPolicy::pass_through, 488, true,
                             MediaVerdict::Kind::pass}}) {
    rules(row.lan, row.wan);
    if (!row.tls) call.callee.transport = Transport::udp;
    sent(call.invite(sdp(kAlice)));
    EXPECT_EQ(send(call.reply(row.status, "")).kind, row.kind) << row.status;
    // A second refusal is the last.
    if (row.kind == MediaVerdict::Kind::again) {
      MediaMessage again = call.invite(sdp(kAlice));
      again.again = true;
      sent(again);
      EXPECT_EQ(send(call.reply(row.status, "")).kind, MediaVerdict::Kind::pass);
    }
    end(call.key);
  }
}

TEST_F(Srtp, OptionalSrtpIsGivenUpAndTakenUp) {
  rules(SrtpPolicy::forbid, SrtpPolicy::offer);
  const Seen offer = seen(sent(call.invite(sdp(kAlice))));
  sent(call.reply(200, sdp(kBob)));
  EXPECT_EQ(leg(Side::callee), nullptr);
  sent(call.request(Side::callee, Method::invite, savp(sdp(kBob, crypto(1, kBobKey), "2"))));
  sent(call.response(Side::caller, Method::invite, 200, sdp(kAlice)));
  ASSERT_TRUE(leg(Side::callee));
  EXPECT_FALSE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
}

TEST_F(Srtp, SrtpThatIsGivenUpInACallIsCountedAndSaidOnce) {
  const std::string alice = sdp(kAlice, crypto(1, kAliceKey)), bob = sdp(kBob, crypto(1, kBobKey));
  rules(SrtpPolicy::offer, SrtpPolicy::offer);
  sent(call.invite(alice));
  sent(call.reply(200, bob));
  EXPECT_EQ(count("srtp_given_up"), 0u);
  // Alice's offer is plain, and Bob's answer still has SRTP.
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "2")));
  sent(call.response(Side::callee, Method::invite, 200, bob));
  EXPECT_EQ(leg(Side::caller), nullptr);
  EXPECT_NE(leg(Side::callee), nullptr);
  EXPECT_EQ(count("srtp_given_up"), 1u);
  EXPECT_NE(logged.find("the caller of call hf-0000000000000001 goes on in plain RTP"),
            std::string::npos);
  // She has it again, and Bob gives it up by his answer.
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, crypto(1, kNewKey), "3")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "", "2")));
  EXPECT_EQ(leg(Side::callee), nullptr);
  EXPECT_EQ(count("srtp_given_up"), 2u);
  EXPECT_EQ(logged.find("callee of call"), std::string::npos) << "once a call";
  // One that never had it gives nothing up.
  sent(call.request(Side::caller, Method::invite, sdp(kAlice, crypto(1, kNewKey), "4")));
  sent(call.response(Side::callee, Method::invite, 200, sdp(kBob, "", "3")));
  EXPECT_EQ(count("srtp_given_up"), 2u);
}

TEST_F(Srtp, ForksHaveKeysOfTheirOwnAndTheLastToAnswerLeads) {
  rules(SrtpPolicy::forbid, SrtpPolicy::require);
  const Seen offer = seen(sent(call.invite(sdp(kAlice))));
  Call first = call, second = call;
  first.callee_tag = "carol";
  sent(first.reply(183, savp(sdp("198.18.3.30:7000", crypto(1, kNewKey)))));
  EXPECT_TRUE(is(leg(Side::callee)->in, kNewKey));
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
  // Bob takes the GCM line (the fifth): until he wins, the key on the way out is the first's.
  sent(second.reply(183, savp(sdp(kBob, crypto(5, kGcmKey)))));
  EXPECT_EQ(leg(Side::callee)->in->master.suite(), SrtpSuite::aead_aes_128_gcm);
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
  sent(second.reply(200, savp(sdp(kBob, crypto(5, kGcmKey)))));
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[4])));
  // A second 2xx that outlives the first would need the key that was given up: nothing is sent.
  sent(first.reply(200, savp(sdp("198.18.3.30:7000", crypto(1, kNewKey)))));
  anchor->dialog_ended(call.key, "alice", "bob");
  settle();
  EXPECT_TRUE(is(leg(Side::callee)->in, kNewKey));
  EXPECT_FALSE(leg(Side::callee)->out);
  EXPECT_EQ(count("srtp_keys_spent"), 1u);
}

TEST_F(Srtp, AfterARestartOfOursTheLegsGoOnAndTheNextOfferBringsKeys) {
  establish();
  const Seen before = seen(offered);
  start_anchor();
  settle();
  pass(20'000);
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey)) << "nobody touched it";
  const Seen again = seen(sent(call.request(Side::caller, Method::invite, sdp(kAlice, "", "2"))));
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  ASSERT_FALSE(again.keys.empty());
  for (const auto& each : again.keys)
    for (const auto& old : before.keys) EXPECT_FALSE(master(each).same_as(master(old)));
  sent(call.response(Side::callee, Method::invite, 200, savp(sdp(kBob, crypto(1, kBobKey), "2"))));
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(again.keys[0])));
}

TEST_F(Srtp, AnAnswerToAnOfferFromBeforeARestartHasLostItsKeys) {
  rules(SrtpPolicy::forbid, SrtpPolicy::require);
  sent(call.invite(sdp(kAlice)));
  start_anchor();
  settle();
  const MediaVerdict verdict = send(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey)))));
  EXPECT_EQ(verdict.kind, MediaVerdict::Kind::refuse);
  EXPECT_EQ(verdict.reason, "srtp_keys_lost");
}

TEST_F(Srtp, ADataplaneThatLostItsLegsGetsKeysAndACheckpointAhead) {
  establish();
  media::SrtpLegCheckpoint seen_last;
  seen_last.out.stream_count = 1;
  seen_last.out.streams[0] = {70'000, 7, 12, true, true};
  dataplane->set_checkpoint(media::to_text(seen_last));
  pass(2'500);
  EXPECT_GE(count("checkpoints"), 2u);
  std::set<uint64_t> indices;
  for (uint64_t lost = 1; lost <= 2; ++lost) {
    dataplane->set_checkpoint("");  // none came of the new one yet
    dataplane->kill();
    settle();
    dataplane->start();
    pass(1'000);
    ASSERT_EQ(dataplane->calls().size(), 1u);
    EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
    EXPECT_EQ(leg(Side::caller), nullptr);
    EXPECT_EQ(dataplane->checkpoints_given(name)[0], "");
    const auto given = media::checkpoint_from_text(dataplane->checkpoints_given(name)[1]);
    ASSERT_TRUE(given);
    EXPECT_EQ(given->out.streams[0].index, 70'000 + lost * media::kRestoreRtpJump);
    EXPECT_EQ(given->out.streams[0].rtcp_index, 12 + lost * media::kRestoreRtcpJump);
  }
  // One that refuses them has sent nothing: it is asked again with the same numbers.
  dataplane->kill();
  settle();
  dataplane->start();
  dataplane->refuse_adds(control::ErrorCode::kNoSrtp);
  pass(1'000);
  dataplane->refuse_adds(std::nullopt);
  pass(6'000);
  const auto given = media::checkpoint_from_text(dataplane->checkpoints_given(name)[1]);
  ASSERT_TRUE(given);
  EXPECT_EQ(given->out.streams[0].index, 70'000 + 3 * media::kRestoreRtpJump);
}

TEST_F(Srtp, ALegThatDiffersIsToldAgain) {
  establish();
  control::CallReport wrong = dataplane->only();
  wrong.legs[1].srtp.reset();
  dataplane->add(wrong);
  pass(10'000);
  ASSERT_TRUE(dataplane->only().legs[1].srtp);
  EXPECT_EQ(dataplane->only().legs[1].srtp->in, "AES_CM_128_HMAC_SHA1_80");
}

TEST_F(Srtp, AnOfferInThe200AndItsAnswerInTheAck) {
  rules(SrtpPolicy::require, SrtpPolicy::forbid);
  send(call.invite(""));
  const Seen offer = seen(sent(call.reply(200, sdp(kBob))));
  EXPECT_TRUE(offer.secure);
  ASSERT_FALSE(offer.keys.empty());
  const Seen ack =
      seen(sent(call.request(Side::caller, Method::ack, savp(sdp(kAlice, crypto(1, kAliceKey))))));
  EXPECT_FALSE(ack.secure);
  EXPECT_TRUE(is(leg(Side::caller)->in, kAliceKey));
  EXPECT_TRUE(leg(Side::caller)->out->master.same_as(master(offer.keys[0])));
}

TEST_F(Srtp, ARepeatedAnswerChangesNothing) {
  establish();
  const std::string again = sent(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey)))));
  EXPECT_EQ(again, answered);
  EXPECT_TRUE(only_relearned());
}

}  // namespace
}  // namespace holdfast::sip
