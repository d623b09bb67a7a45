// SPDX-License-Identifier: Apache-2.0
// TLS over one TCP connection, of either side, and the judgement of the peer's certificate.
//
// For connection.cc only. SIP loop only. Never blocks: `again` means when the socket is ready, for
// writing too if wants_write().
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transport/sockets.hh"
#include "sip/transport/tls_failure.hh"

namespace holdfast::sip {

class TlsSession {
 public:
  enum class Side : uint8_t { server, client };

  // Keeps the context alive. `socket` stays open as long as this lives. `names`, of a client: the
  // peer's certificate is for one of them; the first that is no address is asked for (SNI).
  TlsSession(SSL_CTX* context, int socket, Side side, std::vector<std::string> names);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  IoResult handshake();
  IoResult read(std::vector<char>& buffer, size_t& size);
  IoResult write(std::string_view bytes, size_t& written);
  bool wants_write() const { return wants_write_; }
  // Why it failed, in the handshake or, by the peer's alert, after it (TLS 1.3 tells a client so
  // late that its certificate is not liked). None: the connection ended as any may.
  const std::optional<TlsFault>& fault() const { return fault_; }
  // Tells the peer that no more will come.
  void end();

  // "TLSv1.3 TLS_AES_256_GCM_SHA384"
  std::string protocol() const;
  bool peer_is_verified() const;

  // OpenSSL's callback for each certificate of a chain and each thing wrong with it.
  static int judge(int good, X509_STORE_CTX* chain);

 private:
  IoResult judge_result(int result, bool in_handshake);
  void note(int error, X509* certificate);

  SSL* ssl_;
  int socket_;
  std::vector<std::string> names_;
  std::optional<TlsFault> fault_;
  bool wants_write_ = false;
  bool is_broken_ = false;  // after a fatal error nothing more may be sent
};

}  // namespace holdfast::sip
