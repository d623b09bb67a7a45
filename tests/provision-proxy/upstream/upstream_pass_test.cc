// SPDX-License-Identifier: Apache-2.0
// What goes to the origin and what comes from it, byte for byte.
#include <gtest/gtest.h>

#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

// Answers each request of a connection with `answer`, and notes what came.
class Echo {
 public:
  explicit Echo(std::string answer)
      : origin_([this, answer = std::move(answer)](OriginConnection& c) {
          for (;;) {
            auto head = c.read_head();
            if (head.empty()) return;
            origin_.note(std::move(head));
            if (!c.send(answer)) return;
          }
        }) {}
  std::string last() const {
    const auto notes = origin_.notes();
    return notes.empty() ? "nothing came" : notes.back();
  }
  uint16_t port() const { return origin_.port(); }

 private:
  ScriptedOrigin origin_;
};

TEST(UpstreamPass, SendsTheRequestAndNothingElse) {
  Echo origin(ok("x"));
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get("/a"), got);
  ASSERT_EQ(got.end(), UpstreamEnd::complete) << got.outcome.detail;
  EXPECT_EQ(origin.last(),
            "GET /a HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(origin.port()) + "\r\n\r\n");
}

TEST(UpstreamPass, KeepsFieldsInOrderAndSpelling) {
  Echo origin(ok("x"));
  Bench bench(loopback(origin.port()));
  auto request = get("/0004f282e824.cfg");
  const std::pair<const char*, const char*> fields[] = {
      {"user-AGENT", "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application"},
      {"Host", "provision.lab.voip:8088"},  // the phone's, kept
      {"Content-Length", "12"},             // framing is ours
      {"Transfer-Encoding", "chunked"},     // framing is ours
      {"Connection", "close"},              // the connection is ours
      {"X-Empty", ""},                      // an empty value is a value
      {"Range", "bytes=0-99"},              // passes as any other
      {"accept", "*/*;q=0.1"},              // the phone's own
      {"Accept-Encoding", "gzip"},
      {"X-Twice", "1"},
      {"X-Twice", "2"},
      {"Authorization", "Digest username=\"a\", uri=\"/x\""},
      {"Cookie", "a=b; c"},
      {"If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"},
      {"X-Semicolon;", "not a name"}};
  for (const auto& [name, value] : fields) request.fields.add(name, value);
  Recorder got;
  bench.fetch(std::move(request), got);
  EXPECT_EQ(origin.last(),
            "GET /0004f282e824.cfg HTTP/1.1\r\n"
            "Host: provision.lab.voip:8088\r\n"
            "user-AGENT: FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application\r\n"
            "X-Empty:\r\n"
            "Range: bytes=0-99\r\n"
            "accept: */*;q=0.1\r\n"
            "Accept-Encoding: gzip\r\n"
            "X-Twice: 1\r\n"
            "X-Twice: 2\r\n"
            "Authorization: Digest username=\"a\", uri=\"/x\"\r\n"
            "Cookie: a=b; c\r\n"
            "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n\r\n");
}

TEST(UpstreamPass, KeepsTargetsAsTheyAre) {
  Echo origin(ok("x"));
  Bench bench(loopback(origin.port()));
  for (const std::string target : {"/", "/a/../b", "/%2e%2e/x", "/a//b", "/?", "/?q=a%20b", "/#x",
                                   "/a;b=c?d=[e]|{f}", "/\xc3\xa4", "*", "/.", "/a\\b", "/%zz"}) {
    Recorder got;
    bench.fetch(get(target), got);
    EXPECT_EQ(got.end(), UpstreamEnd::complete) << target;
    EXPECT_EQ(origin.last().substr(0, target.size() + 15), "GET " + target + " HTTP/1.1\r\n");
  }
}

TEST(UpstreamPass, RefusesWhatCannotBeWritten) {
  Echo origin(ok("x"));
  Bench bench(loopback(origin.port()));
  std::vector<UpstreamRequest> bad;
  for (const char* target : {"", "a", "http://other/x", "/a b", "/a\r\nX: y", "/a\x7f"})
    bad.push_back(get(target));
  for (const char* method : {"", "GET ", "GE\r\nT", "G(T"}) {
    bad.push_back(get());
    bad.back().method = method;
  }
  bad.push_back(get());
  bad.back().fields.add("X-Control", "a\x01z");
  bad.push_back(get());
  bad.back().fields.add("X-Long", std::string(65536, 'a'));
  bad.push_back(get());
  bad.back().method = "HEAD";
  bad.back().body = "a HEAD has none";
  for (auto& request : bad) {
    const auto text = request.method + " " + request.target;
    Recorder got;
    bench.fetch(std::move(request), got);
    EXPECT_EQ(got.end(), UpstreamEnd::bad_request) << text;
  }
  EXPECT_EQ(bench.upstream().status().running, 0U);
  EXPECT_EQ(bench.upstream().health().state(), OriginState::closed);
}

TEST(UpstreamPass, HandsOnTheHeadAsItWasSent) {
  Echo origin(
      "HTTP/1.1 299 Quite all right, isn't it\r\n"
      "sErVeR: some\r\n"
      "ETag: W/\"a,b\"\r\n"
      "X-Folded: one\r\n   two\r\n\tthree\r\n"
      "Set-Cookie: a=1\r\n"
      "Set-Cookie: b=2\r\n"
      "X-Empty:\r\n"
      "Content-Encoding: gzip\r\n"
      "Location: http://elsewhere.example/\r\n"
      "Content-Length: 5\r\n\r\n\x1f\x8b\x01\x02\x03");
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.end(), UpstreamEnd::complete);
  EXPECT_EQ(got.head.status, 299);
  EXPECT_EQ(got.head.reason, "Quite all right, isn't it");
  EXPECT_EQ(got.head.fields.text(),
            "sErVeR: some\r\nETag: W/\"a,b\"\r\nX-Folded: one two three\r\nSet-Cookie: a=1\r\n"
            "Set-Cookie: b=2\r\nX-Empty: \r\nContent-Encoding: gzip\r\n"
            "Location: http://elsewhere.example/\r\nContent-Length: 5\r\n");
  EXPECT_EQ(got.body, "\x1f\x8b\x01\x02\x03") << "not decoded";
  EXPECT_EQ(got.framing, BodyFraming::length);
}

TEST(UpstreamPass, FollowsNoRedirect) {
  for (const int status : {301, 302, 303, 307, 308, 401, 407}) {
    Echo origin("HTTP/1.1 " + std::to_string(status) +
                " x\r\nLocation: /there\r\nWWW-Authenticate: Basic realm=x\r\n"
                "Content-Length: 2\r\n\r\nno");
    Bench bench(loopback(origin.port()));
    Recorder got;
    bench.fetch(get("/here"), got);
    EXPECT_EQ(got.end(), UpstreamEnd::complete);
    EXPECT_EQ(got.head.status, status);
    EXPECT_EQ(got.body, "no");
  }
}

TEST(UpstreamPass, KeepsNoCookies) {
  Echo origin(ok("x", "Set-Cookie: id=secret; Path=/\r\n"));
  Bench bench(loopback(origin.port()));
  for (int i = 0; i < 2; ++i) {
    Recorder got;
    bench.fetch(get(), got);
  }
  EXPECT_EQ(origin.last().find("secret"), std::string::npos);
}

TEST(UpstreamPass, TakesNoProxyFromTheEnvironment) {
  const auto nowhere = "http://127.0.0.1:" + std::to_string(closed_port());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(name, nowhere.c_str(), 1);
  Echo origin(ok("x"));
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.end(), UpstreamEnd::complete);
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
}

struct BodyCase {
  const char* name;
  std::string answer;
  std::string method;
  std::string body;
  BodyFraming framing;
};

TEST(UpstreamPass, KnowsWhereBodiesEnd) {  // RFC 9112 section 6.3
  const BodyCase cases[] = {
      {"length", ok("body"), "GET", "body", BodyFraming::length},
      {"length 0", ok(""), "GET", "", BodyFraming::length},
      {"length twice the same",
       "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", "GET", "body",
       BodyFraming::length},
      {"HEAD with a length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "HEAD", "",
       BodyFraming::none},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", "GET", "", BodyFraming::none},
      {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", "GET", "",
       BodyFraming::none},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n",
       "GET", "body", BodyFraming::chunked},
      {"chunked with trailers",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n4\r\nbody\r\n0\r\n"
       "X-T: dropped\r\nETag: \"dropped\"\r\n\r\n",
       "GET", "body", BodyFraming::chunked},
      {"chunked beats a length",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: "
       "chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
       "GET", "body", BodyFraming::chunked},
  };
  for (const auto& row : cases) {
    Echo origin(row.answer);
    Bench bench(loopback(origin.port()));
    for (int again = 0; again < 2; ++again) {  // the connection stays in step
      auto request = get();
      request.method = row.method;
      Recorder got;
      bench.fetch(std::move(request), got);
      EXPECT_EQ(name_of(got.end()), "complete") << row.name << " " << got.outcome.detail;
      EXPECT_EQ(got.body, row.body) << row.name;
      EXPECT_EQ(got.framing, row.framing) << row.name;
      EXPECT_EQ(got.outcome.framing, row.framing) << row.name;
      EXPECT_EQ(got.outcome.reused, again == 1) << row.name;
      EXPECT_FALSE(got.head.fields.has("X-T")) << row.name;
      EXPECT_FALSE(got.head.fields.has("ETag")) << row.name;
    }
  }
}

TEST(UpstreamPass, FlagsABodyThatOnlyTheCloseEnds) {
  for (const char* head : {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
                           "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
    ScriptedOrigin origin([&](OriginConnection& c) {
      c.read_head();
      c.send(std::string(head) + "some");
    });
    Bench bench(loopback(origin.port()));
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(got.end(), UpstreamEnd::complete);
    EXPECT_EQ(got.body, "some");
    EXPECT_EQ(got.outcome.framing, BodyFraming::close);
  }
}

TEST(UpstreamPass, TellsInterimAnswersApart) {  // RFC 9110 section 15.2, RFC 8297
  Echo origin(
      "HTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </b>; rel=preload\r\n\r\n" +
      ok("body", "X-Final: yes\r\n"));
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.end(), UpstreamEnd::complete);
  ASSERT_EQ(got.interims.size(), 3U);
  EXPECT_EQ(got.interims[1].status, 103);
  EXPECT_EQ(got.interims[2].fields.find("Link"), "</b>; rel=preload");
  EXPECT_EQ(got.heads, 1);
  EXPECT_EQ(got.head.status, 200);
  EXPECT_FALSE(got.head.fields.has("Link"));
  EXPECT_EQ(got.body, "body");
}

TEST(UpstreamPass, MarksItsPackets) {
  for (const std::string address : {"127.0.0.1", "::1"}) {
    for (const int dscp : {8, 0, 46}) {
      int seen = -1;
      ScriptedOrigin origin(
          [&](OriginConnection& c) {
            c.read_head();
            seen = c.dscp();
            c.send(ok("x"));
          },
          nullptr, address);
      auto config = loopback(origin.port());
      EXPECT_EQ(config.dscp, 8) << "CS1 by default";
      config.host = address;
      config.dscp = static_cast<uint8_t>(dscp);
      Bench bench(config);
      Recorder got;
      bench.fetch(get(), got);
      EXPECT_EQ(got.outcome.address, address) << got.outcome.detail;
      EXPECT_EQ(seen, dscp) << address;
    }
  }
}

TEST(UpstreamPass, ReadsASlowDrip) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.drip(ok("slowly but surely", "X-Slow: yes\r\n"), 1, milliseconds(1));
  });
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.end(), UpstreamEnd::complete);
  EXPECT_EQ(got.body, "slowly but surely");
  EXPECT_EQ(got.head.fields.find("X-Slow"), "yes");
}

TEST(UpstreamPass, HandsOnALargeBodyInPieces) {
  std::string large(5'000'000, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761U >> 13U);
  Echo origin(ok(large));
  Bench bench(loopback(origin.port()));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.end(), UpstreamEnd::complete);
  EXPECT_TRUE(got.body == large);
  EXPECT_LE(got.largest, 16384U);
  EXPECT_EQ(got.outcome.body_bytes, large.size());
}

}  // namespace
}  // namespace holdfast::provision
