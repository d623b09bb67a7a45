// SPDX-License-Identifier: Apache-2.0
// Bytes on their way to or from a socket, which may have keys of SRTP in them (a=crypto, or a
// request to the dataplane): what moves on or goes away leaves nothing behind in memory that is
// given back. One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "media/wipe.hh"

namespace holdfast::media {

class KeyBuffer {
 public:
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  std::string_view view() const { return bytes_; }

  // Views of it end.
  void append(std::string_view more) { bytes_ += more; }
  // Of the front, at most all of it; views end.
  void drop(size_t count) {
    if (count == 0) return;
    const size_t left = bytes_.size() - count;
    std::memmove(bytes_.data(), bytes_.data() + count, left);
    ::explicit_bzero(bytes_.data() + left, count);
    bytes_.resize(left);
  }

 private:
  WipedString bytes_;
};

}  // namespace holdfast::media
