// SPDX-License-Identifier: Apache-2.0
// Contexts of libsrtp, called directly: the peer of the benches and the judge of what they relay.
#pragma once

#include <srtp2/srtp.h>

#include <memory>

#include "media/srtp/sdes.hh"

namespace holdfast::bench {

struct FreeLibsrtpContext {
  void operator()(srtp_ctx_t* context) const { srtp_dealloc(context); }
};
// With Debian's the longer to close the more there are.
using LibsrtpContext = std::unique_ptr<srtp_ctx_t, FreeLibsrtpContext>;

// For any SSRC, with the window of our engine. Throws std::runtime_error when the library fails.
LibsrtpContext make_libsrtp_context(const media::SdesKey& key, bool sender);

}  // namespace holdfast::bench
