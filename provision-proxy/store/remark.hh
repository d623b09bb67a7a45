// SPDX-License-Identifier: Apache-2.0
// What is remembered of a key over restarts, beside the entries that it has: how often the origin
// has said something, and since when.
//
// Network thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

// Their numbers are in the index.
enum class RemarkKind : uint8_t {
  kRefused,  // the origin does not take the credentials of this key any more
  kDenied    // the origin denies a file that it had
};
inline constexpr size_t kRemarkKinds = 2;

struct Remark {
  int64_t times = 0;  // 0: no remark
  int64_t since_ms = 0;

  friend bool operator==(const Remark&, const Remark&) = default;
};

struct RemarkRow {
  Key key;
  RemarkKind kind{};
  Remark remark;
};

class Remarks {
 public:
  explicit Remarks(size_t most) : most_(most) {}

  Remark of(const Key& key, RemarkKind kind) const;
  // False: as many as may be are there, and it is none of them.
  bool put(const Key& key, RemarkKind kind, const Remark& remark);
  std::vector<RemarkRow> all() const;
  size_t size() const { return rows_[0].size() + rows_[1].size(); }

 private:
  const size_t most_;  // of each kind
  std::array<std::unordered_map<Key, Remark, KeyHash>, kRemarkKinds> rows_;
};

}  // namespace holdfast::provision
