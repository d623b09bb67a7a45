// SPDX-License-Identifier: Apache-2.0
// Words for errors of bind(2).
#include "base/bind_words.hh"

#include <cerrno>
#include <system_error>

namespace holdfast {

std::string bind_words(int error, PortKind kind, uint16_t port) {
  std::string words = std::error_code(error, std::generic_category()).message();
  if (error == EADDRINUSE)
    return words + ": another program has it; holdfast doctor names it, as does ss -lnp" +
           (kind == PortKind::kTcp ? "t" : "u") + " 'sport = :" + std::to_string(port) +
           "': end that one, or choose another port";
  if (error == EADDRNOTAVAIL) return words + ": this machine has no such address; see ip address";
  return words;
}

}  // namespace holdfast
