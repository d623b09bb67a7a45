// SPDX-License-Identifier: Apache-2.0
// Which SRTP engine this machine gets, and why: said at start.
#pragma once

#include <memory>
#include <string>

#include "media/srtp/engine.hh"
#include "media/srtp/ipsecmb_engine.hh"

namespace holdfast::media {

enum class SrtpLibrary : uint8_t { ipsec_mb, libsrtp };

// By the CPU alone.
struct SrtpChoice {
  SrtpLibrary library = SrtpLibrary::ipsec_mb;
  std::string why;
};
SrtpChoice choose_srtp_library(const SrtpCpu& cpu);

struct SrtpChosen {
  std::unique_ptr<SrtpEngine> engine;  // null: no library works
  std::string why;
};
// One for each thread that has legs. Not on the packet path.
SrtpChosen make_srtp_engine();

}  // namespace holdfast::media
