// SPDX-License-Identifier: Apache-2.0
// Makes SSL_CTX objects from files.
#include "sip/transport/tls_contexts.hh"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "base/file_rights.hh"
#include "base/tls/context_rules.hh"

namespace holdfast::sip {
namespace {

// TLS 1.2 with forward secrecy and authenticated encryption (RFC 9325 section 4.2); TLS 1.3 has
// nothing else.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";
// Of the peer's chain in a handshake; that of a centre with two CAs in between has 6 KiB.
constexpr long kMaxChainBytes = 64 * 1024;
constexpr int64_t kSoonS = 14 * 86400;

std::string set_up(SSL_CTX* context, const TlsIdentity& identity, EVP_PKEY* key, bool legacy) {
  if (context == nullptr) return "TLS cannot be set up" + tls::reason();
  tls::set_rules(context, legacy, kCiphers);
  SSL_CTX_set_max_cert_list(context, kMaxChainBytes);
  if (SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str()) != 1)
    return identity.certificate + ": cannot be used" + tls::reason();
  if (SSL_CTX_use_PrivateKey(context, key) != 1)
    return identity.key + ": cannot be used" + tls::reason();
  return "";
}

// Of those whom a context believes.
std::vector<tls::CertificateFacts> authorities_of(SSL_CTX* context) {
  std::vector<tls::CertificateFacts> all;
  const auto* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i)
    if (const X509* one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)))
      all.push_back(tls::facts_of(one));
  return all;
}

}  // namespace

void TlsContexts::FreeContext::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

TlsContexts::TlsContexts(TlsConfig config) : config_(std::move(config)) {}
TlsContexts::~TlsContexts() = default;

std::string TlsContexts::load() {
  Loaded loaded;
  for (const TlsIdentity& identity : config_.identities)
    if (auto wrong = load_one(identity, loaded); !wrong.empty()) return wrong;
  loaded_ = std::move(loaded);
  ERR_clear_error();
  return "";
}

std::string TlsContexts::believe(SSL_CTX* context, const std::string& file, int mode,
                                 Loaded& loaded) {
  if (auto wrong = read_fault(file); !wrong.empty()) return wrong;
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
    return file + ": holds no certificate of a CA that can be used" + tls::reason();
  // The CA that signs is often all that one is given, without the root above it.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, mode, TlsSession::judge);
  loaded.authorities[file] = authorities_of(context);
  return "";
}

std::string TlsContexts::load_one(const TlsIdentity& identity, Loaded& loaded) const {
  const auto chain = tls::read_certificates(identity.certificate);
  if (!chain) return chain.error();
  const auto key = tls::read_key(identity.key);
  if (!key) return key.error();
  if (!tls::fits(chain->front().get(), key->get()))
    return identity.key + ": is not the key of " + identity.certificate;
  ERR_clear_error();
  Pair pair{Context(SSL_CTX_new(TLS_server_method())), Context(SSL_CTX_new(TLS_client_method()))};
  for (auto& [context, legacy] :
       {std::pair(pair.server.get(), identity.legacy), {pair.client.get(), config_.legacy}})
    if (auto wrong = set_up(context, identity, key->get(), legacy); !wrong.empty()) return wrong;
  constexpr unsigned char kName[] = "holdfast-sip";
  SSL_CTX_set_session_id_context(pair.server.get(), kName, sizeof kName - 1);
  SSL_CTX_set_session_cache_mode(pair.server.get(), SSL_SESS_CACHE_OFF);  // tickets do
  if (!identity.client_ca.empty()) {
    if (auto wrong = believe(pair.server.get(), identity.client_ca,
                             SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, loaded);
        !wrong.empty())
      return wrong;
    SSL_CTX_set_client_CA_list(pair.server.get(),
                               SSL_load_client_CA_file(identity.client_ca.c_str()));
  }
  if (config_.ca.empty())
    pair.client.reset();
  else if (auto wrong = believe(pair.client.get(), config_.ca, SSL_VERIFY_PEER, loaded);
           !wrong.empty())
    return wrong;
  for (const TlsPeer& peer : config_.peers)
    if (peer.interface == identity.interface)
      if (auto wrong = load_peer(peer, identity, key->get(), loaded); !wrong.empty()) return wrong;
  TlsCertificate& ours = loaded.certificates.emplace_back(
      TlsCertificate{identity.interface, identity.certificate, {}});
  for (const auto& one : *chain) ours.chain.push_back(tls::facts_of(one.get()));
  loaded.contexts[identity.interface] = std::move(pair);
  return "";
}

std::string TlsContexts::load_peer(const TlsPeer& peer, const TlsIdentity& identity, EVP_PKEY* key,
                                   Loaded& loaded) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (auto wrong = set_up(context.get(), identity, key, false); !wrong.empty()) return wrong;
  if (auto wrong = believe(context.get(), peer.ca, SSL_VERIFY_PEER, loaded); !wrong.empty())
    return wrong;
  loaded.peers[peer.tls_name] = {std::move(context), peer.interface, peer.names};
  return "";
}

std::unique_ptr<TlsSession> TlsContexts::serve(const std::string& interface, int socket) const {
  const auto found = loaded_.contexts.find(interface);
  if (found == loaded_.contexts.end()) return nullptr;
  return std::make_unique<TlsSession>(found->second.server.get(), socket, TlsSession::Side::server,
                                      std::vector<std::string>{});
}

std::unique_ptr<TlsSession> TlsContexts::call(const std::string& interface, int socket,
                                              const std::string& tls_name) const {
  if (const auto peer = loaded_.peers.find(tls_name); peer != loaded_.peers.end()) {
    if (peer->second.interface != interface) return nullptr;
    return std::make_unique<TlsSession>(peer->second.context.get(), socket,
                                        TlsSession::Side::client, peer->second.names);
  }
  const auto found = loaded_.contexts.find(interface);
  if (found == loaded_.contexts.end() || found->second.client == nullptr || tls_name.empty())
    return nullptr;
  const bool is_centre = tls_name == config_.centre && !config_.centre_names.empty();
  return std::make_unique<TlsSession>(
      found->second.client.get(), socket, TlsSession::Side::client,
      is_centre ? config_.centre_names : std::vector<std::string>{tls_name});
}

std::vector<std::string> TlsContexts::complaints(int64_t now_s) const {
  std::vector<std::string> all;
  const auto say = [&](const std::string& which, const auto& certificates) {
    for (const std::string& word : tls::validity_words(certificates, now_s, kSoonS))
      all.push_back(which + word);
  };
  for (const TlsCertificate& one : loaded_.certificates)
    say("certificate of interface " + one.interface + " (" + one.file + "): ", one.chain);
  for (const auto& [file, authorities] : loaded_.authorities)
    say("CA file " + file + ": ", authorities);
  return all;
}

}  // namespace holdfast::sip
