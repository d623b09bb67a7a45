// SPDX-License-Identifier: Apache-2.0
// Names of streams are read as they were written, and nobody else's is taken for one.
#include "sip/anchor/stream_name.hh"

#include <gtest/gtest.h>

#include "dataplane/control/messages.hh"

namespace holdfast::sip {
namespace {

TEST(StreamName, IsReadAsWritten) {
  const StreamName names[] = {
      {0, 0, 0, "audio", true},
      {UINT64_MAX, UINT64_MAX, 15, "video", true},
      {0xdeadbeef, hash_of_branch("z9hG4bK-1"), 3, "image", false},
      {1, 2, 3, std::string(16, 'x'), false},
  };
  for (const StreamName& name : names) {
    const std::string text = to_string(name);
    EXPECT_TRUE(control::valid_call_key(text)) << text;
    EXPECT_EQ(parse_stream_name(text), name) << text;
  }
  EXPECT_EQ(to_string({0xdeadbeef, 0x0123456789abcdef, 0, "audio", true}),
            "hf-00000000deadbeef-0123456789abcdef-0-audio");
}

TEST(StreamName, HidesMediaThatIsNoPlainWord) {
  for (const std::string& media : {std::string("a b"), std::string(64, 'x'), std::string("\xff"),
                                   std::string("a-b"), std::string("audio.udptl")}) {
    const std::string text = to_string({7, 8, 9, media, true});
    EXPECT_TRUE(control::valid_call_key(text)) << text;
    EXPECT_EQ(parse_stream_name(text), (StreamName{7, 8, 9, "", true})) << text;
    EXPECT_NE(text, to_string({7, 8, 9, "other " + media, true}));
  }
}

TEST(StreamName, OthersAreNotTakenForOurs) {
  const std::string good = to_string({1, 2, 3, "audio", true});
  EXPECT_TRUE(parse_stream_name(good));
  for (const std::string& text :
       {std::string(), std::string("by-hand"), "x" + good, good.substr(0, good.size() - 5),
        std::string("hf-"), std::string("hf-0000000000000001-000000000000000g-0-audio"),
        std::string("hf-0000000000000001-0000000000000002-16-audio"),
        std::string("hf-0000000000000001-0000000000000002--audio"),
        std::string("hf-0000000000000001-0000000000000002--1-audio"),
        std::string("hf-0000000000000001-0000000000000002-0-AUDIO"),
        std::string("hf-0000000000000001 0000000000000002-0-audio")})
    EXPECT_FALSE(parse_stream_name(text)) << text;
}

}  // namespace
}  // namespace holdfast::sip
