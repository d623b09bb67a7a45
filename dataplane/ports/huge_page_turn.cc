// SPDX-License-Identifier: Apache-2.0
// Waits by looking again and again: a lock that is waited for has no time limit.
#include "dataplane/ports/huge_page_turn.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace holdfast::dataplane {
namespace {

constexpr const char* kSeenByAll = "/proc/sys/vm/nr_hugepages";
constexpr std::chrono::milliseconds kAgain{10};

}  // namespace

HugePageTurn::HugePageTurn(uint32_t patience_ms) : file_(open(kSeenByAll, O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) return;
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(patience_ms);
  while (!(is_ours_ = flock(file_, LOCK_EX | LOCK_NB) == 0) && Clock::now() < end)
    std::this_thread::sleep_for(kAgain);
}

HugePageTurn::~HugePageTurn() {
  if (file_ >= 0) close(file_);
}

}  // namespace holdfast::dataplane
