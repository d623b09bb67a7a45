// SPDX-License-Identifier: Apache-2.0
// The parts of the server that need no socket: heads of answers, names in certificates, progress.
#include <gtest/gtest.h>

#include "provision-proxy/server/answer_head.hh"
#include "provision-proxy/server/certificate_mac.hh"
#include "provision-proxy/server/progress.hh"
#include "provision-proxy/server/upload.hh"

namespace holdfast::provision {
namespace {

struct NameCase {
  std::string name;
  std::string mac;  // empty: none
};
TEST(CertificateMac, IsAWordOfTheName) {
  const std::string mac = "00:04:f2:e8:28:24";
  const NameCase cases[] = {
      {"0004f2e82824", mac},
      {"0004F2E82824", mac},
      {"00:04:f2:E8:28:24", mac},
      {"00-04-F2-E8-28-24", mac},
      {"0004.f2e8.2824", mac},
      {"SEP0004F2E82824", mac},
      {"CP-7942G-SEP0004F2E82824", mac},
      {"Polycom VVX 500 0004f2e82824", mac},
      {"0004f2e82824.phones.example", mac},
      {"urn:dev:mac:0004f2e82824", mac},
      {"0004f2e82824 0004F2E82824", mac},  // twice the same
      {"0004f2e82824 0004f2e82825", ""},   // whose is it?
      {"", ""},
      {"phone.example", ""},
      {"0004f2e8282", ""},    // too short
      {"0004f2e828240", ""},  // too long
      {"x0004f2e82824", ""},  // part of a word
      {"0004f2e82824x", ""},
      {"00:04:f2:e8:28:24:00", ""},  // eight groups are no MAC
      {"00:04:f2:e8:28-24", ""},     // mixed
      {"00:04f2e82824", ""},
      {"f0e1:0004:f2e8:2824:1:2:3:4", ""},  // an IPv6 address
      {"000000000000", ""},                 // nobody's
      {"01005e000001", ""},                 // a group's
      {"ffffffffffff", ""},
      {std::string("0004f2e82824\0.evil.example", 26), ""},
      {std::string(300, ' ') + "0004f2e82824", ""},
      {"550e8400-e29b-41d4-a716-0004f2e82824", ""},  // a UUID's last group
  };
  for (const auto& c : cases) {
    const auto found = mac_in_name(c.name);
    EXPECT_EQ(found ? found->to_string() : "", c.mac) << c.name;
  }
}

TEST(Progress, OnlyThePeersTurnCounts) {
  using std::chrono::seconds;
  const Progress::Time start{seconds(100)};
  Progress progress;
  progress.start(seconds(20));
  EXPECT_FALSE(progress.late(start + seconds(1000))) << "nobody waits";
  progress.wait(start);
  EXPECT_FALSE(progress.late(start + seconds(19)));
  EXPECT_TRUE(progress.late(start + seconds(20)));
  progress.moved(kProgressBytes - 1, start + seconds(15));  // 5 s are left
  progress.wait(start + seconds(500));
  EXPECT_FALSE(progress.late(start + seconds(504)));
  EXPECT_TRUE(progress.late(start + seconds(505)));
  progress.moved(1, start + seconds(504));  // enough: all anew
  progress.wait(start + seconds(504));
  EXPECT_FALSE(progress.late(start + seconds(523)));
  EXPECT_TRUE(progress.late(start + seconds(524)));
  progress.stop();
  EXPECT_FALSE(progress.late(start + seconds(9999)));
}

TEST(AnswerHead, Framing) {
  struct Case {
    bool length, bytes, head;
    int minor;
    BodyFraming framing;
  };
  const Case cases[] = {
      {true, false, false, 1, BodyFraming::kLength},
      {false, false, false, 1, BodyFraming::kChunked},
      {false, false, false, 0, BodyFraming::kUntilClose},
      {true, false, false, 0, BodyFraming::kLength},
      {false, true, false, 0, BodyFraming::kLength},
      {false, false, true, 1, BodyFraming::kNone},
  };
  struct Nothing final : AnswerBody {
    void next(std::function<void(BodyPiece)>) override {}
  };
  for (const auto& c : cases) {
    Answer answer;
    if (c.length) answer.length = 7;
    if (c.bytes) {
      answer.bytes = std::make_shared<const std::string>("1234567");
    } else {
      answer.body = std::make_unique<Nothing>();
    }
    const AnswerForm form{c.head, c.minor, false};
    ASSERT_TRUE(is_sendable(answer, form));
    const auto frame = frame_of(answer, form);
    EXPECT_EQ(frame.framing, c.framing);
    EXPECT_EQ(frame.close, c.framing == BodyFraming::kUntilClose);
    std::string text;
    append_head(text, answer, form, frame);
    EXPECT_EQ(text.find("Content-Length: 7\r\n") != std::string::npos, c.length || c.bytes) << text;
  }
  EXPECT_EQ(reason_of(404), "Not Found");
  EXPECT_EQ(reason_of(299), "");
}

TEST(UploadReader, LeavesWhatFollows) {
  ReadBuffer buffer;
  const auto fill = [&](std::string_view bytes) {
    const auto room = buffer.prepare(64);
    ASSERT_GE(room.size(), bytes.size());
    std::copy(bytes.begin(), bytes.end(), room.begin());
    buffer.commit(bytes.size());
  };
  UploadReader reader;
  std::string_view piece;
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kEnd);
  reader.start(Framing::length, 5, 100);
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kNeedsMore);
  fill("abcdeGET");
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kBytes);
  EXPECT_EQ(piece, "abcde");
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(buffer.view(), "GET");
  buffer.clear();
  reader.start(Framing::chunked, 0, 100);
  fill("1\r\nx\r\n0\r\n");
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kBytes);
  EXPECT_EQ(piece, "x");
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kNeedsMore);
  fill("\r\nPUT");
  EXPECT_EQ(reader.next(buffer, piece), UploadState::kEnd);
  EXPECT_EQ(buffer.view(), "PUT");
  EXPECT_TRUE(reader.done());
}

TEST(ReadBuffer, GrowsMovesAndGivesBack) {
  ReadBuffer buffer;
  const auto put = [&](std::string_view bytes, size_t capacity) {
    const auto room = buffer.prepare(capacity);
    std::copy(bytes.begin(), bytes.end(), room.begin());
    buffer.commit(bytes.size());
  };
  put("abcdefgh", 8);
  EXPECT_TRUE(buffer.prepare(8).empty());
  buffer.consume(6);
  put("ij", 8);
  EXPECT_EQ(buffer.view(), "ghij");
  put(std::string(20, 'x'), 32);
  EXPECT_EQ(buffer.view(), "ghij" + std::string(20, 'x'));
  buffer.shrink(8);
  EXPECT_EQ(buffer.capacity(), 32U) << "it is not empty";
  buffer.consume(1000);
  EXPECT_TRUE(buffer.empty());
  buffer.shrink(8);
  EXPECT_EQ(buffer.capacity(), 0U);
}

}  // namespace
}  // namespace holdfast::provision
