// SPDX-License-Identifier: Apache-2.0
// What libsrtp is told of a suite. For those who call the library: our engine on it, and the
// benches that hold ours against it.
#pragma once

#include <srtp2/srtp.h>

#include "media/srtp/suite.hh"

namespace holdfast::media {

// Ciphers and tags of RTP and RTCP, and our window. Without key and SSRC.
srtp_policy_t libsrtp_policy_of(SrtpSuite suite);

}  // namespace holdfast::media
