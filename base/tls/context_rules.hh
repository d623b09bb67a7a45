// SPDX-License-Identifier: Apache-2.0
// What every TLS context of ours has in common, whoever listens or connects.
#pragma once

#include <openssl/types.h>

namespace holdfast::tls {

// TLS 1.2 and 1.3 with `ciphers` (OpenSSL's cipher list, for 1.2), or with `legacy` from 1.0 on
// with whatever an old phone has. No renegotiation, no compression. A peer may end without
// close_notify: the protocol above tells a whole message by its own framing.
void set_rules(SSL_CTX* context, bool legacy, const char* ciphers);

}  // namespace holdfast::tls
