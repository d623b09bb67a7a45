// SPDX-License-Identifier: Apache-2.0
// A channel that is TLS over a TCP socket, and the judgement of the peer's certificate.
#pragma once

#include <openssl/types.h>

#include "provision-proxy/server/channel.hh"

namespace holdfast::provision {

// How the certificates of phones are judged.
struct CertificateRules {
  bool ignore_expiry = false;
  bool optional = false;  // one that is not good counts as none
};

class TlsChannel final : public Channel {
 public:
  TlsChannel(SSL_CTX* context, int socket, CertificateRules rules);
  ~TlsChannel() override;
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  IoState handshake() override;
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  bool has_pending() const override;
  void end_writing() override;
  TlsPeer tls_peer() const override;

  // OpenSSL's callback for each certificate of a chain and each thing wrong with it.
  static int judge(int good, X509_STORE_CTX* chain);

 private:
  IoState state_of(int result);

  SSL* ssl_;
  int socket_;
  CertificateRules rules_;
  int wrong_ = 0;         // X509_V_ERR_... of the certificate; 0 none
  bool expired_ = false;  // which was ignored
  bool broken_ = false;   // after a fatal error: nothing more may be sent
};

}  // namespace holdfast::provision
