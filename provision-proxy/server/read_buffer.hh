// SPDX-License-Identifier: Apache-2.0
// What a connection has read and nobody has taken yet: bytes in one piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast::provision {

class ReadBuffer {
 public:
  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  // Room for new bytes behind those that are there, in a buffer of `capacity` or what it was
  // before; empty when it is full. Views of before are void.
  std::span<char> prepare(size_t capacity) {
    if (capacity > capacity_) {
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      if (!empty()) std::memcpy(larger.get(), bytes_.get() + begin_, size());
      bytes_ = std::move(larger);
      capacity_ = capacity;
      end_ -= begin_;
      begin_ = 0;
    } else if (begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(size_t n) { end_ += n; }
  // Views stay good.
  void consume(size_t n) { begin_ += std::min(n, size()); }
  void clear() { begin_ = end_ = 0; }
  size_t capacity() const { return capacity_; }
  // Gives the memory back if it is empty and has grown beyond `capacity`.
  void shrink(size_t capacity) {
    if (!empty() || capacity_ <= capacity) return;
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace holdfast::provision
