// SPDX-License-Identifier: Apache-2.0
// docs/sdp.md names every refusal and states the bounds that the code has.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "media/offer_answer.hh"
#include "media/sdp.hh"
#include "media/sdp_limits.hh"

namespace holdfast::media {
namespace {

std::string page() {
  const char* root = std::getenv("HOLDFAST_SOURCE_ROOT");
  std::ifstream file(std::string(root ? root : ".") + "/docs/sdp.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SdpPage, NamesEveryRefusal) {
  const std::string text = page();
  ASSERT_FALSE(text.empty());
#define HOLDFAST_X(name, meaning) \
  EXPECT_NE(text.find("| `" #name "` |"), std::string::npos) << #name << ": " << (meaning);
  HOLDFAST_SDP_REJECTS(HOLDFAST_X)
  HOLDFAST_OFFER_ANSWER_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
}

TEST(SdpPage, StatesTheBounds) {
  const std::string text = page();
  static_assert(kMaxSdpBytes == 65536 && kMaxSdpLines == 512 && kMaxSdpMedia == 16);
  EXPECT_NE(text.find("| 64 KiB, 512, 16 |"), std::string::npos);
  static_assert(kMaxBranches == 8 && kMaxForkedDialogs == 8);
  EXPECT_NE(text.find("| 8, 8 |"), std::string::npos);
  static_assert(kMaxAnchorGrowthBytes == 14080);
  EXPECT_NE(text.find("| 14,080 bytes;"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::media
