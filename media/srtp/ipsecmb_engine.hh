// SPDX-License-Identifier: Apache-2.0
// SRTP by libipsec-mb: packets of a run lie side by side in the lanes of one vector unit.
//
// Its synchronous burst calls are used, which leave nothing under way between two process() calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "media/srtp/engine.hh"

namespace holdfast::media {

// Instruction sets that the library has code for.
enum class IpsecMbArch : uint8_t { best, sse, avx, avx2, avx512 };

// What of the library's needs this CPU has.
struct SrtpCpu {
  bool sse4_2 = false;
  bool aesni = false;
  bool pclmulqdq = false;
};
SrtpCpu srtp_cpu();

// Null, and why: the CPU or the library's self test says no. What the arch asks for beyond
// srtp_cpu() is checked too.
struct IpsecMbMade {
  std::unique_ptr<SrtpEngine> engine;
  std::string why;
};
IpsecMbMade make_ipsecmb_engine(IpsecMbArch arch = IpsecMbArch::best);

}  // namespace holdfast::media
