// SPDX-License-Identifier: Apache-2.0
// Answers of a request flow as files: what is asked, what is a file, which error the rest is.
#include "provision-proxy/tftp/handler_source.hh"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::provision {
namespace {

class Handler : public RequestHandler {
 public:
  void handle(Request request, Interim, Reply reply) override {
    asked = std::move(request);
    if (answer) reply(std::move(*answer));
    later = std::move(reply);
  }
  Request asked;
  std::optional<Answer> answer;
  Reply later;
};

class Pieces : public AnswerBody {
 public:
  explicit Pieces(std::vector<std::string> pieces, bool breaks = false)
      : pieces_(std::move(pieces)), breaks_(breaks) {}
  void next(std::function<void(BodyPiece)> then) override {
    if (place_ < pieces_.size()) return then({BodyState::kBytes, pieces_[place_++]});
    then({breaks_ ? BodyState::kFailed : BodyState::kEnd, {}});
  }

 private:
  std::vector<std::string> pieces_;
  size_t place_ = 0;
  bool breaks_;
};

TftpSource::Opened open(Handler& handler, const std::string& path) {
  HandlerSource source(handler, 3);
  std::optional<TftpSource::Opened> found;
  source.open(path, *SocketAddress::parse("198.18.1.10:1234"),
              [&found](TftpSource::Opened opened) { found.emplace(std::move(opened)); });
  EXPECT_TRUE(found);
  return found ? std::move(*found) : TftpError{TftpErrorCode::undefined, "silence"};
}

// The whole file, "!" in place of what broke off.
std::string all_of(TftpFile& file) {
  std::string bytes;
  for (bool more = true; more;) {
    file.next([&](const TftpPiece& piece) {
      more = piece.state == TftpPiece::State::bytes;
      bytes.append(piece.bytes.data(), piece.bytes.size());
      if (piece.state == TftpPiece::State::failed) bytes += "!";
    });
  }
  return bytes;
}

Answer in_memory(const std::string& bytes) {
  Answer answer;
  answer.bytes = std::make_shared<const std::string>(bytes);
  return answer;
}

TEST(TftpHandlerSource, AsksAsAPhoneWould) {
  Handler handler;
  handler.answer = in_memory("x");
  ASSERT_TRUE(open(handler, "/a b%2f.img"));
  EXPECT_EQ(handler.asked.method, "GET");
  EXPECT_EQ(handler.asked.target, "/a%20b%252f.img");
  EXPECT_EQ(handler.asked.peer.to_string(), "198.18.1.10:1234");
  EXPECT_EQ(handler.asked.listener, 3U);
  EXPECT_EQ(handler.asked.asked_by, AskedBy::tftp);
  EXPECT_EQ(handler.asked.fields.size(), 0U);
  EXPECT_EQ(handler.asked.body, nullptr);
  EXPECT_FALSE(handler.asked.tls);
}

TEST(TftpHandlerSource, NamesAreBelowTheRoot) {
  Handler handler;
  HandlerSource source(handler, 0, "/firmware");
  source.open("/a?.img", {}, [](const TftpSource::Opened&) {});
  EXPECT_EQ(handler.asked.target, "/firmware/a%3F.img");
}

TEST(TftpHandlerSource, ABodyInMemoryIsReadInPieces) {
  Handler handler;
  for (const size_t size : {0U, 1U, 16384U, 16385U, 40000U}) {
    const std::string bytes(size, 'q');
    handler.answer = in_memory(bytes);
    const auto file = open(handler, "/a");
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->size(), size);
    EXPECT_EQ(all_of(**file), bytes);
  }
  handler.answer = Answer();  // 200 without a body
  const auto empty = open(handler, "/a");
  ASSERT_TRUE(empty);
  EXPECT_EQ((*empty)->size(), 0U);
  EXPECT_EQ(all_of(**empty), "");
}

TEST(TftpHandlerSource, ABodyComesAsItComes) {
  Handler handler;
  handler.answer.emplace().body = std::make_unique<Pieces>(std::vector<std::string>{"ab", "c"});
  const auto file = open(handler, "/a");
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), std::nullopt);
  EXPECT_EQ(all_of(**file), "abc");
  handler.answer.emplace().body = std::make_unique<Pieces>(std::vector<std::string>{"ab"}, true);
  handler.answer->length = 5;
  const auto broken = open(handler, "/a");
  ASSERT_TRUE(broken);
  EXPECT_EQ((*broken)->size(), 5U);
  EXPECT_EQ(all_of(**broken), "ab!");
}

TEST(TftpHandlerSource, OtherAnswersAreErrors) {
  Handler handler;
  const struct {
    int status;
    TftpErrorCode code;
  } rows[] = {{404, TftpErrorCode::file_not_found},   {410, TftpErrorCode::file_not_found},
              {401, TftpErrorCode::access_violation}, {403, TftpErrorCode::access_violation},
              {206, TftpErrorCode::undefined},        {302, TftpErrorCode::undefined},
              {503, TftpErrorCode::undefined}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.status);
    handler.answer = in_memory("a page");
    handler.answer->status = row.status;
    const auto file = open(handler, "/a");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, row.code);
    EXPECT_FALSE(file.error().text.empty());
  }
  handler.answer = in_memory("zipped");
  handler.answer->fields.add("content-encoding", "gzip");
  EXPECT_FALSE(open(handler, "/a"));
}

// The flow answers whenever it likes, also when nobody waits any more.
TEST(TftpHandlerSource, AnswersLater) {
  Handler handler;
  HandlerSource source(handler, 0);
  int calls = 0;
  source.open("/a", {}, [&calls](const TftpSource::Opened& file) { calls += file.ok() ? 1 : 100; });
  EXPECT_EQ(calls, 0);
  handler.later(in_memory("x"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace holdfast::provision
