// SPDX-License-Identifier: Apache-2.0
// TLS through OpenSSL on a socket that does not block.
#include "provision-proxy/server/tls_channel.hh"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/tls/socket_bio.hh"
#include "provision-proxy/server/certificate_mac.hh"

namespace holdfast::provision {
TlsChannel::TlsChannel(SSL_CTX* context, int socket, CertificateRules rules)
    : ssl_(SSL_new(context)), socket_(socket), rules_(rules) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  auto* bio = tls::make_socket_bio(socket_);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  SSL_set_accept_state(ssl_);
}

TlsChannel::~TlsChannel() {
  SSL_free(ssl_);
}

IoState TlsChannel::state_of(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return IoState::kDone;
    case SSL_ERROR_WANT_READ:
      return IoState::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return IoState::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoState::kEnd;
    default:
      broken_ = true;
      ERR_clear_error();
      return IoState::kFailed;
  }
}

IoState TlsChannel::handshake() {
  ERR_clear_error();
  return state_of(SSL_do_handshake(ssl_));
}

IoResult TlsChannel::read(std::span<char> into) {
  ERR_clear_error();
  size_t n = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &n);
  return {result == 1 ? IoState::kDone : state_of(result), n};
}

IoResult TlsChannel::write(std::span<const iovec> pieces) {
  ERR_clear_error();
  // One record holds them all, or as much as fits: a head and a small body are one record.
  thread_local std::array<char, SSL3_RT_MAX_PLAIN_LENGTH> record;
  const void* from = pieces[0].iov_base;
  size_t size = pieces[0].iov_len;
  if (pieces.size() > 1 && size < record.size()) {
    size = 0;
    for (const auto& piece : pieces) {
      const size_t part = std::min(piece.iov_len, record.size() - size);
      if (part > 0) std::memcpy(record.data() + size, piece.iov_base, part);
      size += part;
    }
    from = record.data();
  }
  size_t n = 0;
  const int result = SSL_write_ex(ssl_, from, size, &n);
  return {result == 1 ? IoState::kDone : state_of(result), n};
}

bool TlsChannel::has_pending() const {
  return SSL_has_pending(ssl_) == 1;
}

void TlsChannel::end_writing() {
  if (!broken_ && SSL_is_init_finished(ssl_) != 0) SSL_shutdown(ssl_);
  ERR_clear_error();
  ::shutdown(socket_, SHUT_WR);
}

// A thing that is wrong stays in mind: what comes later in the chain does not make it good. Expiry,
// and nothing else, may be ignored by option.
int TlsChannel::judge(int good, X509_STORE_CTX* chain) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& self = *static_cast<TlsChannel*>(SSL_get_app_data(ssl));
  if (good == 0) {
    const int error = X509_STORE_CTX_get_error(chain);
    if (error == X509_V_ERR_CERT_HAS_EXPIRED && self.rules_.ignore_expiry) {
      self.expired_ = true;
    } else if (self.wrong_ == X509_V_OK) {
      self.wrong_ = error;
    }
  }
  X509_STORE_CTX_set_error(chain, self.wrong_);
  return self.wrong_ == X509_V_OK || self.rules_.optional ? 1 : 0;
}

TlsPeer TlsChannel::tls_peer() const {
  TlsPeer peer;
  peer.tls = true;
  peer.resumed = SSL_session_reused(ssl_) == 1;
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  peer.certificate = certificate != nullptr;
  // A resumed session carries the verdict of its first handshake.
  peer.good = peer.certificate && wrong_ == X509_V_OK && SSL_get_verify_result(ssl_) == X509_V_OK;
  peer.expired = peer.good && expired_;
  if (peer.good) peer.mac = certificate_mac(certificate);
  return peer;
}

}  // namespace holdfast::provision
