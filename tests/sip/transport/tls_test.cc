// SPDX-License-Identifier: Apache-2.0
// TLS between two sets of endpoints on loopback: whom each believes, and what breaks a handshake.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "sip/transport/endpoints.hh"
#include "tests/provision-proxy/server/test_certificates.hh"
#include "tests/sip/proxy/test_peer.hh"
#include "tests/sip/virtual_loop.hh"

namespace holdfast::sip {
namespace {

constexpr char kBox[] = "127.0.5.1";
constexpr char kCentre[] = "127.0.5.10";
constexpr long kDay = 86400;
const std::string kOptions =
    "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS y;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";

// One side: what it got, and which handshakes failed.
struct Side : Endpoints::User {
  Side(Loop& loop, TlsConfig tls, const char* address, ProxyLimits limits = {})
      : endpoints(loop, limits, 24, std::move(tls), *this),
        listeners{{"wan", {*IpAddress::parse(address), 0}, Transport::tls, false}} {}
  void received(const Origin& origin, std::string_view message) override {
    messages.emplace_back(message);
    last = origin;
  }
  void failed(const SocketAddress&, Transport transport, SendFailure) override {
    lost += transport == Transport::tls ? 1 : 0;
  }
  void rejected(const Origin&, MessageReject) override {}
  void tls_failed(const Origin& peer, bool we_began, const TlsFault& fault) override {
    faults.push_back(fault);
    EXPECT_EQ(peer.transport, Transport::tls);
    began = we_began;
  }
  std::string open() {
    const auto error = endpoints.open(listeners);
    return error ? error->text : "";
  }
  std::string fault() const {
    return faults.empty() ? "none" : std::string(name_of(faults.back().failure));
  }
  NextHop hop(const std::string& tls_name) const {
    return {listeners[0].address, Transport::tls, "wan", tls_name};
  }

  Endpoints endpoints;
  std::vector<Listener> listeners;
  std::vector<std::string> messages;
  std::vector<TlsFault> faults;
  Origin last;
  int lost = 0;
  bool began = false;
};

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* ca : {"line-ca", "other-ca"})
      files.make(ca, "", {.common_name = ca, .alternative_names = {}, .authority = true});
    issue("centre", "DNS:centre.example");
    issue("box", "DNS:box.example");
  }
  void issue(const std::string& name, const std::string& alternative, long from = -3600,
             long to = kDay, const std::string& by = "line-ca") {
    files.make(name, by,
               {.common_name = name,
                .alternative_names = {alternative},
                .valid_from_s = from,
                .valid_to_s = to});
  }
  TlsConfig tls(const std::string& identity) const {
    TlsConfig config;
    config.identities = {{"wan", files.certificate(identity), files.key(identity), "", false}};
    config.ca = files.certificate("line-ca");
    config.centre = "centre.example";
    config.centre_names = {"centre.example"};
    return config;
  }
  // The box calls a centre that has that certificate. What each side says of the handshake.
  void meet(const std::string& centres, const std::string& tls_name = "centre.example") {
    centre = std::make_unique<Side>(loop, tls(centres), kCentre);
    box = std::make_unique<Side>(loop, tls("box"), kBox);
    ASSERT_EQ(centre->open(), "");
    ASSERT_EQ(box->open(), "");
    box->endpoints.send(centre->hop(tls_name), kOptions);
    loop.settle();
  }
  // A client of OpenSSL's own, for what our own would not do.
  struct Raw {
    Raw(VirtualLoop& the_loop, const Side& side, int max_version, const char* ciphers = nullptr)
        : context(SSL_CTX_new(TLS_client_method())),
          ssl(SSL_new(context)),
          peer("127.0.5.66", true) {
      peer.connect_to(side.listeners[0].address.ip.to_string(), side.listeners[0].address.port);
      fcntl(peer.fd(), F_SETFL, O_NONBLOCK);
      SSL_set_security_level(ssl, 0);
      SSL_set_min_proto_version(ssl, TLS1_VERSION);
      SSL_set_max_proto_version(ssl, max_version);
      SSL_set_cipher_list(ssl, ciphers == nullptr ? "ALL:@SECLEVEL=0" : ciphers);
      SSL_set_fd(ssl, peer.fd());
      for (int i = 0; i < 10 && !done; ++i) {
        the_loop.settle();
        done = SSL_connect(ssl) == 1;
      }
      the_loop.settle();
    }
    ~Raw() {
      SSL_free(ssl);
      SSL_CTX_free(context);
    }
    SSL_CTX* context;
    SSL* ssl;
    TestPeer peer;
    bool done = false;
  };

  provision::test::TestCertificates files;
  VirtualLoop loop;
  std::unique_ptr<Side> centre, box;
};

TEST_F(TlsTest, OneConnectionCarriesBothWays) {
  meet("centre");
  ASSERT_EQ(centre->messages, std::vector<std::string>{kOptions}) << box->fault();
  EXPECT_EQ(centre->last.transport, Transport::tls);
  // A request from the centre comes back by the connection that we have opened.
  EXPECT_TRUE(centre->endpoints.send({centre->last.address, Transport::tls, "wan", ""}, kOptions));
  loop.settle();
  EXPECT_EQ(box->messages, std::vector<std::string>{kOptions});
  EXPECT_EQ(box->endpoints.counted(TransportCount::tls_opened), 1U);
  EXPECT_EQ(centre->endpoints.counted(TransportCount::tls_accepted), 1U);
  EXPECT_EQ(centre->endpoints.counted(TransportCount::tcp_opened), 0U);
}

TEST_F(TlsTest, ManyMessagesAndLargeOnesPass) {
  meet("centre");
  std::string large = kOptions;
  large.replace(large.find("Content-Length: 0"), 17, "Content-Length: 60000");
  large += std::string(60000, 'b');
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(box->endpoints.send(centre->hop("centre.example"), large));
  loop.settle();
  ASSERT_EQ(centre->messages.size(), 4U);
  EXPECT_EQ(centre->messages.back(), large);
}

TEST_F(TlsTest, TheCentreIsKnownByItsNameThoughTheHopIsAnAddress) {
  issue("by-address", "IP:127.0.5.10");
  const struct {
    const char *name, *certificate, *tls_name, *fault;
  } rows[] = {
      {"the centre", "centre", "centre.example", "none"},
      {"a hop of another name", "centre", "other.example", "wrong_name"},
      {"its address does not do for the centre", "by-address", "centre.example", "wrong_name"},
      {"a hop that is an address", "by-address", "127.0.5.10", "none"},
      {"an address that the certificate has not", "centre", "127.0.5.10", "wrong_name"},
  };
  for (const auto& row : rows) {
    meet(row.certificate, row.tls_name);
    EXPECT_EQ(box->fault(), row.fault) << row.name;
    EXPECT_EQ(centre->messages.size(), box->fault() == "none" ? 1U : 0U) << row.name;
  }
}

TEST_F(TlsTest, TheCaThatSignsIsEnoughWithoutTheRootAboveIt) {
  files.make("issuer", "line-ca",
             {.common_name = "issuer", .alternative_names = {}, .authority = true});
  issue("issued", "DNS:centre.example", -3600, kDay, "issuer");
  centre = std::make_unique<Side>(loop, tls("issued"), kCentre);
  TlsConfig config = tls("box");
  config.ca = files.certificate("issuer");
  box = std::make_unique<Side>(loop, std::move(config), kBox);
  ASSERT_EQ(centre->open(), "");
  ASSERT_EQ(box->open(), "");
  box->endpoints.send(centre->hop("centre.example"), kOptions);
  loop.settle();
  EXPECT_EQ(box->fault(), "none");
  EXPECT_EQ(centre->messages.size(), 1U);
}

TEST_F(TlsTest, WhomWeDoNotBelieveIsRefusedByName) {
  issue("stranger", "DNS:centre.example", -3600, kDay, "other-ca");
  issue("expired", "DNS:centre.example", -2 * kDay, -kDay);
  issue("early", "DNS:centre.example", kDay, 2 * kDay);
  issue("elsewhere", "DNS:elsewhere.example");
  files.make("self", "", {.common_name = "centre.example", .alternative_names = {}});
  const struct {
    const char *certificate, *fault, *word;
  } rows[] = {
      {"stranger", "unknown_ca", "CN=stranger of CN=other-ca"},
      {"self", "unknown_ca", "CN=centre.example of CN=centre.example"},
      {"expired", "expired", "expired on "},
      {"early", "not_yet_valid", "the clock of this machine is wrong: it says "},
      {"elsewhere", "wrong_name", "it is for DNS:elsewhere.example, wanted was centre.example"},
  };
  for (const auto& row : rows) {
    meet(row.certificate);
    EXPECT_EQ(box->fault(), row.fault);
    EXPECT_TRUE(box->began);
    ASSERT_FALSE(box->faults.empty());
    EXPECT_NE(box->faults[0].detail.find(row.word), std::string::npos) << box->faults[0].detail;
    EXPECT_EQ(box->endpoints.counted(box->faults[0].failure), 1U);
    EXPECT_EQ(centre->fault(), "peer_refused") << row.certificate;  // our alert has told them
    EXPECT_EQ(box->lost, 1);
    EXPECT_EQ(box->endpoints.connections() + centre->endpoints.connections(), 0U);
    EXPECT_TRUE(centre->messages.empty());
  }
}

TEST_F(TlsTest, WhoeverConnectsMayNeedACertificate) {
  auto config = tls("centre");
  config.identities[0].client_ca = files.certificate("line-ca");
  const auto meet_asking = [&](TlsConfig ours) {
    centre = std::make_unique<Side>(loop, config, kCentre);
    box = std::make_unique<Side>(loop, std::move(ours), kBox);
    ASSERT_EQ(centre->open(), "");
    ASSERT_EQ(box->open(), "");
    box->endpoints.send(centre->hop("centre.example"), kOptions);
    loop.settle();
  };
  meet_asking(tls("box"));
  EXPECT_EQ(centre->messages.size(), 1U) << centre->fault();
  issue("strange-box", "DNS:box.example", -3600, kDay, "other-ca");
  meet_asking(tls("strange-box"));
  EXPECT_EQ(centre->fault(), "unknown_ca");
  EXPECT_EQ(box->fault(), "peer_refused");
  EXPECT_FALSE(centre->began);
  EXPECT_TRUE(centre->messages.empty());
  const Raw nobody(loop, *centre, TLS1_2_VERSION);
  EXPECT_EQ(centre->fault(), "no_certificate");
}

TEST_F(TlsTest, OldVersionsAndCiphersAreForLegacyAlone) {
  meet("centre");
  EXPECT_FALSE(Raw(loop, *centre, TLS1_1_VERSION).done);
  EXPECT_EQ(centre->fault(), "no_common_version");
  EXPECT_FALSE(Raw(loop, *centre, TLS1_2_VERSION, "AES128-SHA:@SECLEVEL=0").done);
  EXPECT_EQ(centre->fault(), "no_common_cipher");
  EXPECT_TRUE(Raw(loop, *centre, TLS1_2_VERSION).done);
  EXPECT_TRUE(Raw(loop, *centre, TLS1_3_VERSION).done);
  auto config = tls("centre");
  config.identities[0].legacy = true;
  centre = std::make_unique<Side>(loop, config, kCentre);
  ASSERT_EQ(centre->open(), "");
  EXPECT_TRUE(Raw(loop, *centre, TLS1_1_VERSION).done) << centre->fault();
}

TEST_F(TlsTest, WhatIsNoTlsIsCalledSo) {
  meet("centre");
  TestPeer plain("127.0.5.20", true);
  plain.connect_to(kCentre, centre->listeners[0].address.port);
  plain.write(kOptions);
  loop.settle();
  EXPECT_EQ(centre->fault(), "not_tls");
  TestPeer silent("127.0.5.21", true);
  silent.connect_to(kCentre, centre->listeners[0].address.port);
  loop.settle();
  silent.hang_up();
  loop.settle();
  EXPECT_EQ(centre->fault(), "closed");
}

// They cost their sender nothing, so they are few and short.
TEST_F(TlsTest, HandshakesThatStallAreBounded) {
  meet("centre");
  std::vector<std::unique_ptr<TestPeer>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<TestPeer>("127.0.5.30", true));
    slow.back()->connect_to(kCentre, centre->listeners[0].address.port);
    slow.back()->write(std::string("\x16\x03\x01", 3));
    loop.settle();
  }
  EXPECT_EQ(centre->endpoints.counted(TlsFailure::too_many), 4U);
  EXPECT_EQ(centre->endpoints.connections(), 1U + 16U);
  // From elsewhere one gets in all the same.
  EXPECT_TRUE(Raw(loop, *centre, TLS1_3_VERSION).done);
  loop.advance(Connection::kHandshakeMs - 1);
  centre->endpoints.sweep();
  EXPECT_EQ(centre->endpoints.counted(TlsFailure::timeout), 0U);
  loop.advance(1);
  centre->endpoints.sweep();
  loop.settle();
  EXPECT_EQ(centre->endpoints.counted(TlsFailure::timeout), 16U);
  // Their places are free again.
  TestPeer again("127.0.5.30", true);
  again.connect_to(kCentre, centre->listeners[0].address.port);
  loop.settle();
  EXPECT_EQ(centre->endpoints.counted(TlsFailure::too_many), 4U);
}

TEST_F(TlsTest, AReloadIsForConnectionsToCome) {
  meet("centre");
  ASSERT_EQ(centre->messages.size(), 1U);
  issue("newer", "DNS:elsewhere.example");
  std::filesystem::copy_file(files.certificate("newer"), files.certificate("centre"),
                             std::filesystem::copy_options::overwrite_existing);
  // Half of a pair: refused, and nothing changes.
  EXPECT_NE(centre->endpoints.reload_certificates().find("is not the key of"), std::string::npos);
  EXPECT_EQ(centre->endpoints.tls().certificates()[0].facts().subject, "CN=centre");
  files.rename("newer", "centre");
  EXPECT_EQ(centre->endpoints.reload_certificates(), "");
  EXPECT_EQ(centre->endpoints.tls().certificates()[0].facts().subject, "CN=newer");
  EXPECT_TRUE(box->endpoints.send(centre->hop("centre.example"), kOptions));
  loop.settle();
  EXPECT_EQ(centre->messages.size(), 2U);
  Side late(loop, tls("box"), "127.0.5.2");
  ASSERT_EQ(late.open(), "");
  late.endpoints.send(centre->hop("centre.example"), kOptions);
  loop.settle();
  EXPECT_EQ(late.fault(), "wrong_name");
}

// Whoever has the centre's address could open one from the centre's port.
TEST_F(TlsTest, AConnectionThatThePeerBeganIsNotTheOneToBeChecked) {
  box = std::make_unique<Side>(loop, tls("box"), kBox);
  ASSERT_EQ(box->open(), "");
  Raw stranger(loop, *box, TLS1_3_VERSION);
  ASSERT_TRUE(stranger.done);
  const std::string ip = "127.0.5.66";
  NextHop hop{{*IpAddress::parse(ip), stranger.peer.connection_port()}, Transport::tls, "wan", ""};
  EXPECT_TRUE(box->endpoints.send(hop, kOptions));  // as an answer, or to a phone
  loop.settle();
  char bytes[1024];
  ASSERT_EQ(SSL_read(stranger.ssl, bytes, sizeof bytes), static_cast<int>(kOptions.size()));
  hop.tls_name = "centre.example";
  EXPECT_TRUE(box->endpoints.send(hop, kOptions));  // by a new one, which nobody takes there
  loop.settle();
  EXPECT_LE(SSL_read(stranger.ssl, bytes, sizeof bytes), 0);
  EXPECT_EQ(box->endpoints.counted(TransportCount::tcp_connect_failed), 1U);
  EXPECT_TRUE(box->endpoints.is_connected(hop.address, Transport::tls, "wan"));
}

TEST_F(TlsTest, NobodyConnectsToAHopWithoutAName) {
  meet("centre");
  EXPECT_FALSE(box->endpoints.send(
      {{*IpAddress::parse("127.0.5.77"), 5061}, Transport::tls, "wan", ""}, kOptions));
  EXPECT_EQ(box->endpoints.counted(TransportCount::tls_gone), 1U);
}

TEST_F(TlsTest, BadFilesStopTheStart) {
  const auto opened = [&](const std::function<void(TlsConfig&)>& change) {
    auto config = tls("box");
    change(config);
    return Side(loop, config, kBox).open();
  };
  EXPECT_EQ(opened([](TlsConfig&) {}), "");
  EXPECT_NE(
      opened([](TlsConfig& c) { c.identities[0].certificate = "/none.pem"; }).find("/none.pem: "),
      std::string::npos);
  EXPECT_NE(opened([&](TlsConfig& c) {
              c.identities[0].key = files.key("centre");
            }).find("is not the key of"),
            std::string::npos);
  EXPECT_NE(opened([](TlsConfig& c) { c.ca = "/none.pem"; }).find("/none.pem: "),
            std::string::npos);
  EXPECT_NE(
      opened([](TlsConfig& c) { c.identities[0].client_ca = "/none.pem"; }).find("/none.pem: "),
      std::string::npos);
}

TEST_F(TlsTest, OurOwnCertificatesAreLookedAt) {
  meet("centre");
  const auto& facts = box->endpoints.tls().certificates()[0].facts();
  const auto said = [&](int64_t now_s) {
    const auto all = box->endpoints.tls().complaints(now_s);
    return all.empty() ? std::string("none") : all[0];
  };
  EXPECT_EQ(said(facts.not_after_s - 15 * kDay - 1),
            "certificate of interface wan (" + files.certificate("box") +
                "): CN=box of CN=line-ca: " +
                tls::validity_word(facts, facts.not_after_s - 15 * kDay - 1));
  EXPECT_NE(said(0).find("the clock of this machine is wrong"), std::string::npos);
  EXPECT_NE(said(facts.not_after_s).find("expires on "), std::string::npos);
  EXPECT_NE(said(facts.not_after_s + 1).find("expired on "), std::string::npos);
}

// A gateway has a CA and names of its own; that of the centre counts for nothing there.
TEST_F(TlsTest, AGatewayIsBelievedByItsOwnCa) {
  issue("gateway", "DNS:pstn.example", -3600, kDay, "other-ca");
  issue("address", std::string("IP:") + kCentre, -3600, kDay, "other-ca");
  struct Row {
    const char *certificate, *name, *fault;
  };
  for (const Row& row :
       {Row{"gateway", "pstn.example", "none"}, Row{"address", kCentre, "none"},
        Row{"gateway", kCentre, "wrong_name"}, Row{"centre", "centre.example", "unknown_ca"}}) {
    SCOPED_TRACE(row.name);
    TlsConfig ours = tls("box");
    ours.peers = {{"gateway pstn", "wan", files.certificate("other-ca"), {row.name}}};
    centre = std::make_unique<Side>(loop, tls(row.certificate), kCentre);
    box = std::make_unique<Side>(loop, ours, kBox);
    ASSERT_EQ(centre->open(), "");
    ASSERT_EQ(box->open(), "");
    box->endpoints.send(centre->hop("gateway pstn"), kOptions);
    loop.settle();
    EXPECT_EQ(box->fault(), row.fault);
    EXPECT_EQ(centre->messages.size(), row.fault == std::string("none") ? 1U : 0U);
  }
}

// A chain of three: the CA in our file, one between, and the centre's certificate.
class TlsChainTest : public TlsTest {
 protected:
  void chain(long from_s, long to_s, long ca_to_s = 90 * kDay) {
    files.make(
        "root", "",
        {.common_name = "root", .alternative_names = {}, .valid_to_s = ca_to_s, .authority = true});
    files.make("between", "root",
               {.common_name = "between",
                .alternative_names = {},
                .valid_from_s = from_s,
                .valid_to_s = to_s,
                .authority = true});
    issue("leaf", "DNS:centre.example", -3600, 90 * kDay, "between");
    std::string pem, above;
    ASSERT_EQ(tls::read_pem(files.certificate("leaf"), pem), "");
    ASSERT_EQ(tls::read_pem(files.certificate("between"), above), "");
    const std::string path = files.file("chain.pem", pem + above);
    TlsConfig ours = tls("box"), theirs = tls("box");
    ours.ca = theirs.ca = files.certificate("root");
    theirs.identities = {{"wan", path, files.key("leaf"), "", false}};
    centre = std::make_unique<Side>(loop, theirs, kCentre);
    box = std::make_unique<Side>(loop, ours, kBox);
    ASSERT_EQ(centre->open(), "");
    ASSERT_EQ(box->open(), "");
    box->endpoints.send(centre->hop("centre.example"), kOptions);
    loop.settle();
  }
  // Of the two whose file has it: the centre's own, and its file of CAs.
  std::string complaints(int64_t from_now_s = 0) const {
    std::string all;
    for (const auto& one : centre->endpoints.tls().complaints(std::time(nullptr) + from_now_s))
      all += one + "\n";
    return all;
  }
};

TEST_F(TlsChainTest, ThatHoldsIsBelievedAndNotSpokenOf) {
  chain(-3600, 60 * kDay);
  EXPECT_EQ(box->fault(), "none");
  EXPECT_EQ(centre->messages.size(), 1U);
  EXPECT_EQ(complaints(), "");
  EXPECT_NE(complaints(59 * kDay).find("chain.pem): CN=between of CN=root: expires on "),
            std::string::npos)
      << complaints(59 * kDay);
  EXPECT_NE(complaints(89 * kDay).find("root.pem: CN=root of CN=root: expires on "),
            std::string::npos)
      << complaints(89 * kDay);
}

TEST_F(TlsChainTest, WhichOfItDoesNotHoldIsSaid) {
  chain(-3 * kDay, -2 * kDay);
  EXPECT_EQ(box->fault(), "expired");
  EXPECT_EQ(box->faults.back().detail.find("CN=between of CN=root: expired on "), 0U)
      << box->faults.back().detail;
  EXPECT_NE(complaints().find("chain.pem): CN=between of CN=root: expired on "), std::string::npos)
      << complaints();
  EXPECT_EQ(complaints().find("CN=leaf"), std::string::npos) << complaints();
  chain(kDay, 2 * kDay);
  EXPECT_EQ(box->fault(), "not_yet_valid");
  const std::string clock = "CN=between of CN=root: the clock of this machine is wrong";
  EXPECT_EQ(box->faults.back().detail.find(clock), 0U) << box->faults.back().detail;
  EXPECT_NE(complaints().find(clock), std::string::npos) << complaints();
}

TEST_F(TlsChainTest, TheCaInTheFileTakesPart) {
  chain(-3600, 90 * kDay, -kDay / 2);
  EXPECT_EQ(box->fault(), "expired");
  EXPECT_EQ(box->faults.back().detail.find("CN=root of CN=root: expired on "), 0U)
      << box->faults.back().detail;
  EXPECT_NE(complaints().find("CA file " + files.certificate("root") +
                              ": CN=root of CN=root: expired on "),
            std::string::npos)
      << complaints();
}

}  // namespace
}  // namespace holdfast::sip
