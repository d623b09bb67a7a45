// SPDX-License-Identifier: Apache-2.0
// What a store must hold after a kill, by the log of what was begun and what was acknowledged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "provision-proxy/store/entry.hh"

namespace holdfast::provision::torture {

constexpr int kKeys = 24;

// Keys of even numbers are phones' configurations, kept as last good; the others may be evicted.
inline Keep keep_of(int key) {
  return key % 2 == 0 ? Keep::kLastGood : Keep::kNormal;
}
Key store_key(int key);
// Derived from key and version: says what it is, and no part can be taken for another's.
std::string body_of(int key, uint64_t version);
// X-Version and X-Checked name the version that it belongs to, and its last confirmation.
Meta meta_of(int key, uint64_t version, uint64_t checked);

enum class Op : char {
  kCommit = 'C',      // a new version
  kRenew = 'W',       // the current version's body again, with new metadata
  kUpdate = 'U',      // a 304
  kInvalidate = 'I',  //
  kRollback = 'R',    //
  kRemove = 'D'
};

struct Generation {
  uint64_t version = 0, checked = 0;
  bool must_validate = false;
  friend bool operator==(const Generation&, const Generation&) = default;
};
struct KeyState {
  std::vector<Generation> trusted;  // newest first; any but the newest may have been evicted
  std::vector<uint64_t> distrusted;
  struct Begun {
    Op op;
    uint64_t number;
    uint64_t version;  // that was current then
  };
  std::optional<Begun> begun;  // and not ended
};

class Model {
 public:
  // Reads the log; lines: "B key version checked must", "X key version" (distrusted), "N number",
  // "S key op number version" (begun), "A key op number result" (result: 1 done, 0 refused; a
  // rollback's is the version that is current since).
  explicit Model(const std::string& log_path);
  uint64_t next_number() const { return next_; }
  const KeyState& state(int key) const { return keys_.at(key); }

  // What is wrong with what the store gives for the key (generations(), newest first); or empty.
  std::string compare(int key, const std::vector<EntryPtr>& entries) const;

 private:
  static void apply(int key, KeyState& state, const KeyState::Begun& begun, uint64_t result);
  std::map<int, KeyState> keys_;
  uint64_t next_ = 1;
};

// Of an entry made by meta_of().
std::optional<Generation> generation_of(const Entry& entry);

}  // namespace holdfast::provision::torture
