// SPDX-License-Identifier: Apache-2.0
// Framing of the control socket.
#include "dataplane/control/frame.hh"

#include "dataplane/control/messages.hh"
#include "media/endian.hh"

namespace holdfast::control {

std::string encode_frame(std::string_view body) {
  const auto length = static_cast<uint32_t>(body.size());
  std::string frame;
  frame.reserve(kFrameHeaderBytes + body.size());
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>((length >> shift) & 0xff);
  return frame.append(body);
}

void FrameReader::append(std::string_view bytes) {
  if (taken_ > 0) buffer_.erase(0, taken_);
  taken_ = 0;
  buffer_.append(bytes);
}

FrameReader::Status FrameReader::next(std::string_view& body) {
  if (buffered() < kFrameHeaderBytes) return Status::kNeedMore;
  const char* head = buffer_.data() + taken_;
  const size_t length = load_be32(reinterpret_cast<const uint8_t*>(head));
  if (length > kMaxFrameBytes) return Status::kTooLarge;
  if (buffered() < kFrameHeaderBytes + length) return Status::kNeedMore;
  body = std::string_view(head + kFrameHeaderBytes, length);
  taken_ += kFrameHeaderBytes + length;
  return Status::kFrame;
}

}  // namespace holdfast::control
