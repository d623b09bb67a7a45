// SPDX-License-Identifier: Apache-2.0
// Framing of the control socket.
#include "dataplane/control/frame.hh"

#include "dataplane/control/messages.hh"
#include "media/endian.hh"

namespace holdfast::control {
namespace {

template <typename Text>
void add_frame(Text& out, std::string_view body) {
  const auto length = static_cast<uint32_t>(body.size());
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((length >> shift) & 0xff);
  out.append(body);
}

}  // namespace

std::string encode_frame(std::string_view body) {
  std::string frame;
  frame.reserve(kFrameHeaderBytes + body.size());
  add_frame(frame, body);
  return frame;
}

void append_frame(media::WipedString& out, std::string_view body) {
  add_frame(out, body);
}

void FrameReader::forget_taken() {
  buffer_.drop(taken_);
  taken_ = 0;
}

void FrameReader::append(std::string_view bytes) {
  forget_taken();
  buffer_.append(bytes);
}

FrameReader::Status FrameReader::next(std::string_view& body) {
  if (buffered() < kFrameHeaderBytes) {
    forget_taken();
    return Status::kNeedMore;
  }
  const char* head = buffer_.view().data() + taken_;
  const size_t length = load_be32(reinterpret_cast<const uint8_t*>(head));
  if (length > kMaxFrameBytes) return Status::kTooLarge;
  if (buffered() < kFrameHeaderBytes + length) return Status::kNeedMore;
  body = std::string_view(head + kFrameHeaderBytes, length);
  taken_ += kFrameHeaderBytes + length;
  return Status::kFrame;
}

}  // namespace holdfast::control
