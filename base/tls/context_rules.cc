// SPDX-License-Identifier: Apache-2.0
// Sets them.
#include "base/tls/context_rules.hh"

#include <openssl/ssl.h>

namespace holdfast::tls {
namespace {

// Level 0 also lifts what is asked of key sizes and digests (SSL_CTX_set_security_level(3)).
constexpr char kLegacyCiphers[] = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0";

}  // namespace

void set_rules(SSL_CTX* context, bool legacy, const char* ciphers) {
  SSL_CTX_set_min_proto_version(context, legacy ? TLS1_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, legacy ? kLegacyCiphers : ciphers);
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace holdfast::tls
