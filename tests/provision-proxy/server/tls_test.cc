// SPDX-License-Identifier: Apache-2.0
// TLS listeners: versions, resumption, reload, and who a phone's certificate says that it is.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/provision-proxy/server/server_fixture.hh"
#include "tests/provision-proxy/server/test_certificates.hh"

namespace holdfast::provision {
namespace {

using namespace test;
using config::ClientCertificate;

constexpr long kYear = 365L * 86400;

// What a phone brings to a connection.
struct TlsPhoneOptions {
  std::string certificate, key;
  int min_version = 0, max_version = 0;  // 0: OpenSSL's own
  std::string ciphers = "DEFAULT@SECLEVEL=0";
  SSL_SESSION* session = nullptr;
};

class TlsTest : public ServerTest {
 protected:
  // One request over a connection of its own.
  struct Outcome {
    bool served = false;
    std::string received, server_name, version;
    bool resumed = false;
    SSL_SESSION* session = nullptr;
  };

  void SetUp() override {
    files_.make("ca", "",
                {.common_name = "phones' CA", .alternative_names = {}, .authority = true});
    files_.make("other-ca", "",
                {.common_name = "another", .alternative_names = {}, .authority = true});
    files_.make("server", "");
    phone("good", "00:04:F2:E8:28:24");
    phone("expired", "0004f2e82825", -2 * kYear, -kYear);
    phone("early", "0004f2e82826", kYear, 2 * kYear);
    phone("stranger", "0004f2e82827", -3600, kYear, "other-ca");
    phone("expired-stranger", "0004f2e82828", -2 * kYear, -kYear, "other-ca");
    phone("nameless", "phone");
    handler_.scripts["/who"] = [this](auto seen) {
      EXPECT_TRUE(seen.request.tls);
      macs_.push_back(seen.request.certificate_mac ? seen.request.certificate_mac->to_string()
                                                   : "none");
      seen.reply(text_answer("served"));
    };
    handler_.scripts["/big"] = [](auto seen) {
      seen.reply(text_answer(std::string(3 << 20, 'x')));
    };
  }
  void TearDown() override {
    for (auto* session : sessions_) SSL_SESSION_free(session);
    ServerTest::TearDown();
  }

  void phone(const std::string& name, const std::string& common_name, long from = -3600,
             long to = kYear, const std::string& issuer = "ca") {
    files_.make(name, issuer,
                {.common_name = common_name,
                 .alternative_names = {},
                 .valid_from_s = from,
                 .valid_to_s = to});
  }

  config::ProvisionListenerConfig listener(ClientCertificate client = ClientCertificate::kNone) {
    auto config = plain();
    config.tls = true;
    config.certificate = files_.certificate("server");
    config.key = files_.key("server");
    config.client_certificate = client;
    if (client != ClientCertificate::kNone) config.client_ca = files_.certificate("ca");
    return config;
  }

  TlsPhoneOptions with(const std::string& name) {
    TlsPhoneOptions options;
    options.certificate = files_.certificate(name);
    options.key = files_.key(name);
    return options;
  }

  // A TLS phone on a socket, driven by the test's own turns.
  struct TlsPhone {
    TlsPhone(TlsTest& of, const TlsPhoneOptions& options) : test(of), socket(of) {
      context = SSL_CTX_new(TLS_client_method());
      SSL_CTX_set_cipher_list(context, options.ciphers.c_str());
      SSL_CTX_set_min_proto_version(context,
                                    options.min_version ? options.min_version : TLS1_2_VERSION);
      SSL_CTX_set_max_proto_version(context, options.max_version);
      if (!options.certificate.empty()) {
        EXPECT_EQ(
            SSL_CTX_use_certificate_file(context, options.certificate.c_str(), SSL_FILETYPE_PEM),
            1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM), 1);
      }
      ssl = SSL_new(context);
      SSL_set_fd(ssl, socket.fd());
      if (options.session != nullptr) SSL_set_session(ssl, options.session);
    }
    ~TlsPhone() {
      SSL_free(ssl);
      SSL_CTX_free(context);
    }
    TlsPhone(const TlsPhone&) = delete;
    TlsPhone& operator=(const TlsPhone&) = delete;

    // Calls until it is done one way or the other.
    template <typename Call>
    bool drive(Call call) {
      int result = 0;
      test.wait([&] {
        ERR_clear_error();
        result = call();
        const int error = SSL_get_error(ssl, result);
        return result > 0 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
      });
      return result > 0;
    }
    bool handshake() {
      return drive([&] { return SSL_connect(ssl); });
    }
    bool send(const std::string& bytes) {
      return drive([&] { return SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())); });
    }
    // Until that is there, or the end.
    bool wait_for(const std::string& text) {
      char buffer[16384];
      while (received.find(text) == std::string::npos) {
        int n = 0;
        if (!drive([&] { return n = SSL_read(ssl, buffer, sizeof buffer); })) return false;
        received.append(buffer, static_cast<size_t>(n));
      }
      return true;
    }
    std::string server_name() const {
      char name[64] = "";
      auto* certificate = SSL_get0_peer_certificate(ssl);
      if (certificate != nullptr)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                  sizeof name);
      return name;
    }

    TlsTest& test;
    Phone socket;
    SSL_CTX* context;
    SSL* ssl;
    std::string received;
  };

  Outcome ask(const TlsPhoneOptions& options = {}) {
    Outcome outcome;
    TlsPhone phone(*this, options);
    if (!phone.handshake() || !phone.send(request("GET /who"))) return outcome;
    outcome.served = phone.wait_for("served");
    outcome.received = phone.received;
    outcome.server_name = phone.server_name();
    outcome.version = SSL_get_version(phone.ssl);
    outcome.resumed = SSL_session_reused(phone.ssl) == 1;
    sessions_.push_back(SSL_get1_session(phone.ssl));
    outcome.session = sessions_.back();
    SSL_shutdown(phone.ssl);
    return outcome;
  }

  TestCertificates files_;
  std::vector<std::string> macs_;
  std::vector<SSL_SESSION*> sessions_;
};

TEST_F(TlsTest, ServesLargeAnswersAndSmallOnes) {
  start({listener()});
  TlsPhone phone(*this, {});
  ASSERT_TRUE(phone.handshake());
  ASSERT_TRUE(phone.send(request("GET /who") + request("GET /big", "Connection: close\r\n")));
  ASSERT_TRUE(phone.wait_for("served"));
  phone.received.erase(0, phone.received.find("served") + 6);
  EXPECT_FALSE(phone.wait_for("never"));
  EXPECT_EQ(SSL_get_error(phone.ssl, 0), SSL_ERROR_ZERO_RETURN) << "ended by close_notify";
  EXPECT_EQ(body_of(phone.received), std::string(3 << 20, 'x'));
  EXPECT_EQ(counters().handshakes, 1U);
}

TEST_F(TlsTest, UploadsAndByteByByte) {
  handler_.scripts["/echo"] = [](auto seen) {
    read_upload(seen.request.body, [reply = seen.reply](auto all) {
      reply(text_answer(std::to_string(all->size())));
    });
  };
  start({listener()});
  TlsPhone phone(*this, {});
  ASSERT_TRUE(phone.handshake());
  ASSERT_TRUE(phone.send(request("PUT /echo", "Content-Length: 100000\r\n")));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(phone.send(std::string(10000, 'x')));
  ASSERT_TRUE(phone.wait_for("\r\n\r\n100000"));
  for (const char c : request("GET /who")) ASSERT_TRUE(phone.send({c}));
  ASSERT_TRUE(phone.wait_for("served"));
}

TEST_F(TlsTest, ABodyThatFailsEndsWithoutCloseNotify) {
  handler_.scripts["/fails"] = [](auto seen) {
    auto pieces = std::make_shared<PieceBody::Pieces>();
    pieces->ready = {"abc"};
    pieces->failed = true;
    Answer answer;
    answer.body = std::make_unique<PieceBody>(pieces);
    seen.reply(std::move(answer));
  };
  start({listener()});
  TlsPhone phone(*this, {});
  ASSERT_TRUE(phone.handshake());
  ASSERT_TRUE(phone.send("GET /fails HTTP/1.0\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(phone.wait_for("never"));
  EXPECT_NE(SSL_get_error(phone.ssl, 0), SSL_ERROR_ZERO_RETURN);
}

struct Version {
  int version;
  std::string name;
  bool modern, legacy;  // who takes it
};
TEST_F(TlsTest, OldVersionsAreForTheLegacyListenerAlone) {
  const Version versions[] = {{TLS1_VERSION, "TLSv1", false, true},
                              {TLS1_1_VERSION, "TLSv1.1", false, true},
                              {TLS1_2_VERSION, "TLSv1.2", true, true},
                              {TLS1_3_VERSION, "TLSv1.3", true, true}};
  for (const bool legacy : {false, true}) {
    auto config = listener();
    config.legacy = legacy;
    start({config});
    for (const auto& version : versions) {
      TlsPhoneOptions options;
      options.min_version = options.max_version = version.version;
      const auto outcome = ask(options);
      EXPECT_EQ(outcome.served, legacy ? version.legacy : version.modern) << version.name;
      EXPECT_EQ(outcome.version, outcome.served ? version.name : "");
    }
    EXPECT_EQ(counters().handshakes_failed, legacy ? 0U : 2U);
  }
}

TEST_F(TlsTest, WhatIsNotTlsIsAFailedHandshake) {
  start({listener()});
  Phone phone(*this);
  phone.send(request("GET /who"));
  phone.rest();
  EXPECT_EQ(counters().handshakes_failed, 1U);
  Phone silent(*this);
  turn_often();
  advance(std::chrono::seconds(11));
  silent.rest();
  EXPECT_EQ(counters().handshakes_failed, 2U);
  EXPECT_TRUE(handler_.seen.empty());
}

TEST_F(TlsTest, SessionsAreResumedWithTheirCertificate) {
  start({listener(ClientCertificate::kRequire)});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = with("good");
    options.max_version = version;
    const auto first = ask(options);
    ASSERT_TRUE(first.served);
    EXPECT_FALSE(first.resumed);
    options.session = first.session;
    const auto second = ask(options);
    EXPECT_TRUE(second.served);
    EXPECT_TRUE(second.resumed);
  }
  EXPECT_EQ(macs_, std::vector<std::string>(4, "00:04:f2:e8:28:24"));
  EXPECT_EQ(counters().handshakes_resumed, 2U);
}

// A certificate that was not good does not become so by resumption.
TEST_F(TlsTest, AResumedSessionCarriesItsVerdict) {
  start({listener(ClientCertificate::kAsk)});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = with("stranger");
    options.max_version = version;
    const auto first = ask(options);
    ASSERT_TRUE(first.served);
    options.session = first.session;
    EXPECT_TRUE(ask(options).resumed);
  }
  EXPECT_EQ(macs_, std::vector<std::string>(4, "none"));
}

struct Judgement {
  std::string certificate;      // empty: none
  std::string ask, require;     // the MAC, "none", or "-": no connection
  std::string ignoring_expiry;  // with require
};
TEST_F(TlsTest, CertificatesOfPhones) {
  files_.make("self-signed", "", {.common_name = "0004f2e82829", .alternative_names = {}});
  files_.make("wrong-use", "ca",
              {.common_name = "0004f2e8282a", .alternative_names = {}, .for_servers_only = true});
  files_.make("by-name", "ca",
              {.common_name = "VVX 500", .alternative_names = {"DNS:0004f2e8282b.phones.example"}});
  const Judgement table[] = {
      {"", "none", "-", "-"},
      {"good", "00:04:f2:e8:28:24", "00:04:f2:e8:28:24", "00:04:f2:e8:28:24"},
      {"by-name", "00:04:f2:e8:28:2b", "00:04:f2:e8:28:2b", "00:04:f2:e8:28:2b"},
      {"expired", "none", "-", "00:04:f2:e8:28:25"},
      {"early", "none", "-", "-"},  // not yet valid is not expired
      {"stranger", "none", "-", "-"},
      {"expired-stranger", "none", "-", "-"},
      {"self-signed", "none", "-", "-"},
      {"wrong-use", "none", "-", "-"},
      {"nameless", "none", "none", "none"},  // good, but of nobody
  };
  for (const int mode : {0, 1, 2}) {
    auto config = listener(mode == 0 ? ClientCertificate::kAsk : ClientCertificate::kRequire);
    config.ignore_expiry = mode == 2;
    start({config});
    for (const auto& row : table) {
      for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        macs_.clear();
        auto options = row.certificate.empty() ? TlsPhoneOptions{} : with(row.certificate);
        options.max_version = version;
        const bool served = ask(options).served;
        const auto got = served && !macs_.empty() ? macs_[0] : "-";
        EXPECT_EQ(got, mode == 0   ? row.ask
                       : mode == 1 ? row.require
                                   : row.ignoring_expiry)
            << row.certificate << ", mode " << mode << ", TLS " << version;
      }
    }
    EXPECT_EQ(counters().certificates_nameless, 2U);
    EXPECT_EQ(counters().certificates_expired, mode == 2 ? 2U : 0U);
    EXPECT_EQ(counters().certificates_bad, mode == 0 ? 12U : 0U);
  }
}

TEST_F(TlsTest, ExpiryIsIgnoredInAskModeTooAndOnlyExpiry) {
  auto config = listener(ClientCertificate::kAsk);
  config.ignore_expiry = true;
  start({config});
  for (const auto* name : {"expired", "expired-stranger", "early"})
    EXPECT_TRUE(ask(with(name)).served);
  EXPECT_EQ(macs_, (std::vector<std::string>{"00:04:f2:e8:28:25", "none", "none"}));
}

TEST_F(TlsTest, ACertificateThatNobodyAsksForIsNotSent) {
  start({listener()});
  EXPECT_TRUE(ask(with("good")).served);
  EXPECT_EQ(macs_, std::vector<std::string>{"none"});
}

TEST_F(TlsTest, ReloadChangesTheCertificateAndDropsNoConnection) {
  start({listener(ClientCertificate::kRequire)});
  TlsPhone old(*this, with("good"));
  ASSERT_TRUE(old.handshake());
  ASSERT_TRUE(old.send(request("GET /who")));
  ASSERT_TRUE(old.wait_for("served"));

  files_.make("renewed", "", {.common_name = "renewed", .alternative_names = {}});
  files_.rename("renewed", "server");
  EXPECT_EQ(server_->reload(), "");
  old.received.clear();
  ASSERT_TRUE(old.send(request("GET /who")));
  EXPECT_TRUE(old.wait_for("served"));
  EXPECT_EQ(old.server_name(), "localhost");
  EXPECT_EQ(ask(with("good")).server_name, "renewed");

  files_.file("server.key", "no key");
  EXPECT_EQ(server_->reload(), "provision-listener 1 (lan): key " + files_.key("server") +
                                   " cannot be used: unsupported");
  EXPECT_EQ(ask(with("good")).server_name, "renewed") << "all stays as it was";
}

TEST_F(TlsTest, FilesThatCannotBeUsedAreOneClearLine) {
  const auto error_of = [&](const config::ProvisionListenerConfig& config) {
    const auto server = Server::start(io_, {config}, limits_, handler_, {});
    return server ? std::string("no error") : server.error();
  };
  const std::string name = "provision-listener 1 (lan): ";
  auto config = listener();
  config.certificate = files_.certificate("absent");
  EXPECT_EQ(error_of(config), name + "certificate " + config.certificate +
                                  " cannot be used: No such file or directory");
  config = listener();
  config.certificate = files_.file("text.pem", "text");
  EXPECT_EQ(error_of(config),
            name + "certificate " + config.certificate + " cannot be used: no start line");
  config = listener();
  config.key = files_.key("good");
  EXPECT_EQ(error_of(config),
            name + "key " + config.key + " is not that of certificate " + config.certificate);
  config = listener(ClientCertificate::kAsk);
  config.client_ca = files_.file("ca.txt", "text");
  EXPECT_TRUE(
      error_of(config).starts_with(name + "client-ca " + config.client_ca + " cannot be used"))
      << error_of(config);
}

}  // namespace
}  // namespace holdfast::provision
