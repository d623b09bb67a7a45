// SPDX-License-Identifier: Apache-2.0
// SRTP of an m= line by the rules of both sides: what is taken, offered, kept and refused.
#include "media/srtp/sdes_terms.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/media_call.hh"

namespace holdfast::media {
namespace {

using Mode = SrtpEnd::Mode;

// Keys of 30 bytes, those of AES_CM_128; and of 28, those of AEAD_AES_128_GCM.
const std::string kKey1 = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const std::string kKey2 = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const std::string kGcmKey = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
const std::string k80 = "AES_CM_128_HMAC_SHA1_80 ";
const std::string k32 = "AES_CM_128_HMAC_SHA1_32 ";
const std::string kGcm = "AEAD_AES_128_GCM ";
const std::vector<SrtpSuite> kTwo = {SrtpSuite::aes_cm_128_hmac_sha1_80,
                                     SrtpSuite::aead_aes_128_gcm};

SrtpRules rules(SrtpPolicy policy, bool tls = true, const std::vector<SrtpSuite>& suites = kTwo) {
  return {policy, suites, tls};
}
SrtpTerms terms(SrtpPolicy own, SrtpPolicy other = SrtpPolicy::forbid, bool tls = true) {
  return srtp_terms(rules(own, tls), rules(other));
}
MediaDescription line(bool secure, bool crypto) {
  MediaDescription made;
  made.media = "audio";
  made.transport = secure ? MediaTransport::srtp : MediaTransport::rtp;
  made.port = 4000;
  made.crypto = crypto;
  return made;
}
std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}
SrtpOutcome offer(const std::vector<std::string>& crypto, const SrtpTerms& writer,
                  const SrtpTerms& reader, MediaDescription& out, const SrtpBefore& before = {}) {
  out.crypto = !crypto.empty();
  return settle_offer(views(crypto), writer, reader, before, out);
}
std::string shown(const MediaDescription& each) {
  std::string text = each.srtp.mode == Mode::plain
                         ? "plain"
                         : std::to_string(each.crypto_tag) + " " +
                               std::string(traits_of(each.srtp.in->master.suite()).name);
  if (each.srtp.mode == Mode::sdes) {
    EXPECT_EQ(each.srtp.in->master.suite(), each.srtp.out->master.suite());
  }
  return text;
}

const SrtpPolicy kPass = SrtpPolicy::pass_through, kForbid = SrtpPolicy::forbid,
                 kOffer = SrtpPolicy::offer, kRequire = SrtpPolicy::require;

TEST(SdesTerms, AnOfferIsTakenOrRefusedByTheRulesOfItsWriter) {
  struct Row {
    std::string name;
    SrtpPolicy policy;
    bool tls, secure;
    std::vector<std::string> crypto;
    std::string taken;  // or the refusal
  };
  const std::vector<std::string> good = {"1 " + k80 + kKey1};
  const std::vector<std::string> mixed = {"1 F8_128_HMAC_SHA1_80 " + kKey1,
                                          "2 " + kGcm + "inline:x", "3 " + k80 + kKey1 + " KDR=1",
                                          "4 " + kGcm + kGcmKey, "4 " + k80 + kKey1};
  const std::vector<std::string> unusable = {"1 " + k32 + kKey1};
  const Row rows[] = {
      {"forbid takes plain", kForbid, true, false, {}, "plain"},
      {"forbid passes over optional keys", kForbid, true, false, good, "plain"},
      {"forbid refuses SAVP", kForbid, true, true, good, "srtp_forbidden"},
      {"forbid refuses SAVP over UDP too", kForbid, false, true, good, "srtp_forbidden"},
      {"offer takes plain", kOffer, true, false, {}, "plain"},
      {"offer takes optional keys", kOffer, true, false, good, "1 AES_CM_128_HMAC_SHA1_80"},
      {"offer takes SAVP", kOffer, true, true, good, "1 AES_CM_128_HMAC_SHA1_80"},
      {"what is bad is passed over", kOffer, true, true, mixed, "4 AEAD_AES_128_GCM"},
      {"optional keys of no use", kOffer, true, false, unusable, "plain"},
      {"no suite is left", kOffer, true, true, unusable, "srtp_no_suite"},
      {"SAVP without keys", kOffer, true, true, {}, "srtp_no_crypto"},
      {"keys in the clear are not taken", kOffer, false, false, good, "plain"},
      {"nor can SAVP be", kOffer, false, true, good, "srtp_needs_tls"},
      {"pass-through beside another is as offer", kPass, true, true, good,
       "1 AES_CM_128_HMAC_SHA1_80"},
      {"require refuses plain", kRequire, true, false, {}, "srtp_required"},
      {"require takes optional keys", kRequire, true, false, good, "1 AES_CM_128_HMAC_SHA1_80"},
      {"require with optional keys of no use", kRequire, true, false, unusable, "srtp_no_suite"},
      {"require over UDP", kRequire, false, false, good, "srtp_needs_tls"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    MediaDescription out = line(row.secure, false);
    const SrtpOutcome outcome =
        offer(row.crypto, terms(row.policy, kForbid, row.tls), terms(kForbid), out);
    EXPECT_EQ(outcome.refused.empty() ? shown(out) : std::string(outcome.refused), row.taken);
    EXPECT_TRUE(out.srtp_ours && out.crypto_onward.empty() && !out.secure_onward);
  }
}

TEST(SdesTerms, EveryBadLineIsNamed) {
  MediaDescription out = line(true, true);
  const SrtpOutcome outcome =
      offer({"1 F8_128_HMAC_SHA1_80 " + kKey1, "2 " + kGcm + "inline:!", "2 " + k80 + kKey1,
             "3 " + k80 + "inline:AAAA", "4 " + k80 + kKey1 + " KDR=0", "5 " + k80 + kKey1,
             "5 " + k80 + kKey2},
            terms(kOffer), terms(kForbid), out);
  EXPECT_TRUE(outcome.refused.empty());
  EXPECT_EQ(out.crypto_tag, 2u);
  std::vector<std::string> names;
  for (const SdesReject each : outcome.passed_over) names.emplace_back(name_of(each));
  EXPECT_EQ(names, (std::vector<std::string>{"sdes_unknown_suite", "sdes_bad_base64",
                                             "sdes_bad_key_length", "sdes_key_derivation_rate",
                                             "sdes_duplicate_tag"}));
}

TEST(SdesTerms, BothPassThroughTouchesNothing) {
  MediaDescription out = line(true, true);
  const SrtpOutcome outcome = offer({"1 nonsense"}, terms(kPass, kPass), terms(kPass, kPass), out);
  EXPECT_TRUE(outcome.refused.empty() && outcome.passed_over.empty() && !out.srtp_ours);
  EXPECT_EQ(out.srtp, SrtpEnd{});
}

TEST(SdesTerms, PassThroughTellsNoKeysFromTlsInTheClear) {
  const std::vector<std::string> good = {"1 " + k80 + kKey1};
  for (const bool tls : {true, false}) {
    SCOPED_TRACE(tls);
    const SrtpTerms writer = srtp_terms(rules(kPass, tls), rules(kPass, !tls));
    const SrtpTerms reader = srtp_terms(rules(kPass, !tls), rules(kPass, tls));
    MediaDescription optional = line(false, false);
    EXPECT_TRUE(offer(good, writer, reader, optional).refused.empty());
    EXPECT_TRUE(optional.srtp_ours && optional.crypto_onward.empty() && !optional.secure_onward);
    EXPECT_EQ(optional.srtp, SrtpEnd{});
    MediaDescription alone = line(true, false);
    EXPECT_EQ(offer(good, writer, reader, alone).refused, "srtp_needs_tls");
    MediaDescription plain = line(false, false);
    EXPECT_TRUE(offer({}, writer, reader, plain).refused.empty());
    EXPECT_EQ(srtp_terms(rules(kPass, tls), rules(kPass, tls)).ours, false);
  }
}

TEST(SdesTerms, TheInterfacesOrderChooses) {
  MediaDescription out = line(true, true);
  const std::vector<SrtpSuite> gcm_first = {SrtpSuite::aead_aes_128_gcm,
                                            SrtpSuite::aes_cm_128_hmac_sha1_80};
  const SrtpTerms writer = srtp_terms(rules(kOffer, true, gcm_first), rules(kForbid));
  EXPECT_EQ(offer({"1 " + k80 + kKey1, "2 " + kGcm + kGcmKey}, writer, terms(kForbid), out).refused,
            "");
  EXPECT_EQ(shown(out), "2 AEAD_AES_128_GCM");
}

TEST(SdesTerms, TheReaderIsOfferedKeysOfOurs) {
  struct Row {
    SrtpPolicy policy;
    bool tls;
    size_t lines;
    bool secure;
    std::string refused;
  };
  for (const Row& row :
       {Row{kForbid, true, 0, false, ""}, Row{kOffer, true, 2, false, ""},
        Row{kPass, true, 2, false, ""}, Row{kRequire, true, 2, true, ""},
        Row{kOffer, false, 0, false, ""}, Row{kRequire, false, 0, true, "srtp_needs_tls"}}) {
    MediaDescription out = line(false, false);
    const SrtpOutcome outcome = offer({}, terms(kForbid), terms(row.policy, kForbid, row.tls), out);
    EXPECT_EQ(outcome.refused, row.refused);
    EXPECT_EQ(out.crypto_onward.size(), row.lines);
    EXPECT_EQ(out.secure_onward, row.secure);
    for (size_t i = 0; i < out.crypto_onward.size(); ++i) {
      EXPECT_EQ(out.crypto_onward[i].tag, i + 1);
      EXPECT_EQ(out.crypto_onward[i].key->master.suite(), kTwo[i]);
    }
  }
}

TEST(SdesTerms, AnAnswerTakesOneOfOursOrIsRefused) {
  struct Row {
    std::string name;
    SrtpPolicy reader;
    bool secure;
    std::vector<std::string> crypto;
    std::string taken;
  };
  const Row rows[] = {
      {"plain to plain", kForbid, false, {}, "plain"},
      {"keys that were not asked for", kForbid, false, {"1 " + k80 + kKey1}, "plain"},
      {"SAVP that was not offered", kForbid, true, {"1 " + k80 + kKey1}, "srtp_unasked"},
      {"optional, taken", kOffer, false, {"2 " + kGcm + kGcmKey}, "2 AEAD_AES_128_GCM"},
      {"optional, taken as SAVP", kOffer, true, {"1 " + k80 + kKey1}, "1 AES_CM_128_HMAC_SHA1_80"},
      {"optional, not taken", kOffer, false, {}, "plain"},
      {"required, taken", kRequire, true, {"1 " + k80 + kKey1}, "1 AES_CM_128_HMAC_SHA1_80"},
      {"required, in the clear", kRequire, false, {}, "srtp_downgraded"},
      {"required, no key", kRequire, true, {}, "srtp_no_crypto"},
      {"4568-5.1.3 another tag", kOffer, false, {"3 " + k80 + kKey1}, "sdes_answer_tag"},
      {"4568-5.1.3 another suite", kOffer, false, {"2 " + k80 + kKey1}, "sdes_answer_suite"},
      {"a bad key", kOffer, false, {"1 " + k80 + "inline:AAAA"}, "sdes_bad_key_length"},
      {"the one that fits",
       kOffer,
       false,
       {"7 " + k80 + kKey2, "1 " + k80 + kKey1},
       "1 AES_CM_128_HMAC_SHA1_80"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    MediaDescription offered = line(false, false);
    ASSERT_EQ(offer({}, terms(kForbid), terms(row.reader), offered).refused, "");
    MediaDescription out = line(row.secure, !row.crypto.empty());
    const SrtpOutcome outcome = settle_answer(views(row.crypto), offered, nullptr, out);
    EXPECT_EQ(outcome.refused.empty() ? shown(out) : std::string(outcome.refused), row.taken);
    if (out.srtp.mode == Mode::sdes) {
      EXPECT_EQ(out.srtp.out, offered.crypto_onward[out.crypto_tag - 1].key);
    }
  }
  MediaDescription from_before = line(false, false);
  from_before.srtp_ours = true;
  from_before.srtp.mode = Mode::kept;
  MediaDescription out = line(true, true);
  EXPECT_EQ(settle_answer({}, from_before, nullptr, out).refused, "srtp_keys_lost");
}

TEST(SdesTerms, KeysStayWhileTheyHold) {
  const SrtpTerms both = terms(kOffer, kOffer);
  MediaDescription first = line(true, true), answered = line(false, true);
  ASSERT_EQ(offer({"1 " + k80 + kKey1}, both, both, first).refused, "");
  const std::vector<std::string> answer = {"2 " + kGcm + kGcmKey};
  ASSERT_EQ(settle_answer(views(answer), first, nullptr, answered).refused, "");

  // The same offer again, while it waits: not one key is another.
  MediaDescription again = line(true, true);
  ASSERT_EQ(offer({"1 " + k80 + kKey1}, both, both, again, {&first, nullptr, nullptr}).refused, "");
  EXPECT_EQ(again, first);

  // A re-offer under another tag: theirs and ours stay; the reader's suite comes first, with the
  // key that it has of us, and what is offered beside is new.
  MediaDescription later = line(true, true);
  const SrtpBefore standing{nullptr, &first, &answered};
  ASSERT_EQ(offer({"9 " + k80 + kKey1}, both, both, later, standing).refused, "");
  EXPECT_EQ(later.crypto_tag, 9u);
  EXPECT_EQ(later.srtp, first.srtp);
  ASSERT_EQ(later.crypto_onward.size(), 2u);
  EXPECT_EQ(later.crypto_onward[0].key, answered.srtp.out);
  EXPECT_NE(later.crypto_onward[1].key, first.crypto_onward[0].key);

  // RFC 4568 section 7.1.4: a new key of theirs; ours stays. Another suite: both are new.
  MediaDescription rekeyed = line(true, true), other_suite = line(true, true);
  ASSERT_EQ(offer({"1 " + k80 + kKey2}, both, both, rekeyed, standing).refused, "");
  EXPECT_NE(rekeyed.srtp.in, first.srtp.in);
  EXPECT_EQ(rekeyed.srtp.out, first.srtp.out);
  ASSERT_EQ(offer({"1 " + kGcm + kGcmKey}, both, both, other_suite, standing).refused, "");
  EXPECT_NE(other_suite.srtp.out, first.srtp.out);

  // The other side asks: what it had of us last is what it gets again.
  MediaDescription back = line(false, true), back_answer = line(true, true);
  ASSERT_EQ(offer(answer, both, both, back, {nullptr, &answered, &first}).refused, "");
  EXPECT_EQ(back.srtp, answered.srtp);
  EXPECT_EQ(back.crypto_onward[0].key, first.srtp.out);
  const std::vector<std::string> same = {"1 " + k80 + kKey1};
  ASSERT_EQ(settle_answer(views(same), back, &first, back_answer).refused, "");
  EXPECT_EQ(back_answer.srtp, first.srtp);
}

// A phone that has nothing else refuses RTP/AVP, and what is SRTP shall not become less.
TEST(SdesTerms, WhoSaidSavpIsOfferedSavpAgain) {
  const SrtpTerms both = terms(kOffer, kOffer), plain = terms(kForbid, kOffer);
  const auto offered_to = [&](bool secure, Mode mode, const SrtpTerms& reader) {
    MediaDescription said = line(secure, true), out = line(false, false);
    said.srtp.mode = mode;
    EXPECT_EQ(offer({}, plain, reader, out, {nullptr, nullptr, &said}).refused, "");
    return out.secure_onward;
  };
  EXPECT_TRUE(offered_to(true, Mode::sdes, both));
  EXPECT_TRUE(offered_to(false, Mode::kept, both));
  EXPECT_FALSE(offered_to(false, Mode::sdes, both));
  EXPECT_FALSE(offered_to(false, Mode::plain, both));
  EXPECT_FALSE(offered_to(true, Mode::sdes, terms(kOffer, kForbid, /*tls=*/false)));
}

TEST(SdesTerms, LifetimeAndMkiOfTheirsAreCarried) {
  MediaDescription out = line(true, true);
  ASSERT_EQ(offer({"1 " + k80 + kKey1 + "|2^31|1:4"}, terms(kOffer), terms(kForbid), out).refused,
            "");
  EXPECT_EQ(out.srtp.in->lifetime_packets, uint64_t{1} << 31);
  EXPECT_EQ(out.srtp.in->mki, (SrtpMki{1, 4}));
  EXPECT_EQ(out.srtp.out->mki.bytes, 0);
}

TEST(SdesTerms, TextsOfOursReadAsWhatTheyAre) {
  MediaDescription out = line(false, false);
  ASSERT_EQ(offer({}, terms(kForbid), terms(kOffer), out).refused, "");
  CryptoTexts texts;
  for (const CryptoOffer& each : out.crypto_onward) texts.add(each);
  ASSERT_EQ(texts.all().size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto read = parse_crypto(texts.all()[i]);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->tag, i + 1);
    EXPECT_TRUE(read->keys.front().master.same_as(out.crypto_onward[i].key->master));
    EXPECT_LE(texts.all()[i].size(), 110u);
  }
}

// Two forks behind us take different keys of ours; who leads is not settled before one has won.
TEST(SdesTerms, TheStreamsOfACallHaveTheKeys) {
  MediaCall call("a");
  const SrtpTerms plain = terms(kForbid, kOffer), srtp = terms(kOffer);
  MediaList offered = {line(false, false)};
  ASSERT_EQ(offer({}, plain, srtp, offered[0]).refused, "");
  ASSERT_TRUE(call.offer({"a", "", "z"}, Carrier::reliable, offered));
  EXPECT_EQ(call.wanted()[0].end(Side::caller).srtp.mode, Mode::plain);
  EXPECT_EQ(call.wanted()[0].end(Side::callee).srtp, (SrtpEnd{Mode::sdes, nullptr, nullptr}));

  const auto answer = [&](const std::string& tag, Carrier carrier, const std::string& crypto) {
    const OfferAnswer* state = call.state_of({"a", tag, "z"});
    ASSERT_TRUE(state && state->last_offer());
    MediaList answered = {line(true, true)};
    const std::vector<std::string> lines = {crypto};
    const SrtpOutcome outcome =
        settle_answer(views(lines), (*state->last_offer())[0], state->preview(0), answered[0]);
    ASSERT_EQ(outcome.refused, "");
    EXPECT_TRUE(call.answer({"a", tag, "z"}, carrier, answered));
  };
  const auto end = [&] { return call.wanted()[0].end(Side::callee).srtp; };
  answer("b1", Carrier::provisional, "1 " + k80 + kKey1);
  EXPECT_FALSE(call.wanted()[0].contested);
  EXPECT_EQ(end().out, offered[0].crypto_onward[0].key);
  const SdesKeyPtr first_in = end().in;
  answer("b1", Carrier::provisional, "1 " + k80 + kKey1);
  EXPECT_EQ(end().in, first_in) << "said twice it is the same key";
  answer("b2", Carrier::provisional, "2 " + kGcm + kGcmKey);
  EXPECT_TRUE(call.wanted()[0].contested);
  EXPECT_EQ(end().out, offered[0].crypto_onward[1].key);
  EXPECT_NE(end().in, first_in);
  answer("b1", Carrier::final, "1 " + k80 + kKey1);
  EXPECT_FALSE(call.wanted()[0].contested);
  EXPECT_EQ(end(), (SrtpEnd{Mode::sdes, first_in, offered[0].crypto_onward[0].key}));
  // As it stands it is what a re-INVITE goes on from.
  const OfferAnswer* state = call.state_of({"b1", "a", ""});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->agreed(Side::callee, 0)->srtp, end());
  EXPECT_EQ(state->agreed(Side::caller, 0)->crypto_onward, offered[0].crypto_onward);
  EXPECT_EQ(state->agreed(Side::caller, 1), nullptr);
  EXPECT_FALSE(state->pending_offer());
  EXPECT_EQ(call.state_of({"a", "b9", "y"}), nullptr);
}

}  // namespace
}  // namespace holdfast::media
