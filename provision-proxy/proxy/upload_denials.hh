// SPDX-License-Identifier: Apache-2.0
// Uploads that the origin has refused: while it is away, they are not taken in for it either.
//
// Pure. By file, phone and credentials: a phone sends without a password first, and is asked for
// it.
#pragma once

#include <unordered_set>

#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

class UploadDenials {
 public:
  static constexpr size_t kMost = 16384;  // beyond that any one is forgotten for a new one

  void judged(const Key& file, int status) {
    if (status == 401 || status == 403) {
      if (denied_.size() >= kMost) denied_.erase(denied_.begin());
      denied_.insert(file);
    } else if (status >= 200 && status < 300) {
      denied_.erase(file);
    }
  }
  bool contains(const Key& file) const { return denied_.contains(file); }

 private:
  std::unordered_set<Key, KeyHash> denied_;
};

}  // namespace holdfast::provision
