// SPDX-License-Identifier: Apache-2.0
// Our certificates and whom we believe, as loaded from their files; sessions are made from them.
//
// SIP loop only. A session keeps what it began with: connections go on over a reload.
#pragma once

#include <openssl/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/tls/certificate.hh"
#include "media/result.hh"
#include "sip/transport/tls_config.hh"
#include "sip/transport/tls_session.hh"

namespace holdfast::sip {

// A certificate in use, for a page or a command.
struct TlsCertificate {
  std::string interface;
  std::string file;
  tls::CertificateFacts facts;
};

class TlsContexts {
 public:
  explicit TlsContexts(TlsConfig config);
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  // Reads all files, at start or anew. What is wrong with one, as a line that names it: then all
  // stays as it was.
  std::string load();

  // Null: nothing is loaded for that interface, or (client) there is no CA.
  std::unique_ptr<TlsSession> serve(const std::string& interface, int socket) const;
  // `tls_name`: of the hop, not empty.
  std::unique_ptr<TlsSession> call(const std::string& interface, int socket,
                                   const std::string& tls_name) const;

  const std::vector<TlsCertificate>& certificates() const { return certificates_; }
  // What is to be said of the certificates in use at that time: out of date, or soon.
  std::vector<std::string> complaints(int64_t now_s) const;

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const;
  };
  using Context = std::unique_ptr<SSL_CTX, FreeContext>;
  struct Pair {
    Context server, client;
  };
  using Made = std::map<std::string, Pair>;  // by interface

  std::string load_one(const TlsIdentity& identity, Made& made,
                       std::vector<TlsCertificate>& certificates) const;

  TlsConfig config_;
  Made contexts_;
  std::vector<TlsCertificate> certificates_;
};

}  // namespace holdfast::sip
