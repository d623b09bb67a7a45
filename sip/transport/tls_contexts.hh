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
  std::vector<tls::CertificateFacts> chain;  // ours, and those above it that we send along

  const tls::CertificateFacts& facts() const { return chain.front(); }
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

  const std::vector<TlsCertificate>& certificates() const { return loaded_.certificates; }
  // What is to be said of the certificates in use at that time, those above ours and those of CAs
  // among them: out of date, or soon.
  std::vector<std::string> complaints(int64_t now_s) const;

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const;
  };
  using Context = std::unique_ptr<SSL_CTX, FreeContext>;
  struct Pair {
    Context server, client;
  };
  struct Peer {
    Context context;
    std::string interface;
    std::vector<std::string> names;
  };
  struct Loaded {
    std::map<std::string, Pair> contexts;  // by interface
    std::map<std::string, Peer> peers;     // by tls_name
    std::vector<TlsCertificate> certificates;
    // Whom we believe, by file.
    std::map<std::string, std::vector<tls::CertificateFacts>> authorities;
  };

  std::string load_one(const TlsIdentity& identity, Loaded& loaded) const;
  static std::string load_peer(const TlsPeer& peer, const TlsIdentity& identity, EVP_PKEY* key,
                               Loaded& loaded);
  static std::string believe(SSL_CTX* context, const std::string& file, int mode, Loaded& loaded);

  TlsConfig config_;
  Loaded loaded_;
};

}  // namespace holdfast::sip
