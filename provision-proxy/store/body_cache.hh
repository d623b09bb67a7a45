// SPDX-License-Identifier: Apache-2.0
// Small bodies in memory, by hash, so that a hit costs no system call; least recently used go.
//
// Network thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace holdfast::provision {

class BodyCache {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  explicit BodyCache(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null: not here.
  Bytes find(const std::string& hash) {
    const auto at = places_.find(hash);
    if (at == places_.end()) return nullptr;
    bodies_.splice(bodies_.begin(), bodies_, at->second);
    return bodies_.front().second;
  }

  void put(const std::string& hash, Bytes bytes) {
    erase(hash);
    const uint64_t cost = cost_of(*bytes);
    if (cost > max_bytes_) return;
    while (bytes_ + cost > max_bytes_) erase(std::string(bodies_.back().first));
    bodies_.emplace_front(hash, std::move(bytes));
    places_.emplace(hash, bodies_.begin());
    bytes_ += cost;
  }

  void erase(const std::string& hash) {
    const auto at = places_.find(hash);
    if (at == places_.end()) return;
    bytes_ -= cost_of(*at->second->second);
    bodies_.erase(at->second);
    places_.erase(at);
  }

  uint64_t bytes() const { return bytes_; }

 private:
  // With what it takes to keep it, so that many empty bodies are bounded too.
  static uint64_t cost_of(const std::string& bytes) { return bytes.size() + 256; }

  uint64_t max_bytes_, bytes_ = 0;
  std::list<std::pair<std::string, Bytes>> bodies_;
  std::unordered_map<std::string, std::list<std::pair<std::string, Bytes>>::iterator> places_;
};

}  // namespace holdfast::provision
