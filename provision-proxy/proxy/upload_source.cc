// SPDX-License-Identifier: Apache-2.0
// Reads an upload piece by piece.
#include "provision-proxy/proxy/upload_source.hh"

#include <algorithm>

namespace holdfast::provision {

BodySource::Read UploadSource::read(std::span<char> into) {
  if (state_ == State::wait && !asking_) {
    in_read_ = true;
    ask();
    in_read_ = false;
  }
  if (state_ != State::piece) return {state_, 0};
  const size_t size = std::min(into.size(), piece_.size() - at_);
  std::copy_n(piece_.data() + at_, size, into.data());
  at_ += size;
  if (at_ == piece_.size()) state_ = State::wait;
  return {State::piece, size};
}

void UploadSource::ask() {
  asking_ = true;
  body_->next([this, here = std::weak_ptr(here_)](BodyPiece piece) {
    if (here.expired()) return;
    asking_ = false;
    at_ = 0;
    switch (piece.state) {
      case BodyState::kBytes:
        piece_.assign(piece.bytes.begin(), piece.bytes.end());
        state_ = piece_.empty() ? State::wait : State::piece;
        break;
      case BodyState::kEnd:
        state_ = State::end;
        break;
      case BodyState::kFailed:
        state_ = State::failed;
        break;
    }
    if (!in_read_) news_();
  });
}

}  // namespace holdfast::provision
