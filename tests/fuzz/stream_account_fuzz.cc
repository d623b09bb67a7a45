// SPDX-License-Identifier: Apache-2.0
// Any sequence of packets: the sums of the accounting always agree, whatever arrives and when.
//
// The input is a list of moves of four bytes: what to move, and by how much. Each move tells of one
// packet.
#include <cstdlib>

#include "media/endian.hh"
#include "media/stream_account.hh"

using namespace holdfast;
using namespace holdfast::media;

namespace {

void check(const StreamAccount& account, uint64_t told) {
  const StreamReport r = account.report();
  if (r.received > r.expected || r.received + r.lost != r.expected) std::abort();
  if (r.received + r.duplicates + r.strays != told) std::abort();
  uint64_t in_runs = r.other_packets;
  uint32_t last_length = 0;
  for (const LossRun& run : r.loss_runs()) {
    if (run.length <= last_length || run.count == 0) std::abort();
    last_length = run.length;
    in_runs += uint64_t{run.length} * run.count;
  }
  if (in_runs != r.lost) std::abort();
  if (r.reordered > r.received || r.jitter_last_ticks > r.jitter_max_ticks) std::abort();
  if (told != 0 && r.restarts == 0 && r.last_ext_seq - r.first_seq + 1 != r.expected) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  StreamAccount account(1, load_be32(data));
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint64_t now = 0;
  uint64_t told = 0;
  for (size_t at = 4; at + 4 <= size; at += 4) {
    const uint8_t move = data[at];
    const uint16_t by = load_be16(data + at + 2);
    sequence = static_cast<uint16_t>(sequence + 1);
    timestamp += 160;
    now += 20'000'000;
    if ((move & 1) != 0) sequence = static_cast<uint16_t>(sequence + by);
    if ((move & 2) != 0) sequence = static_cast<uint16_t>(sequence - (by & 0x3ff));
    if ((move & 4) != 0) timestamp += 160U * by;
    if ((move & 8) != 0) now += 20'000'000ULL * by;
    if ((move & 16) != 0) timestamp += uint32_t{by} << (data[at + 1] & 31);
    if ((move & 32) != 0) now += uint64_t{by} << (data[at + 1] & 63);
    account.on_packet(sequence, timestamp, now);
    ++told;
    if ((move & 64) != 0) check(account, told);
  }
  check(account, told);
  return 0;
}
