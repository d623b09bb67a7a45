// SPDX-License-Identifier: Apache-2.0
// The o= line over the life of a dialog: one session, and versions that rise when the body changes.
#include "media/sdp_origin.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::media {
namespace {

struct Step {
  std::string name;
  std::string origin;  // what the writer sends
  uint16_t port;       // ours, in the rewritten body
  std::string direction;
  std::string wanted;  // user, id and version that the reader sees
};

void run(const std::vector<Step>& steps) {
  SdpOriginKeeper keeper;
  for (const Step& step : steps) {
    const std::string text = "v=0\r\no=" + step.origin +
                             " IN IP4 198.18.1.10\r\nc=IN IP4 198.18.1.10\r\n"
                             "m=audio 4000 RTP/AVP 0\r\na=" +
                             step.direction + "\r\n";
    const auto sdp = parse_sdp(text);
    ASSERT_TRUE(sdp) << step.name;
    AnchorMedia ours{MediaAction::anchor, {*IpAddress::parse("198.18.2.1"), step.port}, 0, false};
    AnchorPlan plan;
    plan.address = ours.local.ip;
    plan.media = {&ours, 1};
    const auto body = keeper.anchor(*sdp, plan);
    ASSERT_TRUE(body) << step.name;
    EXPECT_TRUE(body->starts_with("v=0\r\no=" + step.wanted + " IN IP4 198.18.2.1\r\n"))
        << step.name << ": " << *body;
  }
}

TEST(SdpOrigin, FollowsAWriterThatCountsRight) {
  run({{"3264-5 first", "ab 7 20", 30000, "sendrecv", "ab 7 20"},
       {"3264-8 repeated", "ab 7 20", 30000, "sendrecv", "ab 7 20"},
       {"3264-8 hold", "ab 7 21", 30000, "sendonly", "ab 7 21"},
       {"3264-8 a step of two", "ab 7 23", 30000, "sendrecv", "ab 7 23"}});
}

TEST(SdpOrigin, CountsItselfWhenOnlyOurRewriteChanged) {
  run({{"3264-5 first", "ab 7 20", 30000, "sendrecv", "ab 7 20"},
       {"3264-8 our port changed", "ab 7 20", 30002, "sendrecv", "ab 7 21"},
       {"3264-8 repeated", "ab 7 20", 30002, "sendrecv", "ab 7 21"},
       {"3264-8 then theirs", "ab 7 21", 30002, "sendonly", "ab 7 22"}});
}

TEST(SdpOrigin, HidesAWriterThatCountsWrong) {
  run({{"3264-5 first", "ab 7 20", 30000, "sendrecv", "ab 7 20"},
       {"3264-8 another session", "xy 900 1", 30000, "sendonly", "ab 7 21"},
       {"3264-8 and its next", "xy 900 2", 30000, "sendrecv", "ab 7 22"},
       {"3264-8 a version falls", "xy 900 1", 30000, "sendonly", "ab 7 23"},
       {"3264-8 no number", "xy 900 x", 30000, "sendrecv", "ab 7 24"},
       {"8866-5.2 a user with blanks", "J Doe 1 1", 30000, "sendrecv", "ab 7 24"}});
}

TEST(SdpOrigin, KeepsNoIdentityOfAnySize) {
  const std::string text = "v=0\r\no=" + std::string(300, 'u') + " 1 1 IN IP4 198.18.1.10\r\n";
  const auto sdp = parse_sdp(text);
  ASSERT_TRUE(sdp);
  SdpOriginKeeper keeper;
  const auto body = keeper.anchor(*sdp, {});
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error(), SdpReject::sdp_bad_origin);
}

}  // namespace
}  // namespace holdfast::media
