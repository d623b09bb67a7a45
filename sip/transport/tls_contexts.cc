// SPDX-License-Identifier: Apache-2.0
// Makes SSL_CTX objects from files.
#include "sip/transport/tls_contexts.hh"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "base/tls/context_rules.hh"

namespace holdfast::sip {
namespace {

// TLS 1.2 with forward secrecy and authenticated encryption (RFC 9325 section 4.2); TLS 1.3 has
// nothing else.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";
// Of the peer's chain in a handshake; that of a centre with two CAs in between has 6 KiB.
constexpr long kMaxChainBytes = 64 * 1024;
constexpr int64_t kSoonS = 14 * 86400;

std::string believe(SSL_CTX* context, const std::string& file, int mode) {
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
    return file + ": holds no certificate of a CA that can be used" + tls::reason();
  // The CA that signs is often all that one is given, without the root above it.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, mode, TlsSession::judge);
  return "";
}

}  // namespace

void TlsContexts::FreeContext::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

TlsContexts::TlsContexts(TlsConfig config) : config_(std::move(config)) {}
TlsContexts::~TlsContexts() = default;

std::string TlsContexts::load() {
  Made made;
  std::vector<TlsCertificate> certificates;
  for (const TlsIdentity& identity : config_.identities)
    if (auto wrong = load_one(identity, made, certificates); !wrong.empty()) return wrong;
  contexts_ = std::move(made);
  certificates_ = std::move(certificates);
  ERR_clear_error();
  return "";
}

std::string TlsContexts::load_one(const TlsIdentity& identity, Made& made,
                                  std::vector<TlsCertificate>& certificates) const {
  const auto chain = tls::read_certificates(identity.certificate);
  if (!chain) return chain.error();
  const auto key = tls::read_key(identity.key);
  if (!key) return key.error();
  if (!tls::fits(chain->front().get(), key->get()))
    return identity.key + ": is not the key of " + identity.certificate;
  ERR_clear_error();
  Pair pair{Context(SSL_CTX_new(TLS_server_method())), Context(SSL_CTX_new(TLS_client_method()))};
  for (auto& [context, legacy] :
       {std::pair(pair.server.get(), identity.legacy), {pair.client.get(), config_.legacy}}) {
    if (context == nullptr) return "TLS cannot be set up" + tls::reason();
    tls::set_rules(context, legacy, kCiphers);
    SSL_CTX_set_max_cert_list(context, kMaxChainBytes);
    if (SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str()) != 1)
      return identity.certificate + ": cannot be used" + tls::reason();
    if (SSL_CTX_use_PrivateKey(context, key->get()) != 1)
      return identity.key + ": cannot be used" + tls::reason();
  }
  constexpr unsigned char kName[] = "holdfast-sip";
  SSL_CTX_set_session_id_context(pair.server.get(), kName, sizeof kName - 1);
  SSL_CTX_set_session_cache_mode(pair.server.get(), SSL_SESS_CACHE_OFF);  // tickets do
  if (!identity.client_ca.empty()) {
    if (auto wrong = believe(pair.server.get(), identity.client_ca,
                             SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
        !wrong.empty())
      return wrong;
    SSL_CTX_set_client_CA_list(pair.server.get(),
                               SSL_load_client_CA_file(identity.client_ca.c_str()));
  }
  if (config_.ca.empty())
    pair.client.reset();
  else if (auto wrong = believe(pair.client.get(), config_.ca, SSL_VERIFY_PEER); !wrong.empty())
    return wrong;
  certificates.push_back(
      {identity.interface, identity.certificate, tls::facts_of(chain->front().get())});
  made[identity.interface] = std::move(pair);
  return "";
}

std::unique_ptr<TlsSession> TlsContexts::serve(const std::string& interface, int socket) const {
  const auto found = contexts_.find(interface);
  if (found == contexts_.end()) return nullptr;
  return std::make_unique<TlsSession>(found->second.server.get(), socket, TlsSession::Side::server,
                                      std::vector<std::string>{});
}

std::unique_ptr<TlsSession> TlsContexts::call(const std::string& interface, int socket,
                                              const std::string& tls_name) const {
  const auto found = contexts_.find(interface);
  if (found == contexts_.end() || found->second.client == nullptr || tls_name.empty())
    return nullptr;
  const bool is_centre = tls_name == config_.centre && !config_.centre_names.empty();
  return std::make_unique<TlsSession>(
      found->second.client.get(), socket, TlsSession::Side::client,
      is_centre ? config_.centre_names : std::vector<std::string>{tls_name});
}

std::vector<std::string> TlsContexts::complaints(int64_t now_s) const {
  std::vector<std::string> all;
  for (const TlsCertificate& one : certificates_) {
    const std::string which = "certificate of interface " + one.interface + " (" + one.file + "): ";
    if (const auto word = tls::validity_word(one.facts, now_s); !word.empty())
      all.push_back(which + word);
    else if (one.facts.not_after_s - now_s < kSoonS)
      all.push_back(which + "expires on " + tls::time_text(one.facts.not_after_s));
  }
  return all;
}

}  // namespace holdfast::sip
