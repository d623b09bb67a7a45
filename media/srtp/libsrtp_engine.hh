// SPDX-License-Identifier: Apache-2.0
// SRTP by libsrtp, packet by packet: for a CPU that libipsec-mb has no fast code for.
//
// The library keeps contexts of its own outside the state, and Debian's makes one of NSS for each
// packet, so process() of this engine allocates.
#pragma once

#include <memory>

#include "media/srtp/engine.hh"

namespace holdfast::media {

// srtp_init(), once in a process. False: the library's self tests failed.
bool init_libsrtp();

// Null: init_libsrtp() says no.
std::unique_ptr<SrtpEngine> make_libsrtp_engine();

}  // namespace holdfast::media
