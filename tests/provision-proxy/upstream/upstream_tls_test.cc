// SPDX-License-Identifier: Apache-2.0
// TLS: the right name by the right authority in its time, or nothing.
#include <gtest/gtest.h>

#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/certificates.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

void serve(OriginConnection& c) {
  while (!c.read_head().empty()) c.send(ok(c.client_name()));
}

// The name in the certificate is checked although the address is pinned.
OriginConfig with_tls(uint16_t port, const Authority& authority) {
  auto config = loopback(port);
  config.tls = true;
  config.tls_name = "centre.lab.example";
  config.ca_file = authority.file();
  return config;
}

class UpstreamTls : public testing::Test {
 protected:
  Authority ours_{"ours"}, theirs_{"theirs"};
};

TEST_F(UpstreamTls, TakesTheRightCertificateAlone) {
  struct Row {
    const char* name;
    TlsFiles files;
    bool good;
  };
  CertificateWish wildcard, other, expired, early, by_address, no_names, subject_only;
  wildcard.alternative = "DNS:*.lab.example";
  other.alternative = "DNS:other.example";
  expired.from_s = -7200;
  expired.until_s = -3600;
  early.from_s = 3600;
  early.until_s = 7200;
  by_address.alternative = "IP:127.0.0.1";
  subject_only.alternative = "";  // the old way, which libcurl still takes if there is no other
  const Row rows[] = {
      {"right", ours_.issue("right"), true},
      {"a wildcard of it", ours_.issue("wildcard", wildcard), true},
      {"the subject alone", ours_.issue("subject", subject_only), true},
      {"another name", ours_.issue("other", other), false},
      {"the address, but not the name", ours_.issue("address", by_address), false},
      {"expired", ours_.issue("expired", expired), false},
      {"not yet valid", ours_.issue("early", early), false},
      {"another authority", theirs_.issue("theirs"), false},
  };
  for (const auto& row : rows) {
    ScriptedOrigin origin(serve, &row.files);
    Bench bench(with_tls(origin.port(), ours_));
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(name_of(got.end()), row.good ? "complete" : "tls") << row.name << got.outcome.detail;
    EXPECT_EQ(bench.upstream().health().admits(), row.good) << row.name;
    EXPECT_EQ(got.heads, row.good ? 1 : 0) << row.name;
  }
}

TEST_F(UpstreamTls, ALiteralNeedsItsAddressInTheCertificate) {
  for (const bool good : {true, false}) {
    CertificateWish wish;
    wish.alternative = good ? "IP:127.0.0.1" : "IP:127.0.0.2";
    const auto files = ours_.issue("literal", wish);
    ScriptedOrigin origin(serve, &files);
    auto config = with_tls(origin.port(), ours_);
    config.tls_name = "";
    Bench bench(config);
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(name_of(got.end()), good ? "complete" : "tls");
  }
}

TEST_F(UpstreamTls, OfTheSystemsStoreAnUnknownAuthorityIsNone) {
  const auto files = ours_.issue("system");
  ScriptedOrigin origin(serve, &files);
  auto config = with_tls(origin.port(), ours_);
  config.ca_file = "";
  Bench bench(config);
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "tls");
}

TEST_F(UpstreamTls, ShowsItsOwnCertificate) {
  CertificateWish wish;
  wish.common_name = "branch 17";
  wish.alternative = "";
  const auto mine = ours_.issue("client", wish);
  auto files = ours_.issue("server");
  files.client_ca = ours_.file();
  ScriptedOrigin origin(serve, &files);
  for (const bool shown : {true, false}) {
    auto config = with_tls(origin.port(), ours_);
    if (shown) config.client_certificate = mine.certificate;
    if (shown) config.client_key = mine.key;
    Bench bench(config);
    Recorder got;
    bench.fetch(get(), got);
    if (shown) {
      EXPECT_EQ(got.body, "branch 17") << got.outcome.detail;
    } else {
      EXPECT_NE(name_of(got.end()), "complete");
    }
  }
}

TEST_F(UpstreamTls, PlainHttpOnTheOtherSideIsToldApart) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    c.wait_for_close();
  });
  Bench bench(with_tls(origin.port(), ours_));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(name_of(got.end()), "tls");
}

// libcurl 7.88 does not tell close_notify from a cut: such a body stays flagged.
TEST_F(UpstreamTls, ABodyThatOnlyTheCloseEndsIsFlagged) {
  const auto files = ours_.issue("cut");
  ScriptedOrigin origin(
      [](OriginConnection& c) {
        c.read_head();
        c.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf");
        c.shut();
        c.wait_for_close();
      },
      &files);
  Bench bench(with_tls(origin.port(), ours_));
  Recorder got;
  bench.fetch(get(), got);
  EXPECT_EQ(got.outcome.framing, BodyFraming::close);
  EXPECT_EQ(got.body, "half");
}

// Bytes that TLS has read already make no socket readable.
TEST_F(UpstreamTls, PausesUnderALimitLoseNothing) {
  const std::string body(300'000, 'x');
  const auto files = ours_.issue("limit");
  ScriptedOrigin origin(
      [&](OriginConnection& c) {
        while (!c.read_head().empty()) c.send(ok(body));
      },
      &files);
  Bench bench(with_tls(origin.port(), ours_), 2'000'000);
  for (int i = 0; i < 2; ++i) {
    Recorder got;
    bench.fetch(get(), got);
    EXPECT_EQ(name_of(got.end()), "complete") << got.outcome.detail;
    EXPECT_TRUE(got.body == body);
    EXPECT_EQ(got.outcome.reused, i > 0);
  }
  EXPECT_GT(bench.throttle().waits(), 0U);
}

}  // namespace
}  // namespace holdfast::provision
