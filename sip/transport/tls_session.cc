// SPDX-License-Identifier: Apache-2.0
// Handshakes, records, and what OpenSSL says when they go wrong.
#include "sip/transport/tls_session.hh"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "base/tls/certificate.hh"
#include "base/tls/socket_bio.hh"

namespace holdfast::sip {

TlsSession::TlsSession(SSL_CTX* context, int socket, Side side, std::vector<std::string> names)
    : ssl_(SSL_new(context)), socket_(socket), names_(std::move(names)) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  BIO* bio = tls::make_socket_bio(socket_);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  if (side == Side::server) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  auto asked = std::find_if(names_.begin(), names_.end(),
                            [](const std::string& name) { return !IpAddress::parse(name); });
  if (asked != names_.end())  // SSL_set_tlsext_host_name() is a macro with a C cast
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, asked->data());
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

IoResult TlsSession::handshake() {
  ERR_clear_error();
  return judge_result(SSL_do_handshake(ssl_), true);
}

IoResult TlsSession::read(std::vector<char>& buffer, size_t& size) {
  ERR_clear_error();
  return judge_result(SSL_read_ex(ssl_, buffer.data(), buffer.size(), &size), false);
}

IoResult TlsSession::write(std::string_view bytes, size_t& written) {
  ERR_clear_error();
  return judge_result(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written), false);
}

IoResult TlsSession::judge_result(int result, bool in_handshake) {
  wants_write_ = false;
  const int error = SSL_get_error(ssl_, result);
  switch (error) {
    case SSL_ERROR_NONE:
      return IoResult::done;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return IoResult::again;
    case SSL_ERROR_WANT_READ:
      return IoResult::again;
    case SSL_ERROR_ZERO_RETURN:
      if (in_handshake) fault_ = TlsFault{TlsFailure::closed, {}};
      return IoResult::failed;
    default:
      break;
  }
  is_broken_ = true;
  const auto code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const bool is_alert = reason > SSL_AD_REASON_OFFSET;
  if (!fault_ && (in_handshake || is_alert)) {
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    const bool ended = code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    fault_ = TlsFault{ended ? TlsFailure::closed : failure_of_reason(reason),
                      ended || text == nullptr ? std::string() : std::string(text)};
  }
  ERR_clear_error();
  return IoResult::failed;
}

void TlsSession::note(int error, X509* certificate) {
  if (fault_) return;  // the first is the cause
  fault_ = TlsFault{failure_of_verification(error), {}};
  std::string& detail = fault_->detail;
  if (certificate != nullptr) {
    const auto facts = tls::facts_of(certificate);
    detail = facts.subject + " of " + facts.issuer;
    if (fault_->failure == TlsFailure::expired || fault_->failure == TlsFailure::not_yet_valid)
      detail += ": " + tls::validity_word(facts, std::time(nullptr));
    if (fault_->failure == TlsFailure::wrong_name) {
      detail += ": it is for " + tls::text_of(facts.names) + ", wanted was";
      for (const std::string& name : names_) detail += ' ' + name;
    }
  }
  if (fault_->failure == TlsFailure::bad_certificate)
    detail += std::string(": ") + X509_verify_cert_error_string(error);
}

int TlsSession::judge(int good, X509_STORE_CTX* chain) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& self = *static_cast<TlsSession*>(SSL_get_app_data(ssl));
  X509* certificate = X509_STORE_CTX_get_current_cert(chain);
  if (good == 0) {
    self.note(X509_STORE_CTX_get_error(chain), certificate);
    return 0;
  }
  // The leaf comes last, when all above it is good.
  if (X509_STORE_CTX_get_error_depth(chain) != 0 || self.names_.empty()) return 1;
  if (tls::is_for_any(tls::names_of(certificate), self.names_)) return 1;
  self.note(X509_V_ERR_HOSTNAME_MISMATCH, certificate);
  X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

void TlsSession::end() {
  if (!is_broken_ && SSL_is_init_finished(ssl_) != 0) SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string TlsSession::protocol() const {
  return std::string(SSL_get_version(ssl_)) + ' ' + SSL_get_cipher_name(ssl_);
}

bool TlsSession::peer_is_verified() const {
  return SSL_get0_peer_certificate(ssl_) != nullptr && SSL_get_verify_result(ssl_) == X509_V_OK;
}

}  // namespace holdfast::sip
