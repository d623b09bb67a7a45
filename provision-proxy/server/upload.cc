// SPDX-License-Identifier: Apache-2.0
// Takes a body apart by its framing.
#include "provision-proxy/server/upload.hh"

#include <algorithm>

namespace holdfast::provision {

void UploadReader::start(Framing framing, uint64_t content_length, uint64_t max_bytes) {
  framing_ = framing;
  left_ = content_length;
  if (framing == Framing::length && left_ == 0) framing_ = Framing::none;
  if (framing == Framing::chunked) chunks_ = ChunkedDecoder(max_bytes);
}

UploadState UploadReader::next(ReadBuffer& from, std::string_view& piece) {
  if (framing_ == Framing::none) return UploadState::kEnd;
  if (framing_ == Framing::length) {
    if (from.empty()) return UploadState::kNeedsMore;
    piece = from.view().substr(0, static_cast<size_t>(std::min<uint64_t>(left_, from.size())));
    from.consume(piece.size());
    left_ -= piece.size();
    if (left_ == 0) framing_ = Framing::none;
    return UploadState::kBytes;
  }
  const auto step = chunks_.step(from.view());
  piece = step.data;
  from.consume(step.consumed);
  switch (step.state) {
    case ChunkedDecoder::State::data:
      return UploadState::kBytes;
    case ChunkedDecoder::State::need_more:
      return UploadState::kNeedsMore;
    case ChunkedDecoder::State::done:
      framing_ = Framing::none;
      return UploadState::kEnd;
    case ChunkedDecoder::State::refused:
      break;
  }
  return UploadState::kMalformed;
}

}  // namespace holdfast::provision
