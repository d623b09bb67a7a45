// SPDX-License-Identifier: Apache-2.0
// What TLS needs of a listener: certificate, key, who signs the phones' certificates; made from
// files, and made anew when they change. OpenSSL is known to this folder's tls_* alone.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "media/result.hh"
#include "provision-proxy/config/provision_config.hh"
#include "provision-proxy/server/channel.hh"

namespace holdfast::provision {

// Does not change: connections keep the one with which they began.
class TlsContext {
 public:
  // The error is one line that names the file.
  static Result<std::shared_ptr<const TlsContext>, std::string> make(
      const config::ProvisionListenerConfig& config);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // `socket` as for make_plain_channel().
  std::unique_ptr<Channel> channel(int socket) const;

 private:
  TlsContext(SSL_CTX* context, bool ignore_expiry, bool certificate_is_optional);

  SSL_CTX* context_;
  bool ignore_expiry_;
  bool certificate_is_optional_;
};

}  // namespace holdfast::provision
