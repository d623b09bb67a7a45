// SPDX-License-Identifier: Apache-2.0
// Books loss runs.
#include "media/loss_runs.hh"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>

namespace holdfast::media {
namespace {

constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();

constexpr size_t groups_of(uint32_t value) {
  return value == 1 ? 1 : (static_cast<size_t>(std::bit_width(value - 1)) + 2) / 3;
}

// Into `groups` groups from `at` on, in one store: whoever dies leaves the number as it was, or
// as it is to be.
template <size_t kBytes>
void store(std::array<uint8_t, kBytes>& table, size_t at, size_t groups, uint32_t value) {
  static_assert(std::endian::native == std::endian::little);
  const size_t start = std::min(at / 2, kBytes - sizeof(uint64_t));
  uint64_t window = 0;
  std::memcpy(&window, &table[start], sizeof window);
  uint32_t rest = value - 1;
  for (size_t i = 0; i < groups; ++i, rest >>= 3) {
    const uint64_t group = (rest & 7) | (i + 1 < groups ? 8u : 0u);
    const size_t shift = 4 * (at + i - 2 * start);
    window = (window & ~(uint64_t{0xf} << shift)) | group << shift;
  }
  std::memcpy(&table[start], &window, sizeof window);
}

}  // namespace

void LossRuns::add(uint64_t first, uint32_t count) {
  if (open_length_ != 0 && static_cast<uint32_t>(first) != open_end_) close();
  open_length_ += count;
  open_end_ = static_cast<uint32_t>(first + count);
}

void LossRuns::close() {
  if (open_length_ == 0) return;
  const uint32_t length = open_length_;
  open_length_ = 0;
  if (book(length)) return;
  ++other_runs_;
  set_other_packets(other_packets() + length);
}

// False: there is no such number before the end of what is used.
bool LossRuns::read(size_t& at, uint32_t& value) const {
  uint64_t less_one = 0;
  for (unsigned shift = 0; at < used_ && shift < 33; shift += 3) {
    const unsigned group = table_[at / 2] >> (at % 2 * 4);
    ++at;
    less_one |= uint64_t{group & 7} << shift;
    if ((group & 8) != 0) continue;
    value = static_cast<uint32_t>(less_one + 1);
    return less_one < kMost;
  }
  return false;
}

// The one behind `run`.
bool LossRuns::read(size_t& at, LossRun& run) const {
  if (used_ > kGroups) return false;
  uint32_t distance = 0;
  if (!read(at, distance) || distance > kMost - run.length) return false;
  run.length += distance;
  return read(at, run.count);
}

bool LossRuns::is_sound() const {
  if (is_torn()) return true;
  size_t at = 0;
  LossRun run;
  uint32_t count = 0;
  while (at < used_) {
    if (!read(at, run) || ++count > kLengths) return false;
  }
  return true;
}

void LossRuns::forget_lengths(uint64_t packets) {
  other_runs_ += packets > other_packets() ? 1 : 0;
  set_other_packets(packets);
  open_length_ = 0;
  used_ = 0;
}

uint64_t LossRuns::packets() const {
  uint64_t sum = other_packets() + open_length_;
  LossRun run;
  for (size_t at = 0; read(at, run);) sum += uint64_t{run.length} * run.count;
  return sum;
}

uint32_t LossRuns::lengths(std::array<LossRun, kLengths>& out) const {
  uint32_t filled = 0;
  LossRun run;
  for (size_t at = 0; filled < kLengths && read(at, run);) out[filled++] = run;
  return filled;
}

bool LossRuns::book(uint32_t length) {
  LossRun run;
  for (size_t at = 0; read(at, run) && run.length <= length;) {
    if (run.length != length) continue;
    if (run.count == kMost) return false;
    const size_t groups = groups_of(run.count);
    if (groups_of(run.count + 1) != groups) break;
    store(table_, at - groups, groups, run.count + 1);
    return true;
  }
  return insert(length);
}

// Where the numbers behind it have to move.
bool LossRuns::insert(uint32_t length) {
  Runs runs;
  const uint32_t used = lengths(runs);
  auto* const end = runs.begin() + used;
  auto* const place = std::find_if(runs.begin(), end,
                                   [length](const LossRun& run) { return run.length >= length; });
  if (place != end && place->length == length) {
    ++place->count;
    return rewrite(runs, used, kGroups);
  }
  if (used == kLengths) return false;
  std::move_backward(place, end, end + 1);
  *place = {length, 1};
  return rewrite(runs, used + 1, kGroups - kReserved);
}

bool LossRuns::rewrite(const Runs& runs, uint32_t used, size_t limit) {
  Table table{};
  size_t at = 0;
  uint32_t before = 0;
  for (uint32_t i = 0; i < used; ++i) {
    for (const uint32_t value : {runs[i].length - before, runs[i].count}) {
      const size_t groups = groups_of(value);
      if (at + groups > limit) return false;
      store(table, at, groups, value);
      at += groups;
    }
    before = runs[i].length;
  }
  used_ = kTorn;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  table_ = table;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  used_ = static_cast<uint8_t>(at);
  return true;
}

}  // namespace holdfast::media
