// SPDX-License-Identifier: Apache-2.0
// Which SRTP engine this machine gets, and why.
#include "media/srtp/choose.hh"

#include <utility>

#include "media/srtp/libsrtp_engine.hh"

namespace holdfast::media {

SrtpChoice choose_srtp_library(const SrtpCpu& cpu) {
  std::string missing;
  for (const auto& [has, name] : {std::pair{cpu.sse4_2, "SSE4.2"}, std::pair{cpu.aesni, "AES-NI"},
                                  std::pair{cpu.pclmulqdq, "PCLMULQDQ"}})
    if (!has) missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (missing.empty()) return {SrtpLibrary::ipsec_mb, "the CPU has AES-NI and PCLMULQDQ"};
  return {SrtpLibrary::libsrtp, "the CPU lacks " + missing};
}

SrtpChosen make_srtp_engine() {
  SrtpChoice choice = choose_srtp_library(srtp_cpu());
  if (choice.library == SrtpLibrary::ipsec_mb) {
    IpsecMbMade made = make_ipsecmb_engine();
    if (made.engine) return {std::move(made.engine), std::move(choice.why)};
    choice.why = "ipsec-mb: " + made.why;
  }
  auto engine = make_libsrtp_engine();
  if (!engine) return {nullptr, choice.why + "; libsrtp: its self tests failed"};
  return {std::move(engine), std::move(choice.why)};
}

}  // namespace holdfast::media
