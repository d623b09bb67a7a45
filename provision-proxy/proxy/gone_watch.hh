// SPDX-License-Identifier: Apache-2.0
// When a file that the centre had and now denies is believed to be gone.
//
// Pure. One 404 after a good file is more often a fault at the centre than a decision, and a phone
// without its file is a dead phone. Only a 404 that is said again and again over a day counts.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace holdfast::provision {

class GoneWatch {
 public:
  static constexpr int kTimes = 3;
  static constexpr int64_t kOver_ms = 24 * 3600 * int64_t{1000};
  static constexpr size_t kMaxWatched = 16384;  // beyond that nothing is believed gone

  // Another 404 of this file. True: believe it now.
  bool denied(const std::string& file, int64_t now_ms) {
    if (seen_.size() >= kMaxWatched && !seen_.contains(file)) return false;
    auto& seen = seen_[file];
    if (seen.times++ == 0) seen.first_ms = now_ms;
    if (seen.times < kTimes || now_ms - seen.first_ms < kOver_ms) return false;
    seen_.erase(file);
    return true;
  }
  void is_there(const std::string& file) { seen_.erase(file); }

 private:
  struct Seen {
    int times = 0;
    int64_t first_ms = 0;
  };
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace holdfast::provision
