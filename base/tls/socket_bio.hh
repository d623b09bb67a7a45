// SPDX-License-Identifier: Apache-2.0
// OpenSSL's way to a socket: one that does not block and raises no SIGPIPE, as its own would.
#pragma once

#include <openssl/types.h>

namespace holdfast::tls {

// `socket` stays the caller's and outlives it. Throws std::bad_alloc.
BIO* make_socket_bio(int& socket);

}  // namespace holdfast::tls
