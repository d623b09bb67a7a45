// SPDX-License-Identifier: Apache-2.0
// Bodies on their way to a phone.
#include "provision-proxy/proxy/bodies.hh"

#include <algorithm>
#include <utility>

namespace holdfast::provision {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

class StoredBody : public AnswerBody {
 public:
  StoredBody(std::unique_ptr<Reader> reader, Slice slice)
      : reader_(std::move(reader)), at_(slice.first), end_(slice.end) {}

  void next(std::function<void(BodyPiece)> then) override {
    end_ = std::min(end_, reader_->size());
    if (at_ >= end_) return then({BodyState::kEnd, {}});
    buffer_.resize(kPieceBytes);
    const size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, end_ - at_));
    const auto piece = reader_->read(at_, std::span(buffer_.data(), want));
    if (piece.state != ReadState::kData) return then({BodyState::kFailed, {}});
    at_ += piece.bytes;
    then({BodyState::kBytes, std::span<const char>(buffer_.data(), piece.bytes)});
  }

 private:
  std::unique_ptr<Reader> reader_;
  uint64_t at_, end_;
  std::string buffer_;
};

class FollowingBody : public AnswerBody {
 public:
  FollowingBody(std::unique_ptr<Reader> reader, std::shared_ptr<Progress> progress, Slice slice)
      : reader_(std::move(reader)),
        progress_(std::move(progress)),
        at_(slice.first),
        end_(slice.end) {
    token_ = progress_->listen([this] { serve(); });
  }

  void next(std::function<void(BodyPiece)> then) override {
    waiting_ = std::move(then);
    serve();
  }

 private:
  void serve() {
    if (!waiting_) return;
    const auto arrival = reader_->end();
    if (arrival == Arrival::End::kFailed) return give({BodyState::kFailed, {}});
    uint64_t there = reader_->size();
    if (!progress_->settled()) {
      if (there == 0) return;
      --there;
    }
    there = std::min(there, end_);
    if (at_ >= end_ || (at_ >= there && progress_->settled() && arrival == Arrival::End::kComplete))
      return give({BodyState::kEnd, {}});
    if (at_ >= there) return;
    buffer_.resize(kPieceBytes);
    const size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, there - at_));
    const auto piece = reader_->read(at_, std::span(buffer_.data(), want));
    if (piece.state == ReadState::kWait) return;
    if (piece.state != ReadState::kData) return give({BodyState::kFailed, {}});
    at_ += piece.bytes;
    give({BodyState::kBytes, std::span<const char>(buffer_.data(), piece.bytes)});
  }
  void give(BodyPiece piece) { std::exchange(waiting_, nullptr)(piece); }

  std::unique_ptr<Reader> reader_;
  std::shared_ptr<Progress> progress_;
  uint64_t at_, end_;
  std::string buffer_;
  std::function<void(BodyPiece)> waiting_;
  Progress::Token token_;
};

}  // namespace

std::unique_ptr<AnswerBody> stored_body(std::unique_ptr<Reader> reader, Slice slice) {
  return std::make_unique<StoredBody>(std::move(reader), slice);
}

std::unique_ptr<AnswerBody> following_body(std::unique_ptr<Reader> reader,
                                           std::shared_ptr<Progress> progress, Slice slice) {
  return std::make_unique<FollowingBody>(std::move(reader), std::move(progress), slice);
}

Progress::Token Progress::listen(std::function<void()> hear) {
  auto token = std::make_shared<std::function<void()>>(std::move(hear));
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  listeners_.push_back(token);
  return token;
}

void Progress::tell() {
  // Whoever hears may leave, and others may come.
  const auto listeners = listeners_;
  for (const auto& listener : listeners)
    if (const auto hear = listener.lock()) (*hear)();
}

void Progress::settle() {
  settled_ = true;
  tell();
}

class PassPipe::Body : public AnswerBody {
 public:
  explicit Body(std::shared_ptr<PassPipe> pipe) : pipe_(std::move(pipe)) {}
  ~Body() override {
    pipe_->waiting_ = nullptr;
    if (!pipe_->ended_ && pipe_->gone_) std::exchange(pipe_->gone_, nullptr)();
  }
  void next(std::function<void(BodyPiece)> then) override {
    pipe_->waiting_ = std::move(then);
    pipe_->serve();
  }

 private:
  std::shared_ptr<PassPipe> pipe_;
};

std::unique_ptr<AnswerBody> PassPipe::body(const std::shared_ptr<PassPipe>& pipe) {
  return std::make_unique<Body>(pipe);
}

void PassPipe::push(std::span<const char> bytes) {
  pieces_.emplace_back(bytes.begin(), bytes.end());
  size_ += bytes.size();
  stalled_ = stalled_ || full();
  serve();
}

void PassPipe::end(bool whole) {
  ended_ = true;
  whole_ = whole;
  serve();
}

void PassPipe::serve() {
  if (!waiting_) return;
  if (!pieces_.empty()) {
    out_ = std::move(pieces_.front());
    pieces_.pop_front();
    size_ -= out_.size();
    if (stalled_ && size_ <= kLowWater) {
      stalled_ = false;
      if (!ended_) want_more_();
    }
    std::exchange(waiting_, nullptr)({BodyState::kBytes, out_});
  } else if (ended_) {
    std::exchange(waiting_, nullptr)({whole_ ? BodyState::kEnd : BodyState::kFailed, {}});
  }
}

}  // namespace holdfast::provision
