// SPDX-License-Identifier: Apache-2.0
// The media of a call over its forks: which branch has streams, which dialog leads, what is
// bounded.
#include "media/media_call.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "media/sdp_limits.hh"

namespace holdfast::media {
namespace {

MediaList audio(uint16_t port, const std::string& ip = "10.0.0.2") {
  MediaDescription each;
  each.media = "audio";
  each.transport = MediaTransport::rtp;
  each.port = port;
  each.remote = SocketAddress{*IpAddress::parse(ip), port};
  return {each};
}
const MediaList kOffer = audio(4000, "10.0.0.1");

// "branch:callee's port/learning" of each stream; - where no answer came.
std::string shown(const MediaCall& call) {
  std::string text;
  for (const MediaStream& stream : call.wanted()) {
    const auto& remote = stream.end(Side::callee).remote;
    if (!text.empty()) text += ' ';
    text += stream.branch + ':' + (remote ? std::to_string(remote->port) : "-") + '/' +
            std::to_string(stream.learning);
  }
  return text;
}

std::string shown(const OfferAnswerOutcome& outcome) {
  if (!outcome) return std::string(name_of(outcome.error()));
  return *outcome == Taken::fresh ? "fresh" : "repeat";
}

constexpr auto kEarly = Carrier::provisional;
constexpr auto kSure = Carrier::reliable;
constexpr auto kFinal = Carrier::final;

TEST(MediaCall, Rfc3261_16_7_BranchesOfOursHaveStreamsOfTheirOwn) {
  MediaCall call("a");
  EXPECT_EQ(shown(call.offer({"a", "", "z1"}, kSure, kOffer)), "fresh");
  EXPECT_EQ(shown(call.offer({"a", "", "z2"}, kSure, kOffer)), "fresh");
  EXPECT_EQ(shown(call), "z1:-/0 z2:-/0");
  EXPECT_EQ(shown(call.answer({"a", "b1", "z1"}, kEarly, audio(6001))), "fresh");
  EXPECT_EQ(shown(call.answer({"a", "b2", "z2"}, kFinal, audio(6002))), "fresh");
  EXPECT_EQ(shown(call), "z1:6001/0 z2:6002/0");
  call.remove({"a", "", "z1"});  // cancelled: 487
  EXPECT_EQ(shown(call), "z2:6002/0");
  call.remove({"b2", "a", ""});  // BYE of the callee
  EXPECT_TRUE(call.empty());
}

TEST(MediaCall, Rfc3261_13_2_2_4_ForksBehindUsShareTheBranch) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"a", "", "z"}, kSure, kOffer));
  ASSERT_TRUE(call.answer({"a", "b1", "z"}, kEarly, audio(6001)));
  EXPECT_EQ(shown(call), "z:6001/0");
  ASSERT_TRUE(call.answer({"a", "b2", "z"}, kEarly, audio(6002)));
  EXPECT_EQ(shown(call), "z:6002/1") << "the last that answered, and its source is learned anew";
  EXPECT_EQ(shown(call.answer({"a", "b1", "z"}, kEarly, audio(6001))), "repeat");
  EXPECT_EQ(shown(call), "z:6002/1") << "a repeated 183 takes nothing over";
  EXPECT_EQ(shown(call.answer({"a", "b1", "z"}, kFinal, audio(6001))), "repeat");
  EXPECT_EQ(shown(call), "z:6001/2") << "the 2xx wins";
  EXPECT_EQ(shown(call.answer({"a", "b3", "z"}, kEarly, audio(6003))), "fresh");
  EXPECT_EQ(shown(call.answer({"a", "b2", "z"}, kFinal, audio(6002))), "repeat");
  EXPECT_EQ(shown(call), "z:6001/2") << "and keeps the branch";
  call.remove({"a", "b1", ""});
  EXPECT_EQ(shown(call), "z:6002/3") << "until it ends while another 2xx is there";
  call.remove({"a", "b2", ""});
  EXPECT_TRUE(call.empty()) << "early dialogs end with those that won";
}

TEST(MediaCall, Rfc6228_AForkThatEndsLeavesTheOthers) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"a", "", "z"}, kSure, kOffer));
  ASSERT_TRUE(call.answer({"a", "b1", "z"}, kEarly, audio(6001)));
  call.remove({"a", "b1", "z"});
  EXPECT_EQ(shown(call), "z:-/1") << "the offer goes on waiting";
  ASSERT_TRUE(call.answer({"a", "b2", "z"}, kFinal, audio(6002)));
  EXPECT_EQ(shown(call), "z:6002/1");
}

TEST(MediaCall, Rfc3262_AnswerIn183Then200WithoutSdp) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"a", "", "z"}, kSure, kOffer));
  ASSERT_TRUE(call.answer({"a", "b1", "z"}, kSure, audio(6001)));
  ASSERT_TRUE(call.answer({"a", "b2", "z"}, kSure, audio(6002)));
  EXPECT_EQ(shown(call.confirm({"a", "b1", "z"})), "fresh");
  EXPECT_EQ(shown(call.confirm({"a", "b1", "z"})), "repeat");
  EXPECT_EQ(shown(call), "z:6001/2");
  EXPECT_EQ(shown(call.confirm({"a", "b9", "z"})), "oa_unknown_dialog");
}

TEST(MediaCall, Rfc6337_2_2_OfferlessInvite) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"b", "a", "z"}, kFinal, audio(6001)));
  ASSERT_TRUE(call.answer({"b", "a", "z"}, kFinal, kOffer));
  EXPECT_EQ(shown(call), "z:6001/0");
  EXPECT_EQ(call.wanted()[0].end(Side::caller).remote->port, 4000);
  call.remove({"a", "b", ""});
  EXPECT_TRUE(call.empty());
}

TEST(MediaCall, Rfc3264_8_ReInviteFromEitherSideByTagsAlone) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"a", "", "z"}, kSure, kOffer));
  ASSERT_TRUE(call.answer({"a", "b", "z"}, kFinal, audio(6001)));
  ASSERT_TRUE(call.offer({"b", "a", ""}, kSure, audio(6005)));
  EXPECT_EQ(shown(call), "z:6001/0");
  EXPECT_EQ(shown(call.withdraw({"b", "a", ""})), "fresh");
  ASSERT_TRUE(call.offer({"b", "a", "another"}, kSure, audio(6005)));
  ASSERT_TRUE(call.answer({"b", "a", ""}, kFinal, kOffer));
  EXPECT_EQ(shown(call), "z:6005/0");
}

TEST(MediaCall, AReInviteOfADialogFromBeforeOurStartMakesIt) {
  MediaCall call("a");
  ASSERT_TRUE(call.offer({"b", "a", ""}, kSure, audio(6005)));
  ASSERT_TRUE(call.answer({"b", "a", ""}, kFinal, kOffer));
  EXPECT_EQ(shown(call), "b:6005/0");
  call.remove({"a", "b", ""});
  EXPECT_TRUE(call.empty());
}

TEST(MediaCall, RefusesByName) {
  MediaCall call("a");
  EXPECT_EQ(shown(call.answer({"a", "b", "z"}, kFinal, audio(1))), "oa_unknown_dialog");
  EXPECT_EQ(shown(call.answer({"a", "", "z"}, kFinal, audio(1))), "oa_bad_key");
  EXPECT_EQ(shown(call.offer({"a", "", ""}, kSure, kOffer)), "oa_bad_key");
  EXPECT_EQ(shown(call.offer({"a", "", std::string(kMaxTagBytes + 1, 'z')}, kSure, kOffer)),
            "oa_bad_key");
  EXPECT_EQ(shown(call.offer({"x", "y", "z"}, kSure, kOffer)), "oa_unknown_dialog");
  EXPECT_EQ(shown(call.withdraw({"a", "b", "z"})), "oa_unknown_dialog");
  call.remove({"a", "b", "z"});
  EXPECT_TRUE(call.empty()) << "nothing that was refused left a trace";

  for (size_t i = 0; i < kMaxBranches; ++i)
    EXPECT_TRUE(call.offer({"a", "", "z" + std::to_string(i)}, kSure, kOffer));
  EXPECT_EQ(shown(call.offer({"a", "", "more"}, kSure, kOffer)), "oa_too_many_branches");
  for (size_t i = 0; i < kMaxForkedDialogs; ++i)
    EXPECT_TRUE(call.answer({"a", "b" + std::to_string(i), "z0"}, kEarly, audio(6000)));
  EXPECT_EQ(shown(call.answer({"a", "more", "z0"}, kEarly, audio(1))), "oa_too_many_forks");
  EXPECT_EQ(shown(call.answer({"a", "bad", "z1"}, kEarly, {})), "oa_media_count");
  EXPECT_EQ(shown(call.offer({"b", "a", "z1"}, kSure, audio(1))), "oa_glare");
  EXPECT_EQ(shown(call.withdraw({"a", "bad", "z1"})), "oa_unknown_dialog");
  call.remove({"a", "", ""});
  EXPECT_TRUE(call.empty());
}

// Any order of verbs: bounded, keys unique, and once all is removed nothing is left.
TEST(MediaCall, AnyOrderLeavesNothingBehind) {
  std::mt19937 random(3);
  const std::string tags[] = {"", "b1", "b2", "b3"};
  const std::string branches[] = {"", "z1", "z2"};
  for (int run = 0; run < 300; ++run) {
    MediaCall call("a");
    for (int n = 0; n < 60; ++n) {
      const std::string& tag = tags[random() % 4];
      const std::string& branch = branches[random() % 3];
      const DialogKey key =
          random() % 3 == 0 ? DialogKey{tag, "a", branch} : DialogKey{"a", tag, branch};
      const auto carrier = static_cast<Carrier>(random() % 3);
      const MediaList body = audio(static_cast<uint16_t>(6000 + random() % 3));
      const StreamList before = call.wanted();
      bool refused = false;
      switch (random() % 6) {
        case 0:
          refused = !call.offer(key, carrier, body).ok();
          break;
        case 1:
        case 2:
          refused = !call.answer(key, carrier, body).ok();
          break;
        case 3:
          refused = !call.withdraw(key).ok();
          break;
        case 4:
          refused = !call.confirm(key).ok();
          break;
        default:
          if (!tag.empty()) call.remove(key);
      }
      const StreamList after = call.wanted();
      if (refused) {
        EXPECT_EQ(after, before);
      }
      EXPECT_LE(after.size(), kMaxBranches);
      for (size_t i = 0; i < after.size(); ++i)
        for (size_t j = i + 1; j < after.size(); ++j) EXPECT_FALSE(after[i].same_key(after[j]));
    }
    for (const char* branch : {"z1", "z2", "b1", "b2", "b3"}) call.remove({"a", "", branch});
    EXPECT_TRUE(call.empty()) << shown(call);
  }
}

}  // namespace
}  // namespace holdfast::media
