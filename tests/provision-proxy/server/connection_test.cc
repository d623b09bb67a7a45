// SPDX-License-Identifier: Apache-2.0
// A connection on a real socket: requests in order, answers in every framing, ends that cannot be
// taken for others.
#include "base/bind_words.hh"
#include "tests/provision-proxy/server/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace test;

class ConnectionTest : public ServerTest {
 protected:
  void SetUp() override {
    handler_.scripts["/hello"] = [](auto seen) { seen.reply(text_answer("hello")); };
    handler_.scripts["/held"] = [this](auto seen) { held_.push_back(std::move(seen)); };
    handler_.scripts["/pieces"] = [this](auto seen) {
      Answer answer;
      answer.length = piece_length_;
      answer.body = std::make_unique<PieceBody>(pieces_);
      seen.reply(std::move(answer));
    };
  }

  std::vector<ScriptedHandler::Seen> held_;
  std::shared_ptr<PieceBody::Pieces> pieces_ = std::make_shared<PieceBody::Pieces>();
  std::optional<uint64_t> piece_length_;
};

// How listeners are put before a handler, as the daemon does it.
TEST_F(ConnectionTest, ListenersOfBothFamiliesAreWiredToOneHandler) {
  auto both = plain();
  both.addresses.push_back(*IpAddress::parse("::1"));
  start({both, plain()});
  std::vector<Request> requests;
  handler_.scripts["/who"] = [&](auto seen) {
    requests.push_back(std::move(seen.request));
    seen.reply(text_answer("you"));
  };
  for (const auto& [listener, address] : {std::pair{0, 0}, {0, 1}, {1, 0}}) {
    Phone phone(*this, static_cast<size_t>(listener), static_cast<size_t>(address));
    phone.send(request("GET /who?x=1", "User-Agent: a\r\nuser-agent: b\r\n"));
    ASSERT_TRUE(phone.wait_for("you"));
  }
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[1].peer.ip.to_string(), "::1");
  EXPECT_EQ(requests[1].local, server_->addresses(0)[1]);
  EXPECT_EQ(requests[2].listener, 1U);
  EXPECT_EQ(requests[0].target, "/who?x=1");
  EXPECT_EQ(requests[0].fields.text(),
            "Host: provision.lab.voip\r\nUser-Agent: a\r\nuser-agent: b\r\n");
  EXPECT_FALSE(requests[0].tls || requests[0].body || requests[0].certificate_mac);
  EXPECT_EQ(counters(0).connections, 2U);
}

TEST_F(ConnectionTest, AnAddressThatIsTakenIsOneClearLine) {
  start();
  auto taken = plain();
  taken.port = server_->addresses(0)[0].port;
  const auto second = Server::start(io_, {plain(), taken}, limits_, handler_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "provision-listener 2 (lan): 127.0.0.1:" + std::to_string(taken.port) +
                " cannot be listened on: " + bind_words(EADDRINUSE, PortKind::kTcp, taken.port));
}

TEST_F(ConnectionTest, KeepsAliveAndPipelinesInOrder) {
  start();
  Phone phone(*this);
  phone.send(request("GET /held?1") + request("GET /hello") + request("GET /none") +
             request("GET /held?2") + request("GET /hello", "Connection: close\r\n") +
             request("GET /never"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  turn_often();
  phone.read_available();
  EXPECT_EQ(phone.received(), "") << "no answer overtakes another";
  held_[0].reply(text_answer("first"));
  ASSERT_TRUE(wait([&] { return held_.size() == 2; }));
  held_[1].reply(text_answer("second"));
  const auto all = phone.rest();
  EXPECT_FALSE(phone.was_reset());
  EXPECT_EQ(count_of(all, "HTTP/1.1 "), 5U) << all;
  EXPECT_LT(all.find("first"), all.find("404 Not Found"));
  EXPECT_LT(all.find("404 Not Found"), all.find("second"));
  EXPECT_EQ(count_of(all, "Connection: close"), 1U);
  EXPECT_EQ(handler_.seen.size(), 5U) << "what comes after close is not a request";
  EXPECT_EQ(counters().requests, 5U);
  EXPECT_EQ(counters().answers, 5U);
}

TEST_F(ConnectionTest, ByteByByteAndCutAnywhere) {
  start();
  handler_.scripts["/echo"] = [](auto seen) {
    read_upload(seen.request.body, [reply = seen.reply](auto all) {
      reply(text_answer(all ? "<" + *all + ">" : "failed"));
    });
  };
  const std::string bytes = request("PUT /echo", "Content-Length: 5\r\n") + "hello" +
                            request("PUT /echo", "Transfer-Encoding: chunked\r\n") +
                            "2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n" +
                            request("GET /hello", "Connection: close\r\n");
  const auto check = [](const std::string& all) {
    EXPECT_EQ(count_of(all, "HTTP/1.1 200 OK"), 3U) << all;
    EXPECT_LT(all.find("<hello>"), all.find("<abc>"));
  };
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    Phone phone(*this);
    phone.send(bytes.substr(0, cut));
    phone.send(bytes.substr(cut));
    check(phone.rest());
  }
  Phone phone(*this);
  for (const char c : bytes) phone.send({c});
  check(phone.rest());
}

TEST_F(ConnectionTest, ASmallAnswerIsOnePacketAndNoMore) {
  start();
  Phone phone(*this);
  phone.send(request("GET /hello"));
  ASSERT_TRUE(phone.wait_for_size(1));
  EXPECT_EQ(phone.received(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_F(ConnectionTest, HttpOneDotZero) {
  start();
  pieces_->ready = {"abc", "def"};
  pieces_->end = true;
  const std::string head = " HTTP/1.0\r\nHost: a\r\n";
  {
    Phone phone(*this);
    phone.send("GET /hello" + head + "\r\n");
    EXPECT_NE(phone.rest().find("Connection: close\r\n\r\nhello"), std::string::npos);
  }
  {
    Phone phone(*this);
    phone.send("GET /hello" + head + "Connection: keep-alive\r\n\r\n");
    ASSERT_TRUE(phone.wait_for("Connection: keep-alive\r\n\r\nhello"));
    phone.send("GET /pieces" + head + "Connection: keep-alive\r\n\r\n");
    const auto all = phone.rest();  // no length and no chunks: the end of the connection is its end
    EXPECT_EQ(all.find("Transfer-Encoding"), std::string::npos);
    EXPECT_NE(all.find("Connection: close\r\n\r\nabcdef"), std::string::npos) << all;
    EXPECT_FALSE(phone.was_reset());
  }
}

TEST_F(ConnectionTest, HeadAndStatusesWithoutBody) {
  start();
  handler_.scripts["/head"] = [](auto seen) {
    Answer answer;
    answer.length = 12345;
    seen.reply(std::move(answer));
  };
  handler_.scripts["/304"] = [](auto seen) {
    Answer answer;
    answer.status = 304;
    answer.length = 5;  // of the body that it stands for
    answer.fields.add("ETag", "\"x\"");
    seen.reply(std::move(answer));
  };
  handler_.scripts["/204"] = [](auto seen) {
    Answer answer;
    answer.status = 204;
    seen.reply(std::move(answer));
  };
  handler_.scripts["/empty"] = [](auto seen) {
    Answer answer;
    answer.status = 201;
    seen.reply(std::move(answer));
  };
  Phone phone(*this);
  const auto ask = [&](const std::string& line) {
    phone.send(request(line));
    EXPECT_TRUE(phone.wait_for("\r\n\r\n"));
    return phone.take();
  };
  EXPECT_EQ(ask("HEAD /head"), "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
  EXPECT_EQ(ask("HEAD /hello"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(ask("GET /304"), "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
  EXPECT_EQ(ask("GET /204"), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(ask("GET /empty"), "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(counters().answers, 5U);
}

TEST_F(ConnectionTest, PiecesWithAndWithoutALength) {
  for (const bool known : {true, false}) {
    start();
    pieces_ = std::make_shared<PieceBody::Pieces>();
    piece_length_ = known ? std::optional<uint64_t>(6) : std::nullopt;
    Phone phone(*this);
    phone.send(request("GET /pieces"));
    ASSERT_TRUE(phone.wait_for("\r\n\r\n")) << "the head waits for no body";
    pieces_->add("abc");
    ASSERT_TRUE(phone.wait_for("abc")) << "it streams as it comes";
    pieces_->add("");  // no last chunk
    pieces_->add("def");
    ASSERT_TRUE(phone.wait_for("def"));
    EXPECT_EQ(body_of(phone.received()).has_value(), known) << "without a length not whole yet";
    pieces_->finish();
    ASSERT_TRUE(wait([&] { return counters().answers == 1; }));
    phone.send(request("GET /hello"));
    ASSERT_TRUE(phone.wait_for("hello"));
    const auto all = phone.take();
    const auto second = all.find("HTTP/1.1", 8);
    EXPECT_EQ(body_of(all.substr(0, second)), "abcdef") << all;
    EXPECT_EQ(all.find("chunked") == std::string::npos, known);
    EXPECT_TRUE(pieces_->destroyed);
  }
}

TEST_F(ConnectionTest, ABodyThatFailsIsNeverTakenForAWholeOne) {
  const std::string lines[] = {"GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n",
                               "GET /pieces HTTP/1.0\r\nHost: a\r\n\r\n"};
  for (const auto& line : lines) {
    for (const auto length : {std::optional<uint64_t>(), std::optional<uint64_t>(100)}) {
      for (const bool at_once : {false, true}) {
        start();
        pieces_ = std::make_shared<PieceBody::Pieces>();
        piece_length_ = length;
        if (at_once) pieces_->failed = true;
        Phone phone(*this);
        phone.send(line);
        if (!at_once) {
          pieces_->add("abc");
          ASSERT_TRUE(phone.wait_for("abc"));
          pieces_->finish(false);
        }
        phone.rest();
        EXPECT_TRUE(phone.was_reset());
        EXPECT_EQ(counters().answers_failed, 1U);
        EXPECT_EQ(counters().answers, 0U);
        EXPECT_TRUE(pieces_->destroyed);
        EXPECT_EQ(counters().open, 0U);
      }
    }
  }
}

TEST_F(ConnectionTest, BodiesOfAnotherLengthThanSaidAreAborted) {
  for (const std::string piece : {"abcd", "ab"}) {
    start();
    pieces_ = std::make_shared<PieceBody::Pieces>();
    piece_length_ = 3;
    pieces_->ready = {piece};
    pieces_->end = true;
    Phone phone(*this);
    phone.send(request("GET /pieces"));
    phone.rest();
    EXPECT_TRUE(phone.was_reset()) << piece;
    EXPECT_EQ(counters().handler_faults, 1U);
  }
}

TEST_F(ConnectionTest, AnswersThatCannotBeSentBecome500) {
  start();
  handler_.scripts["/bad"] = [](auto seen) {
    Answer answer = text_answer("abc");
    const auto& query = seen.request.target;
    if (query.ends_with("?length")) answer.length = 4;
    if (query.ends_with("?status")) answer.status = 101;
    if (query.ends_with("?reason")) answer.reason = "OK\r\nX: y";
    if (query.ends_with("?nothing")) {
      answer.bytes = nullptr;
      answer.length = 3;
    }
    seen.reply(std::move(answer));
  };
  for (const std::string how : {"length", "status", "reason", "nothing"}) {
    Phone phone(*this);
    phone.send(request("GET /bad?" + how));
    EXPECT_EQ(
        phone.rest(),
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        << how;
  }
  EXPECT_EQ(counters().handler_faults, 4U);
}

TEST_F(ConnectionTest, FieldsOfTheConnectionAreTheServersOwn) {
  start();
  handler_.scripts["/x"] = [](auto seen) {
    Answer answer = text_answer("abc");
    answer.fields.add("Connection", "upgrade");
    answer.fields.add("CONTENT-LENGTH", "9");
    answer.fields.add("Transfer-Encoding", "gzip");
    answer.fields.add("X", "a\r\nSet-Cookie: b");
    answer.reason = "Fine";
    seen.reply(std::move(answer));
  };
  Phone phone(*this);
  phone.send(request("GET /x"));
  ASSERT_TRUE(phone.wait_for("abc"));
  EXPECT_EQ(phone.received(),
            "HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nX: a  Set-Cookie: b\r\n"
            "Content-Length: 3\r\n\r\nabc");
}

TEST_F(ConnectionTest, InterimAnswersPassToThoseWhoKnowThem) {
  start();
  for (const std::string version : {"1", "0"}) {
    held_.clear();
    Phone phone(*this);
    phone.send("GET /held HTTP/1." + version + "\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
    Fields hints;
    hints.add("Link", "</a>");
    held_[0].interim(103, hints);
    held_[0].interim(101, hints);  // switches nothing here
    held_[0].interim(100, {});     // nobody waits for it
    held_[0].interim(200, {});     // is none
    if (version == "1") {
      ASSERT_TRUE(phone.wait_for("HTTP/1.1 103 \r\nLink: </a>\r\n\r\n"));
    }
    held_[0].reply(text_answer("last"));
    held_[0].interim(103, hints);  // too late
    ASSERT_TRUE(phone.wait_for("last"));
    EXPECT_EQ(count_of(phone.received(), "HTTP/1.1 "), version == "1" ? 2U : 1U);
  }
}

TEST_F(ConnectionTest, RepliesAfterThePhoneHasGoneAreDropped) {
  start();
  {
    Phone phone(*this);
    phone.send(request("GET /held"));
    ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  }
  held_[0].reply(text_answer(std::string(1 << 20, 'x')));
  ASSERT_TRUE(wait([&] { return counters().open == 0; }));

  Phone phone(*this);
  phone.send(request("GET /held"));
  ASSERT_TRUE(wait([&] { return held_.size() == 2; }));
  server_.reset();
  held_[1].reply(text_answer("late"));
  held_[1].interim(103, {});
  turn_often();
}

TEST_F(ConnectionTest, APhoneThatEndsItsSideStillGetsItsAnswer) {
  start();
  Phone phone(*this);
  phone.send(request("GET /held"));
  phone.end_sending();
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  held_[0].reply(text_answer("for you"));
  EXPECT_EQ(body_of(phone.rest()), "for you");
  EXPECT_FALSE(phone.was_reset());
}

TEST_F(ConnectionTest, DrainingEndsEachConnectionAfterItsAnswer) {
  start();
  Phone idle(*this), busy(*this);
  idle.send(request("GET /hello"));
  ASSERT_TRUE(idle.wait_for("hello"));
  busy.send(request("GET /held"));
  ASSERT_TRUE(wait([&] { return held_.size() == 1; }));
  server_->drain();
  idle.rest();
  EXPECT_FALSE(idle.was_reset());
  held_[0].reply(text_answer("last"));
  const auto all = busy.rest();
  EXPECT_EQ(body_of(all), "last");
  EXPECT_NE(all.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(server_->addresses(0).empty());
}

TEST_F(ConnectionTest, OneBusyConnectionDoesNotStarveOthers) {
  start();
  Phone greedy(*this), modest(*this);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += request("GET /hello");
  turn_often();
  greedy.send_some(many);
  modest.send_some(request("GET /none"));
  size_t before = 0;
  ASSERT_TRUE(wait([&] {
    greedy.read_available();
    modest.read_available();
    if (modest.received().empty()) before = handler_.seen.size();
    return handler_.seen.size() >= 100 && !modest.received().empty();
  }));
  const auto at = std::find(handler_.seen.begin(), handler_.seen.end(), "GET /none");
  EXPECT_LT(at - handler_.seen.begin(), 100);
}

}  // namespace
}  // namespace holdfast::provision
