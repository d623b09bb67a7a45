// SPDX-License-Identifier: Apache-2.0
// Frames of the control socket: four bytes of big-endian length, then that many bytes of JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "media/key_buffer.hh"

namespace holdfast::control {

inline constexpr size_t kFrameHeaderBytes = 4;

// `body` is at most kMaxFrameBytes long.
std::string encode_frame(std::string_view body);
// For requests, which may have keys in them.
void append_frame(media::WipedString& out, std::string_view body);

// Puts frames together from whatever pieces a stream delivers. Holds at most one frame and the
// pieces appended since; what was handed out is wiped.
class FrameReader {
 public:
  enum class Status { kNeedMore, kFrame, kTooLarge };

  void append(std::string_view bytes);
  // kFrame: `body` is valid until the next call of append or next. kTooLarge is final.
  Status next(std::string_view& body);
  size_t buffered() const { return buffer_.size() - taken_; }

 private:
  void forget_taken();

  media::KeyBuffer buffer_;
  size_t taken_ = 0;  // bytes of buffer_ that next() has handed out
};

}  // namespace holdfast::control
