// SPDX-License-Identifier: Apache-2.0
// What a TFTP server has done, by name. At rest: datagrams = started + the sum of refusals, and
// started = the sum of ends + the sum of failures.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "provision-proxy/tftp/packet.hh"
#include "provision-proxy/tftp/transfer.hh"

namespace holdfast::provision {

// Why a datagram at a listener did not start a transfer: X(name, why).
#define HOLDFAST_TFTP_REFUSALS(X)                                        \
  X(malformed, "it is no TFTP packet; see rejects")                      \
  X(not_a_request, "a packet that belongs to a transfer")                \
  X(repeated, "the client's request is being answered already")          \
  X(write, "files are only read here")                                   \
  X(bad_path, "the name leads out of the tree, or is not one of a file") \
  X(full, "as many transfers as there may be")                           \
  X(full_for_source, "as many transfers as one address may have")        \
  X(no_socket, "no socket could be opened for it")

enum class TftpRefusal : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TFTP_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TftpRefusal refusal);
std::string_view text_of(TftpRefusal refusal);

// Why a transfer that was started never came to its first packet: X(name, why).
#define HOLDFAST_TFTP_FAILURES(X)                   \
  X(not_found, "there is no such file")             \
  X(denied, "the file may not be read")             \
  X(unavailable, "the file cannot be had now")      \
  X(open_timeout, "opening the file took too long") \
  X(stopped, "the server ended first")

enum class TftpFailure : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TFTP_FAILURES(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TftpFailure failure);
std::string_view text_of(TftpFailure failure);

template <typename Enum>
struct TftpTally {
  std::array<uint64_t, static_cast<size_t>(Enum::count)> counts{};
  uint64_t& operator[](Enum which) { return counts[static_cast<size_t>(which)]; }
  uint64_t operator[](Enum which) const { return counts[static_cast<size_t>(which)]; }
  uint64_t sum() const {
    uint64_t all = 0;
    for (const uint64_t count : counts) all += count;
    return all;
  }
};

struct TftpCounters {
  uint64_t datagrams = 0;  // at the listeners
  TftpTally<TftpRefusal> refusals;
  TftpTally<TftpReject> rejects;  // of refusals[malformed]
  uint64_t started = 0;
  TftpTally<TftpFailure> failures;
  TftpTally<TftpEnd> ends;
  uint64_t strangers = 0;         // datagrams at a transfer from another address or port
  uint64_t send_failed = 0;       // datagrams that the kernel did not take: as good as lost
  TftpTransferCounters transfer;  // the sum of the transfers that ended
};

}  // namespace holdfast::provision
