// SPDX-License-Identifier: Apache-2.0
// A process that holds keys leaves none of them on a disk when it crashes.
//
// No media code: it lies here, as wipe.hh does, since all three daemons hold keys of SRTP, and
// media/ is the one folder that is below each of them; the dataplane does without base/.
#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace holdfast::media {

// At the start of a daemon, before any key is read. One byte: no core fits in it, and Linux gives
// one to no program of core_pattern either, which a limit of 0 would not keep it from.
// root can lift it for a process that runs: prlimit --core=unlimited --pid PID.
inline void forbid_core_dumps() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, 1);
  static_cast<void>(::setrlimit(RLIMIT_CORE, &limit));  // lowering a limit does not fail
}

}  // namespace holdfast::media
