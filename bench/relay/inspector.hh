// SPDX-License-Identifier: Apache-2.0
// Judges what comes back from the device under test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/media/libsrtp_context.hh"
#include "bench/relay/frames.hh"
#include "bench/relay/srtp_plan.hh"

namespace holdfast::bench {

// How the device under test is to treat a good frame.
enum class Treatment : uint8_t {
  relay,   // out of the call's other leg, marked
  reflect  // out of the other port with addresses and ports exchanged (testpmd 5tswap)
};

// Checks frames that come back, thoroughly: MACs, IP header, DSCP, addresses, ports, checksums, RTP
// fields, and that each stream's sequence numbers rise. Where legs have SRTP, also the payload: of
// the first kOpenedCalls calls, libsrtp opens it.
class Inspector {
 public:
  static constexpr uint32_t kOpenedCalls = 32;  // more contexts make each slower (NSS)

  Inspector(Treatment treatment, uint32_t calls, const SrtpSuites& suites = {});
  // Null when all is well, else what is wrong. `side`: where it came out.
  const char* inspect(const uint8_t* frame, size_t size, size_t side);

 private:
  const char* inspect_headers(const uint8_t* frame, size_t size, size_t side, size_t from,
                              uint32_t call) const;
  const char* inspect_payload(const uint8_t* frame, size_t size, size_t side, uint32_t call);

  Treatment treatment_;
  uint32_t calls_;
  bool srtp_;
  std::array<size_t, kSides> frame_bytes_;
  std::array<std::vector<LibsrtpContext>, kSides> opened_;
  std::array<uint16_t, 2 * kMaxCalls> last_sequence_{};
  std::array<bool, 2 * kMaxCalls> seen_{};
};

}  // namespace holdfast::bench
