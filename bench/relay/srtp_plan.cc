// SPDX-License-Identifier: Apache-2.0
// The leg's number, then bytes that are the same for all.
#include "bench/relay/srtp_plan.hh"

#include <cstring>

#include "media/endian.hh"

namespace holdfast::bench {

media::SdesKey srtp_key_of(media::SrtpSuite suite, size_t side, uint32_t call, Sender sender) {
  std::array<uint8_t, media::kMaxSrtpMasterBytes> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(7 * i);
  bytes[0] = static_cast<uint8_t>(2 * side + (sender == Sender::appliance ? 1 : 0));
  const be32 number(call);
  std::memcpy(&bytes[1], &number, sizeof number);
  const auto master = std::span(bytes).first(media::traits_of(suite).master_bytes());
  return {*media::SrtpMasterKey::from_bytes(suite, master), media::kMaxSrtpLifetime, {}};
}

}  // namespace holdfast::bench
