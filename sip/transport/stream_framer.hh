// SPDX-License-Identifier: Apache-2.0
// Messages out of a byte stream, however it is cut (RFC 3261 section 18.3, RFC 5626 section 4.4.1).
//
// Pure. Holds one message that is not complete and what was appended last; the caller appends no
// more before it has taken out all that is there. After `broken` the stream has lost its step and
// is to be closed.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "media/key_buffer.hh"
#include "sip/transport/message.hh"

namespace holdfast::sip {

class StreamFramer {
 public:
  explicit StreamFramer(size_t max_bytes) : max_bytes_(max_bytes) {}

  enum class Event { need_more, message, ping, broken };

  void append(std::string_view bytes);
  Event next();

  // After `message`: its bytes, until the next call. After `broken`: why.
  std::string_view message() const { return message_; }
  MessageReject reject() const { return reject_; }
  // A message has begun and is not complete.
  bool is_in_message() const { return at_ < buffer_.size(); }

 private:
  Event need_more();
  Event broken(MessageReject reject);
  std::optional<Event> between_messages();

  size_t max_bytes_;
  media::KeyBuffer buffer_;
  size_t at_ = 0;             // what is before it has been taken out
  size_t scanned_ = 0;        // behind at_: no end of a head before this
  size_t message_bytes_ = 0;  // once the head is complete; 0: not known
  int line_ends_ = 0;         // of a keep-alive, seen so far
  std::string_view message_;
  MessageReject reject_ = MessageReject::bad_start_line;
};

}  // namespace holdfast::sip
