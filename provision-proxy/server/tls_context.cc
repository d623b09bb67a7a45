// SPDX-License-Identifier: Apache-2.0
// Makes an SSL_CTX from the options of a listener.
#include "provision-proxy/server/tls_context.hh"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/tls/certificate.hh"
#include "base/tls/context_rules.hh"
#include "provision-proxy/server/tls_channel.hh"

namespace holdfast::provision {
namespace {

using config::ClientCertificate;
using config::ProvisionListenerConfig;
using tls::reason;

constexpr long kSessions = 4096;  // of phones that know no tickets; a branch has fewer phones
constexpr char kCiphers[] = "HIGH:!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA";

// An encrypted key has nobody to ask for its password.
int no_password(char*, int, int, void*) {
  return -1;
}

void set_sessions(SSL_CTX* context) {
  constexpr unsigned char kName[] = "holdfast-provision";
  SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, kSessions);
}

// The error, or nothing.
std::string load_own(SSL_CTX* context, const ProvisionListenerConfig& config) {
  SSL_CTX_set_default_passwd_cb(context, no_password);
  if (SSL_CTX_use_certificate_chain_file(context, config.certificate.c_str()) != 1)
    return "certificate " + config.certificate + " cannot be used" + reason();
  if (SSL_CTX_use_PrivateKey_file(context, config.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509)
      return "key " + config.key + " is not that of certificate " + config.certificate;
    return "key " + config.key + " cannot be used" + reason();
  }
  return "";
}

std::string load_client_ca(SSL_CTX* context, const ProvisionListenerConfig& config) {
  if (config.client_certificate == ClientCertificate::kNone) return "";
  auto* names = SSL_load_client_CA_file(config.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, config.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return "client-ca " + config.client_ca + " cannot be used" + reason();
  }
  SSL_CTX_set_client_CA_list(context, names);
  const bool required = config.client_certificate == ClientCertificate::kRequire;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     TlsChannel::judge);
  return "";
}

}  // namespace

TlsContext::TlsContext(SSL_CTX* context, bool ignore_expiry, bool certificate_is_optional)
    : context_(context),
      ignore_expiry_(ignore_expiry),
      certificate_is_optional_(certificate_is_optional) {}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(
    const ProvisionListenerConfig& config) {
  ERR_clear_error();
  auto* made = SSL_CTX_new(TLS_server_method());
  if (made == nullptr) return "TLS cannot be set up" + reason();
  const std::shared_ptr<const TlsContext> context(new TlsContext(
      made, config.ignore_expiry, config.client_certificate == ClientCertificate::kAsk));
  tls::set_rules(made, config.legacy, kCiphers);
  SSL_CTX_set_read_ahead(made, 1);  // a record in one system call, not two
  set_sessions(made);
  if (auto wrong = load_own(made, config); !wrong.empty()) return wrong;
  if (auto wrong = load_client_ca(made, config); !wrong.empty()) return wrong;
  ERR_clear_error();
  return context;
}

std::unique_ptr<Channel> TlsContext::channel(int socket) const {
  return std::make_unique<TlsChannel>(context_, socket,
                                      CertificateRules{ignore_expiry_, certificate_is_optional_});
}

}  // namespace holdfast::provision
