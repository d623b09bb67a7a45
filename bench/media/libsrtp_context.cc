// SPDX-License-Identifier: Apache-2.0
// With the policies of our own engine on the library.
#include "bench/media/libsrtp_context.hh"

#include <stdexcept>
#include <vector>

#include "media/srtp/libsrtp_engine.hh"
#include "media/srtp/libsrtp_policy.hh"

namespace holdfast::bench {

LibsrtpContext make_libsrtp_context(const media::SdesKey& key, bool sender) {
  std::vector<uint8_t> bytes(key.master.bytes().begin(), key.master.bytes().end());
  srtp_policy_t policy = media::libsrtp_policy_of(key.master.suite());
  policy.key = bytes.data();
  policy.ssrc.type = sender ? ssrc_any_outbound : ssrc_any_inbound;
  srtp_t made = nullptr;
  if (!media::init_libsrtp() || srtp_create(&made, &policy) != srtp_err_status_ok)
    throw std::runtime_error("libsrtp makes no context");
  return LibsrtpContext(made);
}

}  // namespace holdfast::bench
