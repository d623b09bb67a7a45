// SPDX-License-Identifier: Apache-2.0
// The half of a connection that writes: interim answers, the head with what there is of the body,
// and then piece by piece as the phone takes them.
#include <algorithm>
#include <utility>

#include "provision-proxy/server/connection.hh"

namespace holdfast::provision {

void Connection::on_interim(uint64_t request, int status, const Fields& fields) {
  const bool here = request == request_ && state_ == State::kHandling && form_.minor_version >= 1;
  if (!here || status < 100 || status > 199 || status == 101) return;
  if (text_.size() - text_at_ > kMaxInterimBytes) return;
  if (status == 100) {
    if (!owes_continue_) return;
    owes_continue_ = false;
  }
  append_interim(text_, status, fields);
  run();
}

void Connection::on_reply(uint64_t request, Answer answer) {
  if (request != request_ || state_ != State::kHandling) return;  // the phone has gone
  answer_ = std::move(answer);
  begin_answer();
  run_later();
}

// Our own answer to what no handler gets to see, and the end of the connection.
void Connection::refuse(int status, std::string_view text) {
  answer_ = {};
  answer_.status = status;
  answer_.fields.add("Content-Type", "text/plain; charset=utf-8");
  answer_.fields.add("Cache-Control", "no-store");
  answer_.bytes = std::make_shared<const std::string>(std::string(text) + "\n");
  answer_.close = true;
  if (state_ != State::kHandling) form_ = {};
  begin_answer();
}

// What of the upload is unread stands before the next request.
bool Connection::must_close() const {
  if (!keep_alive_ || context_.draining) return true;
  return !upload_.done() && (owes_continue_ || upload_.left() > kMaxDiscardBytes);
}

void Connection::begin_answer() {
  state_ = State::kAnswering;
  form_.close = must_close();
  if (!is_sendable(answer_, form_)) {
    ++context_.counters->handler_faults;
    answer_ = {};
    answer_.status = 500;
    answer_.close = true;
  }
  frame_ = frame_of(answer_, form_);
  append_head(text_, answer_, form_, frame_);
  body_left_ = frame_.length;
  body_ended_ = true;
  owes_chunk_end_ = false;
  if (frame_.framing == BodyFraming::kNone) {
    answer_.body.reset();
  } else if (answer_.bytes) {
    data_ = {answer_.bytes->data(), answer_.bytes->size()};
    body_left_ = 0;
  } else if (answer_.body) {
    body_ended_ = frame_.framing == BodyFraming::kLength && body_left_ == 0;
  }
  write_progress_.start(context_.limits->write_progress);
}

// Asks for a piece before it writes, so that the first goes out with the head.
bool Connection::step_write() {
  const bool asked = ask_for_piece();
  if (body_failed_) {
    close(true);
    return true;
  }
  if (text_at_ < text_.size() || !data_.empty()) return write_some() || asked;
  if (state_ != State::kAnswering) return asked;
  if (!body_ended_) return asked;
  finish_answer();
  return true;
}

bool Connection::write_some() {
  std::array<iovec, 2> pieces;
  size_t count = 0;
  const size_t text = text_.size() - text_at_;
  if (text > 0) pieces[count++] = {text_.data() + text_at_, text};
  if (!data_.empty()) pieces[count++] = {const_cast<char*>(data_.data()), data_.size()};
  const auto written = channel_->write({pieces.data(), count});
  switch (written.state) {
    case IoState::kDone:
      break;
    case IoState::kWantsWrite:
      write_progress_.wait(*context_.now);
      wait_to_write();
      return false;
    case IoState::kWantsRead:
      write_progress_.wait(*context_.now);
      wait_to_read();
      return false;
    default:
      ++context_.counters->peer_gone;
      close(true);
      return true;
  }
  write_progress_.moved(written.bytes, *context_.now);
  context_.counters->bytes_out += written.bytes;
  turn_bytes_ += written.bytes;
  const size_t of_text = std::min(text, written.bytes);
  text_at_ += of_text;
  data_ = data_.subspan(written.bytes - of_text);
  if (text_at_ == text_.size()) {
    text_.clear();
    text_at_ = 0;
  }
  return true;
}

// True if one came at once.
bool Connection::ask_for_piece() {
  if (state_ != State::kAnswering || body_ended_ || body_failed_) return false;
  if (piece_pending_ || !data_.empty()) return false;
  piece_pending_ = true;
  answer_.body->next([this](const BodyPiece& piece) {
    on_piece(piece);
    run_later();
  });
  return !piece_pending_;
}

// Called out of the body, which must not be destroyed here.

void Connection::on_piece(const BodyPiece& piece) {
  piece_pending_ = false;
  if (state_ != State::kAnswering) return;
  if (piece.state == BodyState::kFailed) return fail_body(context_.counters->answers_failed);
  const bool chunked = frame_.framing == BodyFraming::kChunked;
  if (piece.state == BodyState::kEnd) {
    if (frame_.framing == BodyFraming::kLength && body_left_ > 0)
      return fail_body(context_.counters->handler_faults);
    if (chunked && owes_chunk_end_) text_ += kChunkEnd;
    if (chunked) text_ += kLastChunk;
    body_ended_ = true;
    return;
  }
  if (piece.bytes.empty()) return;  // an empty chunk would be the last
  if (frame_.framing == BodyFraming::kLength) {
    if (piece.bytes.size() > body_left_) return fail_body(context_.counters->handler_faults);
    body_left_ -= piece.bytes.size();
    body_ended_ = body_left_ == 0;
  }
  if (chunked) {
    if (owes_chunk_end_) text_ += kChunkEnd;
    text_ += ChunkStart(piece.bytes.size()).text();
    owes_chunk_end_ = true;  // goes out with what comes next
  }
  data_ = piece.bytes;
}

void Connection::fail_body(uint64_t& counter) {
  ++counter;
  body_failed_ = true;
}

void Connection::finish_answer() {
  ++context_.counters->answers;
  write_progress_.stop();
  answer_ = {};
  end_upload();
  if (state_ != State::kAnswering) return;
  if (frame_.close) {
    linger();
  } else if (!upload_.done()) {
    state_ = State::kDiscarding;
    discarded_ = 0;
  } else {
    next_request();
  }
}

}  // namespace holdfast::provision
