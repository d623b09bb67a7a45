// SPDX-License-Identifier: Apache-2.0
// libsrtp as the judge of our engines: one context of it, used as its manual says and in no other
// way. Independent of media/srtp/libsrtp_session.hh.
#pragma once

#include <srtp2/srtp.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "media/srtp/sdes.hh"

namespace holdfast::media {

using Bytes = std::vector<uint8_t>;

class SrtpOracle {
 public:
  enum class Role { sender, receiver };
  SrtpOracle(const SdesKey& key, Role role);
  SrtpOracle(SrtpOracle&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  SrtpOracle& operator=(SrtpOracle&&) = delete;
  ~SrtpOracle() {
    if (context_ != nullptr) srtp_dealloc(context_);
  }

  // What becomes of `packet`; empty: refused, and status() says why.
  Bytes protect(const Bytes& packet, bool rtcp);
  Bytes unprotect(const Bytes& packet, bool rtcp);
  srtp_err_status_t status() const { return status_; }

 private:
  srtp_t context_ = nullptr;
  srtp_err_status_t status_ = srtp_err_status_ok;
  unsigned use_mki_ = 0;
};

}  // namespace holdfast::media
