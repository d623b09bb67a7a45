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
  ~FollowingBody() override {
    const auto rest = token_->rest;
    token_.reset();
    if (rest) rest->leave();
  }

  void next(std::function<void(BodyPiece)> then) override {
    waiting_ = std::move(then);
    serve();
  }

 private:
  void serve() {
    if (!waiting_) return;
    const bool goes_on = token_->rest != nullptr;  // behind the end of the file
    const auto arrival = reader_->end();
    if (arrival == Arrival::End::kFailed && !goes_on) return give({BodyState::kFailed, {}});
    uint64_t there = reader_->size();
    if (!goes_on && !progress_->settled()) {
      if (there == 0) return;
      --there;
    }
    there = std::min(there, end_);
    const bool whole = progress_->settled() && arrival == Arrival::End::kComplete;
    if (at_ >= end_ || (at_ >= there && whole && !goes_on)) return give({BodyState::kEnd, {}});
    if (at_ >= there) {
      if (goes_on) ask_rest();
      return;
    }
    buffer_.resize(kPieceBytes);
    const size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, there - at_));
    const auto piece = reader_->read(at_, std::span(buffer_.data(), want));
    if (piece.state == ReadState::kWait) return;
    if (piece.state != ReadState::kData) return give({BodyState::kFailed, {}});
    at_ += piece.bytes;
    give({BodyState::kBytes, std::span<const char>(buffer_.data(), piece.bytes)});
  }

  void ask_rest() {
    if (std::exchange(asks_rest_, true)) return;
    if (rest_at_ == 0) rest_at_ = reader_->size();
    token_->rest->next([this](BodyPiece piece) {
      asks_rest_ = false;
      if (piece.state != BodyState::kBytes) return give(piece);
      const uint64_t before = std::min<uint64_t>(piece.bytes.size(), at_ - std::min(at_, rest_at_));
      rest_at_ += piece.bytes.size();
      piece.bytes = piece.bytes.subspan(static_cast<size_t>(before));
      piece.bytes = piece.bytes.first(
          static_cast<size_t>(std::min<uint64_t>(piece.bytes.size(), end_ - at_)));
      at_ += piece.bytes.size();
      if (piece.bytes.empty()) return serve();
      give(piece);
    });
  }

  void give(BodyPiece piece) { std::exchange(waiting_, nullptr)(piece); }

  std::unique_ptr<Reader> reader_;
  std::shared_ptr<Progress> progress_;
  uint64_t at_, end_;
  uint64_t rest_at_ = 0;  // of the next byte from the pipe
  bool asks_rest_ = false;
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
  auto token = std::make_shared<Follower>(Follower{std::move(hear), nullptr});
  std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
  followers_.push_back(token);
  return token;
}

void Progress::tell() {
  // Whoever hears may leave, and others may come.
  const auto followers = followers_;
  for (const auto& one : followers)
    if (const auto follower = one.lock()) follower->hear();
}

void Progress::settle() {
  settled_ = true;
  tell();
}

void Progress::overflow(const std::function<void()>& news) {
  for (const auto& one : followers_)
    if (const auto follower = one.lock()) follower->rest = std::make_shared<PassPipe>(news, news);
  tell();
}

void Progress::push(std::span<const char> bytes) {
  const auto followers = followers_;
  for (const auto& one : followers)
    if (const auto follower = one.lock()) follower->rest->push(bytes);
}

void Progress::end(bool whole) {
  const auto followers = followers_;
  for (const auto& one : followers)
    if (const auto follower = one.lock()) follower->rest->end(whole);
}

bool Progress::followed() const {
  return std::any_of(followers_.begin(), followers_.end(),
                     [](const auto& follower) { return !follower.expired(); });
}

bool Progress::full() const {
  return std::any_of(followers_.begin(), followers_.end(), [](const auto& one) {
    const auto follower = one.lock();
    return follower && follower->rest->full();
  });
}

class PassPipe::Body : public AnswerBody {
 public:
  explicit Body(std::shared_ptr<PassPipe> pipe) : pipe_(std::move(pipe)) {}
  ~Body() override { pipe_->leave(); }
  void next(std::function<void(BodyPiece)> then) override { pipe_->next(std::move(then)); }

 private:
  std::shared_ptr<PassPipe> pipe_;
};

std::unique_ptr<AnswerBody> PassPipe::body(const std::shared_ptr<PassPipe>& pipe) {
  return std::make_unique<Body>(pipe);
}

void PassPipe::next(std::function<void(BodyPiece)> then) {
  waiting_ = std::move(then);
  serve();
}

void PassPipe::leave() {
  waiting_ = nullptr;
  if (!ended_ && gone_) std::exchange(gone_, nullptr)();
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
