// SPDX-License-Identifier: Apache-2.0
// Tells a process that is on its way out from one that lives: what it holds is about to be free.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace holdfast::dataplane {

// A killed process is a zombie to all before the last of its threads has closed its files. Nobody
// at all is dying, too: it may have ended between two looks.
inline bool is_dying(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  if (!std::getline(file, stat)) return true;
  const auto name_end = stat.rfind(") ");  // the name before it may be anything
  return name_end != std::string::npos && (stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X');
}

// Tries until `attempt` is true or the holder that stands in the way is not dying; two seconds at
// most. Start-up only: it sleeps. `holder` gives a pid.
template <typename Attempt, typename Holder>
bool take_from_the_dying(const Attempt& attempt, const Holder& holder) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!attempt()) {
    if (std::chrono::steady_clock::now() > end || !is_dying(holder())) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace holdfast::dataplane
