// SPDX-License-Identifier: Apache-2.0
// Offer and answer in one dialog: scripts of messages, what each is taken as, and the streams
// after.
#include "media/offer_answer.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

namespace holdfast::media {
namespace {

// "audio 198.18.1.10:4000 | video 0": one m= line between bars, port 0 for a refused one.
MediaList media(const std::string& text) {
  MediaList list;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line, '|');) {
    std::istringstream words(line);
    std::string kind;
    std::string address;
    words >> kind >> address;
    MediaDescription& each = list.emplace_back();
    each.media = kind;
    each.transport = kind == "image"     ? MediaTransport::udptl
                     : kind == "message" ? MediaTransport::other
                                         : MediaTransport::rtp;
    if (address == "0") continue;
    each.remote = SocketAddress::parse(address);
    each.port = each.remote->port;
  }
  return list;
}

// "0:audio 198.18.1.10:4000 198.18.3.10:6000; 1:video? ..." with ? for what is not agreed.
std::string shown(const StreamList& streams) {
  std::string text;
  for (const MediaStream& stream : streams) {
    if (!text.empty()) text += "; ";
    text += std::to_string(stream.slot) + ":" + stream.media + (stream.agreed ? "" : "?");
    for (const StreamEnd& end : stream.ends)
      text += " " + (end.remote ? end.remote->to_string() : "-");
  }
  return text;
}

enum class Verb { offer, answer, withdraw, settle };

struct Step {
  Verb verb;
  Side from;
  Carrier carrier;
  std::string sdp;
  std::string taken;    // fresh, repeat, or the name of the refusal
  std::string streams;  // after it
};

std::string shown(const OfferAnswerOutcome& outcome) {
  if (!outcome) return std::string(name_of(outcome.error()));
  return *outcome == Taken::fresh ? "fresh" : "repeat";
}

std::string apply(OfferAnswer& state, const Step& step) {
  switch (step.verb) {
    case Verb::offer:
      return shown(state.offer(step.from, step.carrier, media(step.sdp)));
    case Verb::answer:
      return shown(state.answer(step.from, step.carrier, media(step.sdp)));
    case Verb::withdraw:
      return state.withdraw() ? "fresh" : "repeat";
    case Verb::settle:
      state.settle();
      return "fresh";
  }
  return {};
}

constexpr auto A = Side::caller;
constexpr auto B = Side::callee;
constexpr auto kEarly = Carrier::provisional;
constexpr auto kSure = Carrier::reliable;
constexpr auto kFinal = Carrier::final;
constexpr auto O = Verb::offer;
constexpr auto N = Verb::answer;
constexpr auto W = Verb::withdraw;

const std::string a1 = "audio 10.0.0.1:4000";
const std::string a2 = "audio 10.0.0.1:4002";
const std::string b1 = "audio 10.0.0.2:6000";
const std::string b2 = "audio 10.0.0.2:6002";
const std::string kOffered = "0:audio? 10.0.0.1:4000 -";
const std::string kTalk = "0:audio 10.0.0.1:4000 10.0.0.2:6000";

struct Script {
  std::string name;
  std::vector<Step> steps;
};

const Script kScripts[] = {
    {"6337-2.1 offer in INVITE, answer in 200 and in its retransmission",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {N, B, kFinal, b1, "repeat", kTalk}}},
    {"6337-3.1.1 the same answer in 183, 183 and a late 200",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kEarly, b1, "fresh", kTalk},
      {N, B, kEarly, b1, "repeat", kTalk},
      {N, B, kFinal, b1, "repeat", kTalk}}},
    {"in the field: 183 without 100rel from an announcement, 200 from elsewhere",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kEarly, b2, "fresh", "0:audio 10.0.0.1:4000 10.0.0.2:6002"},
      {N, B, kFinal, b1, "fresh", kTalk}}},
    {"in the field: 183 without 100rel, 200 without SDP",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kEarly, b1, "fresh", kTalk},
      {Verb::settle, B, kFinal, "", "fresh", kTalk},
      {O, B, kSure, b2, "fresh", kTalk}}},
    {"3261-13.2.1 after a reliable 183 another SDP in 200 is not an answer",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kSure, b1, "fresh", kTalk},
      {N, B, kFinal, b2, "oa_answer_changed", kTalk}}},
    {"6337-2.2 offer in 200, answer in ACK and in its retransmission",
     {{O, B, kFinal, b1, "fresh", "0:audio? - 10.0.0.2:6000"},
      {N, A, kFinal, a1, "fresh", kTalk},
      {N, A, kFinal, a1, "repeat", kTalk}}},
    {"6337-3.1.2 offer in a 1xx that may be lost, changed in 200",
     {{O, B, kEarly, b2, "fresh", "0:audio? - 10.0.0.2:6002"},
      {O, B, kFinal, b1, "fresh", "0:audio? - 10.0.0.2:6000"},
      {O, B, kFinal, b1, "repeat", "0:audio? - 10.0.0.2:6000"},
      {O, B, kFinal, b2, "oa_offer_pending", "0:audio? - 10.0.0.2:6000"},
      {N, A, kFinal, a1, "fresh", kTalk}}},
    {"3262-5 offer in PRACK, answer in its 200",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kSure, b1, "fresh", kTalk},
      {O, A, kSure, a2, "fresh", kTalk},
      {N, B, kSure, b1, "fresh", "0:audio 10.0.0.1:4002 10.0.0.2:6000"}}},
    {"3311-5.2 UPDATE of the callee before 200",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kSure, b2, "fresh", "0:audio 10.0.0.1:4000 10.0.0.2:6002"},
      {O, B, kSure, b1, "fresh", "0:audio 10.0.0.1:4000 10.0.0.2:6002"},
      {N, A, kSure, a1, "fresh", kTalk}}},
    {"3264-8 re-INVITE refused by 488: what stood stands",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {O, B, kSure, b2 + "|video 10.0.0.2:7000", "fresh", kTalk + "; 1:video? - 10.0.0.2:7000"},
      {W, B, kSure, "", "fresh", kTalk},
      {W, B, kSure, "", "repeat", kTalk},
      {O, A, kSure, a2, "fresh", kTalk}}},
    {"3261-14.1 glare: 491",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {O, A, kSure, a2, "fresh", kTalk},
      {O, B, kSure, b2, "oa_glare", kTalk},
      {O, A, kSure, a1, "oa_offer_pending", kTalk},
      {N, A, kSure, a1, "oa_answer_own_offer", kTalk},
      {N, B, kFinal, b1, "fresh", "0:audio 10.0.0.1:4002 10.0.0.2:6000"}}},
    {"3264-4 answers nobody asked for",
     {{N, B, kFinal, b1, "oa_answer_unasked", ""},
      {W, A, kSure, "", "repeat", ""},
      {O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {N, A, kFinal, a1, "oa_answer_unasked", kTalk}}},
    {"3264-6 the INVITE fails after early media",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kEarly, b1, "fresh", kTalk},
      {W, B, kFinal, "", "fresh", ""}}},
    {"3264-6 one line of two refused",
     {{O, A, kSure, a1 + "|video 10.0.0.1:5000", "fresh", kOffered + "; 1:video? 10.0.0.1:5000 -"},
      {N, B, kFinal, b1 + "|video 0", "fresh", kTalk}}},
    {"3264-6 answers of another shape",
     {{O, A, kSure, a1 + "|video 0", "fresh", kOffered},
      {N, B, kFinal, b1, "oa_media_count", kOffered},
      {N, B, kFinal, b1 + "|video 0|audio 0", "oa_media_count", kOffered},
      {N, B, kFinal, b1 + "|video 10.0.0.2:7000", "oa_media_revived", kOffered},
      {N, B, kFinal, "video 10.0.0.2:6000|audio 0", "oa_media_kind", kOffered},
      {N, B, kFinal, "image 10.0.0.2:6000|video 0", "oa_media_kind", kOffered},
      {N, B, kFinal, b1 + "|audio 0", "fresh", kTalk}}},
    {"3264-8 lines come, go to port 0, and never fewer",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {O, A, kSure, a1 + "|video 10.0.0.1:5000", "fresh", kTalk + "; 1:video? 10.0.0.1:5000 -"},
      {N, B, kFinal, b1 + "|video 10.0.0.2:7000", "fresh",
       kTalk + "; 1:video 10.0.0.1:5000 10.0.0.2:7000"},
      {O, B, kSure, b1, "oa_media_removed", kTalk + "; 1:video 10.0.0.1:5000 10.0.0.2:7000"},
      {O, B, kSure, b1 + "|video 0", "fresh", kTalk + "; 1:video 10.0.0.1:5000 10.0.0.2:7000"},
      {N, A, kFinal, a1 + "|video 0", "fresh", kTalk}}},
    {"T.38 D.2.2.4 audio turns into fax, and back",
     {{O, A, kSure, a1, "fresh", kOffered},
      {N, B, kFinal, b1, "fresh", kTalk},
      {O, B, kSure, "image 10.0.0.2:6004", "fresh", kTalk + "; 0:image? - 10.0.0.2:6004"},
      {N, A, kFinal, "image 10.0.0.1:4004", "fresh", "0:image 10.0.0.1:4004 10.0.0.2:6004"},
      {O, A, kSure, a1, "fresh", "0:image 10.0.0.1:4004 10.0.0.2:6004; 0:audio? 10.0.0.1:4000 -"},
      {W, A, kSure, "", "fresh", "0:image 10.0.0.1:4004 10.0.0.2:6004"}}},
    {"what no relay carries makes no stream",
     {{O, A, kSure, "message 10.0.0.1:2855", "fresh", ""},
      {N, B, kFinal, "message 10.0.0.2:2855", "fresh", ""}}},
    {"3264-5 no m= line at all", {{O, A, kSure, "", "fresh", ""}, {N, B, kFinal, "", "fresh", ""}}},
};

TEST(OfferAnswer, Scripts) {
  for (const Script& script : kScripts) {
    OfferAnswer state;
    int number = 0;
    for (const Step& step : script.steps) {
      ++number;
      EXPECT_EQ(apply(state, step), step.taken) << script.name << ", step " << number;
      EXPECT_EQ(shown(state.wanted()), step.streams) << script.name << ", step " << number;
    }
  }
}

TEST(OfferAnswer, AStreamTakesTheClocksOfItsReader) {
  MediaList offer = media(a1);
  offer[0].clocks.add({96, 16000});
  MediaList answer = media(b1);
  answer[0].clocks.add({97, 48000});
  OfferAnswer state;
  ASSERT_TRUE(state.offer(A, kSure, offer));
  EXPECT_EQ(state.wanted()[0].end(B).clocks.all()[0], (PayloadClock{96, 16000}));
  ASSERT_TRUE(state.answer(B, kEarly, answer));
  const MediaStream plain = state.wanted()[0];
  EXPECT_EQ(plain.end(A).clocks.all()[0], (PayloadClock{97, 48000})) << "RFC 3264 section 6.1";
  EXPECT_EQ(plain.end(A).clocks.all()[1], (PayloadClock{96, 16000}));
}

// RFC 5761 section 5.1.1, with each side for itself: what A offered we answer, what we offered B
// answers.
TEST(OfferAnswer, RtcpMuxIsAgreedWithEachSide) {
  for (const bool a_offers : {false, true}) {
    for (const bool b_offered : {false, true}) {
      for (const bool b_takes : {false, true}) {
        MediaList offer = media(a1);
        offer[0].rtcp_mux = a_offers;
        offer[0].rtcp_mux_onward = b_offered;
        offer[0].remote_rtcp = SocketAddress::parse("10.0.0.1:4009");
        MediaList answer = media(b1);
        answer[0].rtcp_mux = b_takes;
        answer[0].remote_rtcp = SocketAddress::parse("10.0.0.2:6001");
        OfferAnswer state;
        ASSERT_TRUE(state.offer(A, kSure, offer));
        EXPECT_FALSE(state.wanted()[0].end(A).rtcp_mux) << "not before it is answered";
        ASSERT_TRUE(state.answer(B, kFinal, answer));
        const MediaStream stream = state.wanted()[0];
        EXPECT_EQ(stream.end(A).rtcp_mux, a_offers);
        EXPECT_EQ(stream.end(A).remote_rtcp->port, a_offers ? 4000 : 4009);
        EXPECT_EQ(stream.end(B).rtcp_mux, b_offered && b_takes);
      }
    }
  }
}

TEST(OfferAnswer, ChangesAreTheStepsBetweenTwoLists) {
  for (const Script& script : kScripts) {
    OfferAnswer state;
    StreamList held;  // what a data plane would have, by the steps alone
    for (const Step& step : script.steps) {
      const StreamList before = state.wanted();
      apply(state, step);
      for (const StreamChange& change : changes(before, state.wanted())) {
        std::erase_if(held, [&](const MediaStream& s) { return s.same_key(change.stream); });
        if (change.kind != StreamChange::Kind::remove) held.push_back(change.stream);
      }
      StreamList wanted = state.wanted();
      ASSERT_EQ(held.size(), wanted.size()) << script.name;
      for (const MediaStream& stream : wanted) {
        const auto found = std::find_if(held.begin(), held.end(), [&](const MediaStream& s) {
          return s.same_key(stream) && s.ends == stream.ends;
        });
        EXPECT_NE(found, held.end()) << script.name;
      }
    }
  }
}

// Any order of messages: what is refused changes nothing, a withdrawn offer leaves no trace, and
// keys stay unique.
TEST(OfferAnswer, AnyOrderKeepsTheRules) {
  std::mt19937 random(20);
  const std::vector<std::string> bodies = {a1,
                                           a2,
                                           b1,
                                           b2,
                                           a1 + "|video 10.0.0.1:5000",
                                           "audio 0",
                                           "image 10.0.0.2:6004",
                                           "audio 0|video 10.0.0.2:7000"};
  for (int run = 0; run < 300; ++run) {
    OfferAnswer state;
    StreamList standing;  // before the offer under way
    for (int n = 0; n < 40; ++n) {
      const Step step{static_cast<Verb>(random() % 3),
                      static_cast<Side>(random() % 2),
                      static_cast<Carrier>(random() % 3),
                      bodies[random() % bodies.size()],
                      "",
                      ""};
      const StreamList before = state.wanted();
      if (!state.offer_pending()) standing = before;
      const std::string taken = apply(state, step);
      const StreamList after = state.wanted();
      if (taken != "fresh") {
        EXPECT_EQ(after, before) << taken;
      }
      if (step.verb == Verb::withdraw && taken == "fresh") {
        EXPECT_EQ(after, standing);
      }
      for (size_t i = 0; i < after.size(); ++i)
        for (size_t j = i + 1; j < after.size(); ++j) EXPECT_FALSE(after[i].same_key(after[j]));
    }
  }
}

}  // namespace
}  // namespace holdfast::media
