// SPDX-License-Identifier: Apache-2.0
// Uploads on a real socket: both framings, 100-continue, back-pressure, phones that stop half way.
#include "tests/provision-proxy/server/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace test;
using std::chrono::milliseconds;

class UploadTest : public ServerTest {
 protected:
  void SetUp() override {
    handler_.scripts["/echo"] = [](auto seen) {
      read_upload(seen.request.body, [reply = seen.reply](auto all) {
        reply(text_answer(all ? "<" + *all + ">" : "failed"));
      });
    };
    handler_.scripts["/held"] = [this](auto seen) { held_.push_back(std::move(seen)); };
    handler_.scripts["/no"] = [](auto seen) { seen.reply(text_answer("no", 401)); };
    // Reads, and answers whatever comes of it only when told.
    handler_.scripts["/read"] = [this](auto seen) {
      read_upload(seen.request.body, [this](auto all) { outcomes_.push_back(std::move(all)); });
      held_.push_back(std::move(seen));
    };
    start();
  }

  std::vector<ScriptedHandler::Seen> held_;
  std::vector<std::optional<std::string>> outcomes_;
};

std::string put(const std::string& path, size_t length, const std::string& more = "") {
  return request("PUT " + path, "Content-Length: " + std::to_string(length) + "\r\n" + more);
}

TEST_F(UploadTest, BothFramingsAndNothingAtAll) {
  Phone phone(*this);
  phone.send(put("/echo", 5) + "hello");
  ASSERT_TRUE(phone.wait_for("<hello>"));
  phone.send(request("POST /echo", "Transfer-Encoding: chunked\r\n") +
             "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: dropped\r\n\r\n");
  ASSERT_TRUE(phone.wait_for("<abcde>"));
  phone.send(put("/echo", 0));
  ASSERT_TRUE(phone.wait_for("<>"));
  phone.send(request("DELETE /held"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  EXPECT_EQ(held_[0].request.body, nullptr);
  held_[0].reply(text_answer("done"));
  phone.send(put("/held", 0));
  ASSERT_TRUE(wait([&] { return held_.size() == 2; }));
  ASSERT_NE(held_[1].request.body, nullptr);
  EXPECT_EQ(held_[1].request.body->length(), 0U);
}

TEST_F(UploadTest, AMebibyteArrivesWhole) {
  std::string bytes(1 << 20, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
  Phone phone(*this);
  phone.send(put("/read", bytes.size()) + bytes);
  ASSERT_TRUE(wait([&] { return !outcomes_.empty(); }));
  EXPECT_EQ(outcomes_[0], bytes);
}

TEST_F(UploadTest, WhatNobodyReadsIsNotTakenFromTheSocket) {
  Phone phone(*this);
  const std::string bytes(64 << 20, 'x');
  phone.send_some(put("/held", bytes.size()));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  size_t sent = 0;
  for (int still = 0; still < 50;) {
    const auto n = phone.send_some(bytes.substr(0, 1 << 20));
    sent += n;
    still = n == 0 ? still + 1 : 0;
    turn();
  }
  EXPECT_LT(sent, bytes.size()) << "the kernel's buffers are full";
  EXPECT_LE(counters().bytes_in, kUploadReadBytes) << "and ours is bounded";
  advance(std::chrono::hours(1));
  turn_often();
  EXPECT_EQ(counters().body_too_slow, 0U) << "it is not the phone that is slow";
  size_t pieces = 0;
  held_[0].request.body->next([&](const BodyPiece& piece) {
    EXPECT_EQ(piece.state, BodyState::kBytes);
    EXPECT_LE(piece.bytes.size(), kUploadReadBytes);
    ++pieces;
  });
  ASSERT_TRUE(wait([&] { return pieces == 1; }));
}

TEST_F(UploadTest, ContinueIsSaidOnceAndOnlyWhenTheHandlerReads) {
  Phone phone(*this);
  phone.send(put("/held", 3, "Expect: 100-continue\r\n"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  turn_often();
  phone.read_available();
  EXPECT_EQ(phone.received(), "");
  read_upload(held_[0].request.body, [this](auto all) { held_[0].reply(text_answer(*all)); });
  ASSERT_TRUE(phone.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  phone.send("abc");
  ASSERT_TRUE(phone.wait_for("\r\n\r\nabc"));
  EXPECT_EQ(count_of(phone.received(), "100 Continue"), 1U);
  EXPECT_EQ(phone.received().find("Connection: close"), std::string::npos);

  phone.take();  // a phone that does not wait needs no 100
  phone.send(put("/echo", 3, "Expect: 100-continue\r\n") + "abc");
  ASSERT_TRUE(phone.wait_for("<abc>"));
  EXPECT_EQ(count_of(phone.received(), "100 Continue"), 0U);

  phone.take();  // refused without reading: what comes next might be the upload or a request
  phone.send(put("/no", 3, "Expect: 100-continue\r\n"));
  const auto refused = phone.rest();
  EXPECT_NE(refused.find("401 Unauthorized"), std::string::npos);
  EXPECT_NE(refused.find("Connection: close"), std::string::npos);
}

TEST_F(UploadTest, ContinueOfTheOriginIsPassedOnInsteadOfOurs) {
  Phone phone(*this);
  phone.send(put("/held", 3, "Expect: 100-continue\r\n"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  held_[0].interim(100, {});
  ASSERT_TRUE(phone.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  read_upload(held_[0].request.body, [this](auto all) { held_[0].reply(text_answer(*all)); });
  phone.send("abc");
  ASSERT_TRUE(phone.wait_for("\r\n\r\nabc"));
  EXPECT_EQ(count_of(phone.received(), "100 Continue"), 1U);
}

TEST_F(UploadTest, AnEarlyAnswerKeepsTheConnectionIfLittleIsLeft) {
  Phone phone(*this);
  phone.send(put("/no", 1000) + std::string(400, 'x'));
  ASSERT_TRUE(phone.wait_for("\r\n\r\nno"));
  EXPECT_EQ(phone.received().find("Connection: close"), std::string::npos);
  phone.send(std::string(600, 'x') + put("/echo", 2) + "ab");
  ASSERT_TRUE(phone.wait_for("<ab>"));

  phone.take();
  phone.send(request("PUT /no", "Transfer-Encoding: chunked\r\n") + "5\r\nabcde\r\n0\r\n\r\n" +
             put("/echo", 2) + "cd");
  ASSERT_TRUE(phone.wait_for("<cd>"));

  phone.take();
  phone.send(put("/no", 1 << 27) + std::string(400, 'x'));
  const auto all = phone.rest();
  EXPECT_NE(all.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(all.ends_with("no"));
}

TEST_F(UploadTest, AnEndlessUploadThatNobodyWantsIsEnded) {
  Phone phone(*this);
  phone.send(request("PUT /no", "Transfer-Encoding: chunked\r\n"));
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  ASSERT_TRUE(wait([&] {
    phone.send_some(chunk);
    phone.read_available();
    return phone.has_ended();
  }));
  EXPECT_LE(counters().bytes_in, kMaxDiscardBytes + kMaxLingerBytes + 3 * kUploadReadBytes);
}

TEST_F(UploadTest, AnUploadIsBoundedInEitherFraming) {
  Phone stated(*this);
  stated.send(put("/echo", limits_.max_upload_bytes + 1));
  EXPECT_TRUE(stated.rest().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  EXPECT_EQ(counters().uploads_too_large, 1U);
  EXPECT_TRUE(handler_.seen.empty());
  Phone chunked(*this);
  chunked.send(request("PUT /echo", "Transfer-Encoding: chunked\r\n") + "fffffffff\r\nabc");
  EXPECT_TRUE(chunked.rest().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  EXPECT_EQ(counters().body_malformed, 1U);
}

TEST_F(UploadTest, TheAnswerMayComeWhileTheUploadGoesOn) {
  handler_.scripts["/both"] = [this](auto seen) {
    seen.reply(text_answer("early"));
    read_upload(seen.request.body, [this](auto all) { outcomes_.push_back(std::move(all)); });
  };
  Phone phone(*this);
  phone.send(put("/both", 6) + "abc");
  ASSERT_TRUE(phone.wait_for("early"));
  // Once the answer is out the upload belongs to nobody.
  ASSERT_TRUE(wait([&] { return outcomes_.size() == 1; }));
  EXPECT_EQ(outcomes_[0], std::nullopt);
  phone.send("def" + put("/echo", 1) + "x");
  ASSERT_TRUE(phone.wait_for("<x>"));
}

TEST_F(UploadTest, AnUploadThatIsCutHasFailed) {
  {
    Phone phone(*this);  // half closed: it can still be told
    phone.send(put("/read", 10) + "abc");
    phone.end_sending();
    ASSERT_TRUE(wait([&] { return outcomes_.size() == 1; }));
    EXPECT_NE(phone.rest().find("400 Bad Request"), std::string::npos);
  }
  {
    Phone phone(*this);
    phone.send(request("PUT /read", "Transfer-Encoding: chunked\r\n") + "5\r\nabc");
    ASSERT_TRUE(wait([&] { return held_.size() == 2; }));
  }
  ASSERT_TRUE(wait([&] { return outcomes_.size() == 2; }));
  EXPECT_EQ(outcomes_[0], std::nullopt);
  EXPECT_EQ(outcomes_[1], std::nullopt);
  EXPECT_EQ(counters().body_cut, 2U);
  held_[0].reply(text_answer("too late"));  // harmless
  ASSERT_TRUE(wait([&] { return counters().open == 0; }));
}

TEST_F(UploadTest, BrokenChunksAreRefusedWhateverTheHandlerSays) {
  Phone phone(*this);
  phone.send(request("PUT /echo", "Transfer-Encoding: chunked\r\n") + "3\r\nabcX\r\n0\r\n\r\n" +
             request("GET /smuggled"));
  const auto all = phone.rest();
  EXPECT_EQ(count_of(all, "HTTP/1.1 "), 1U);
  EXPECT_TRUE(all.starts_with("HTTP/1.1 400 Bad Request\r\n")) << all;
  EXPECT_EQ(handler_.seen.size(), 1U);
  EXPECT_EQ(counters().body_malformed, 1U);
  EXPECT_EQ(counters().chunk_refusals[static_cast<size_t>(ChunkRefusal::chunk_longer_than_size)],
            1U);
}

TEST_F(UploadTest, AnUploadOutlivesItsConnectionAndHasFailed) {
  std::vector<BodyState> states;
  const auto note = [&](const BodyPiece& piece) { states.push_back(piece.state); };
  {
    Phone phone(*this);
    phone.send(put("/held", 10) + "abc");
    ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
    held_[0].reply(text_answer("done"));
    ASSERT_TRUE(phone.wait_for("done"));
    held_[0].request.body->next(note);  // the answer is out
    EXPECT_EQ(states, std::vector<BodyState>{BodyState::kFailed});
  }
  ASSERT_TRUE(wait([&] { return counters().open == 0; }));
  held_[0].request.body->next(note);
  server_.reset();
  turn_often();
  held_[0].request.body->next(note);
  EXPECT_EQ(states.size(), 3U);
}

// 1 KiB in each 20 s, or the end.
TEST_F(UploadTest, AByteNowAndThenIsStandingStill) {
  Phone slow(*this), steady(*this);
  slow.send(put("/read", 100000));
  steady.send(put("/read", 100000));
  ASSERT_TRUE(wait([&] { return held_.size() == 2; }));
  for (int second = 0; second < 60 && outcomes_.empty(); ++second) {
    slow.send_some("x");
    steady.send_some(std::string(100, 'x'));
    turn_often();
    advance(milliseconds(1000));
    turn_often();
    EXPECT_TRUE(second >= 18 || outcomes_.empty()) << second;
  }
  ASSERT_EQ(outcomes_.size(), 1U);
  EXPECT_EQ(outcomes_[0], std::nullopt);
  EXPECT_EQ(counters().body_too_slow, 1U);
  EXPECT_NE(slow.rest().find("408 Request Timeout"), std::string::npos);
  steady.read_available();
  EXPECT_FALSE(steady.has_ended());
}

}  // namespace
}  // namespace holdfast::provision
