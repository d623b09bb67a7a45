// SPDX-License-Identifier: Apache-2.0
// One direction of a leg in libsrtp: a context of the library, and what it has been told of SSRCs.
#pragma once

#include <srtp2/srtp.h>

#include <array>
#include <cstdint>

#include "media/srtp/engine.hh"

namespace holdfast::media {

class LibsrtpSession {
 public:
  LibsrtpSession() = default;
  LibsrtpSession(LibsrtpSession&& other) noexcept;
  LibsrtpSession& operator=(LibsrtpSession&& other) noexcept;
  ~LibsrtpSession() { close(); }

  // The master key lies in keys.rtp. False: the library has refused it.
  bool open(const SrtpKeys& keys, bool outbound);
  void close();
  bool is_open() const { return context_ != nullptr; }
  SrtpVerdict crypt(SrtpWork& work);

 private:
  struct Known {
    uint32_t ssrc = 0;
    bool rtp = false;
    bool rtcp = false;
  };

  bool tell_index(const SrtpWork& work);
  bool begin_rtcp_behind(const SrtpWork& work, uint32_t last);
  bool pass_bare_rtcp(uint32_t ssrc, uint32_t index, bool send);
  Known* find(uint32_t ssrc);
  void remember(const SrtpWork& work);

  srtp_t context_ = nullptr;
  uint32_t known_count_ = 0;
  std::array<Known, kMaxSrtpSsrcs> known_{};
};

}  // namespace holdfast::media
