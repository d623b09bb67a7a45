// SPDX-License-Identifier: Apache-2.0
// Where one message of a stream ends: its head's empty line, and Content-Length bytes more.
#include "sip/transport/stream_framer.hh"

#include <algorithm>

#include "sip/uri.hh"

namespace holdfast::sip {
namespace {

// The byte behind the empty line that ends a head; npos: not yet. Lines may end without CR.
size_t head_end(std::string_view text, size_t from) {
  for (size_t at = text.find('\n', from); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (text.substr(at + 1, 1) == "\n") return at + 2;
    if (text.substr(at + 1, 2) == "\r\n") return at + 3;
  }
  return std::string_view::npos;
}

// Section 18.3 wants Content-Length on streams; without one there is no body. The fields are read
// for real later: here only the one that tells where the next message begins. None: it is wrong.
std::optional<uint64_t> content_length(std::string_view head) {
  std::optional<uint64_t> length;
  while (!head.empty()) {
    const size_t line_end = std::min(head.find('\n'), head.size() - 1);
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 1);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = trim(line.substr(0, colon));
    if (!equal_fold(name, "Content-Length") && !equal_fold(name, "l")) continue;
    const auto value = parse_number(trim(line.substr(colon + 1)));
    if (!value || length) return std::nullopt;
    length = value;
  }
  return length.value_or(0);
}

}  // namespace

void StreamFramer::append(std::string_view bytes) {
  message_ = {};
  buffer_.drop(at_);
  at_ = 0;
  buffer_.append(bytes);
}

// Empty lines between messages are nothing, two of them a keep-alive.
std::optional<StreamFramer::Event> StreamFramer::between_messages() {
  const std::string_view bytes = buffer_.view();
  while (at_ < bytes.size() && (bytes[at_] == '\r' || bytes[at_] == '\n')) {
    if (bytes[at_++] != '\n' || ++line_ends_ < 2) continue;
    line_ends_ = 0;
    return Event::ping;
  }
  if (at_ == buffer_.size()) return need_more();
  line_ends_ = 0;
  return std::nullopt;
}

StreamFramer::Event StreamFramer::next() {
  if (message_bytes_ == 0 && scanned_ == 0)
    if (const auto event = between_messages()) return *event;
  const std::string_view rest = buffer_.view().substr(at_);
  if (message_bytes_ == 0) {
    const size_t end = head_end(rest, scanned_);
    if (end == std::string_view::npos) {
      if (rest.size() > max_bytes_) return broken(MessageReject::message_too_long);
      // The empty line may be cut in its middle.
      scanned_ = std::max<size_t>(rest.size(), 4) - 3;
      return need_more();
    }
    const auto length = content_length(rest.substr(0, end));
    if (!length) return broken(MessageReject::bad_content_length);
    if (*length > max_bytes_ || end + *length > max_bytes_)
      return broken(MessageReject::message_too_long);
    message_bytes_ = end + static_cast<size_t>(*length);
  }
  if (rest.size() < message_bytes_) return need_more();
  message_ = rest.substr(0, message_bytes_);
  at_ += message_bytes_;
  scanned_ = message_bytes_ = 0;
  return Event::message;
}

StreamFramer::Event StreamFramer::need_more() {
  message_ = {};
  return Event::need_more;
}

StreamFramer::Event StreamFramer::broken(MessageReject reject) {
  message_ = {};
  reject_ = reject;
  return Event::broken;
}

}  // namespace holdfast::sip
