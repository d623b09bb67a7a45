// SPDX-License-Identifier: Apache-2.0
// Signals and limits of a daemon's process.
#include "base/process.hh"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

namespace holdfast {

void block_signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void raise_descriptor_limit(uint64_t descriptors) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= descriptors) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, descriptors);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace holdfast
