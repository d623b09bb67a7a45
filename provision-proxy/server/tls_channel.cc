// SPDX-License-Identifier: Apache-2.0
// TLS through OpenSSL on a socket that does not block.
#include "provision-proxy/server/tls_channel.hh"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "provision-proxy/server/certificate_mac.hh"

namespace holdfast::provision {
namespace {

// ---- a BIO that raises no SIGPIPE, as OpenSSL's own on a socket would --------------------------

int socket_of(BIO* bio) {
  return *static_cast<const int*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  BIO_clear_flags(bio, BIO_FLAGS_IN_EOF);
  const auto n = ::recv(socket_of(bio), into, static_cast<size_t>(size), MSG_DONTWAIT);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int bio_write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const auto n =
      ::send(socket_of(bio), from, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

BIO_METHOD* make_method() {
  auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast socket");
  if (method == nullptr) throw std::bad_alloc();
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

// `socket` outlives it.
BIO* make_bio(int& socket) {
  static BIO_METHOD* const method = make_method();  // for the life of the process
  auto* bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &socket);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

TlsChannel::TlsChannel(SSL_CTX* context, int socket, CertificateRules rules)
    : ssl_(SSL_new(context)), socket_(socket), rules_(rules) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  auto* bio = make_bio(socket_);
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
