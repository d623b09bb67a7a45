// SPDX-License-Identifier: Apache-2.0
// The half of a connection that reads: heads through the gate, uploads as their handler takes them.
#include <algorithm>
#include <utility>

#include "provision-proxy/server/connection.hh"

namespace holdfast::provision {

bool Connection::step_head() {
  if (worth_a_parse_ && !in_.empty()) {
    worth_a_parse_ = false;
    if (parse_head()) return true;
  }
  const size_t before = in_.size();
  const auto got = fill(before < kReadBytes / 2 ? kReadBytes : kMaxHeadBytes + 1);
  if (got == Fill::kWaits) return false;
  if (got == Fill::kGot) {
    if (before == 0 && served_) deadline_ = *context_.now + context_.limits->head;
    // A head that comes byte by byte is not parsed anew for each of them.
    const auto fresh = in_.view().substr(before);
    worth_a_parse_ =
        before == 0 || fresh.find('\n') != std::string_view::npos || in_.size() >= kMaxHeadBytes;
    return true;
  }
  if (before > 0) ++context_.counters->head_cut;
  if (got == Fill::kEnd && before == 0) channel_->end_writing();
  close(false);
  return true;
}

// False: there is more to come.
bool Connection::parse_head() {
  auto& head = *context_.head;
  const auto verdict = parse_request_head(in_.view(), head);
  switch (verdict.state) {
    case HeadState::need_more:
      return false;
    case HeadState::done:
      begin_request(head);
      return true;
    case HeadState::refused:
      break;
  }
  ++context_.counters->refused_heads;
  ++context_.counters->gate_refusals[static_cast<size_t>(verdict.refusal)];
  refuse(status_of(verdict.refusal), text_of(verdict.refusal));
  return true;
}

void Connection::begin_request(const RequestHead& head) {
  const uint64_t max_upload = context_.limits->max_upload_bytes;
  if (head.framing == Framing::length && head.content_length > max_upload) {
    ++context_.counters->uploads_too_large;
    return refuse(413, "the upload is longer than any phone's");
  }
  Request request;
  request.method = head.method;
  request.target = head.target;
  request.minor_version = head.minor;
  for (const auto& field : head.fields()) request.fields.add(field.name, field.value);
  request.peer = peer_;
  request.local = local_;
  request.listener = context_.listener;
  request.certificate_mac = tls_.mac;
  request.tls = tls_.tls;

  const uint64_t number = ++request_;
  if (head.framing != Framing::none) {
    std::optional<uint64_t> length;
    if (head.framing == Framing::length) length = head.content_length;
    request.body = std::make_shared<Upload>(weak_from_this(), number, length);
  }
  upload_.start(head.framing, head.content_length, max_upload);
  upload_progress_.start(context_.limits->body_progress);
  owes_continue_ = head.expect_continue && !upload_.done();
  keep_alive_ = head.keep_alive;
  form_ = {head.method_kind == Method::head, head.minor, false};
  in_.consume(head.head_bytes);
  state_ = State::kHandling;
  served_ = true;
  ++turn_requests_;
  ++context_.counters->requests;

  const auto weak = weak_from_this();
  context_.handler->handle(
      std::move(request),
      [weak, number](int status, const Fields& fields) {
        if (const auto self = weak.lock()) self->on_interim(number, status, fields);
      },
      [weak, number](Answer answer) {
        if (const auto self = weak.lock()) self->on_reply(number, std::move(answer));
      });
}

// The answer is out, and the upload is read.
void Connection::next_request() {
  state_ = State::kHead;
  in_.shrink(kReadBytes);
  worth_a_parse_ = true;
  const auto& limits = *context_.limits;
  deadline_ = *context_.now + (in_.empty() ? limits.idle : limits.head);
  if (context_.draining && in_.empty()) linger();
}

void Connection::next_upload(uint64_t request, Then then) {
  const bool here = request == request_ &&
                    (state_ == State::kHandling || state_ == State::kAnswering) && !upload_then_;
  if (!here) return then({BodyState::kFailed, {}});
  upload_then_ = std::move(then);
  run();
}

bool Connection::step_upload() {
  if (!upload_then_) return false;
  std::string_view piece;
  const auto state = upload_.next(in_, piece);
  if (state != UploadState::kNeedsMore) return take_upload_piece(state, piece);
  if (owes_continue_ && state_ == State::kHandling) {
    owes_continue_ = false;
    append_interim(text_, 100, {});
  }
  return ask_for_upload();
}

bool Connection::take_upload_piece(UploadState state, std::string_view piece) {
  if (state == UploadState::kMalformed) {
    ++context_.counters->body_malformed;
    ++context_.counters->chunk_refusals[static_cast<size_t>(upload_.refusal())];
    upload_broke(status_of(upload_.refusal()), text_of(upload_.refusal()));
    return true;
  }
  upload_progress_.moved(piece.size(), *context_.now);
  const auto then = std::exchange(upload_then_, nullptr);
  if (state == UploadState::kEnd) {
    then({BodyState::kEnd, {}});
  } else {
    owes_continue_ = false;  // it did not wait for it
    then({BodyState::kBytes, {piece.data(), piece.size()}});
  }
  return true;
}

// Reads more of the upload; true if something came of it.
bool Connection::ask_for_upload() {
  switch (fill(kUploadReadBytes)) {
    case Fill::kGot:
      return true;
    case Fill::kWaits:
      upload_progress_.wait(*context_.now);
      return false;
    case Fill::kEnd:  // it has ended its side, and may yet read
      ++context_.counters->body_cut;
      upload_broke(400, "the upload ends before its end");
      return true;
    case Fill::kFailed:
      ++context_.counters->body_cut;
      close(false);
      return true;
  }
  return false;
}

// Nothing that follows can be told from it: the phone is told so, if its answer has not begun, and
// the connection ends.
void Connection::upload_broke(int status, std::string_view text) {
  upload_progress_.stop();
  keep_alive_ = false;
  if (state_ == State::kHandling) {
    refuse(status, text);
  } else if (state_ == State::kDiscarding) {
    linger();
  } else {
    frame_.close = true;
  }
  end_upload();
}

// Whoever waits for the upload waits for nothing.
void Connection::end_upload() {
  upload_progress_.stop();
  if (const auto then = std::exchange(upload_then_, nullptr)) then({BodyState::kFailed, {}});
}

bool Connection::step_discard() {
  std::string_view piece;
  switch (upload_.next(in_, piece)) {
    case UploadState::kEnd:
      upload_progress_.stop();
      next_request();
      return true;
    case UploadState::kNeedsMore:
      return ask_for_upload();
    case UploadState::kMalformed:
      linger();
      return true;
    case UploadState::kBytes:
      break;
  }
  upload_progress_.moved(piece.size(), *context_.now);
  discarded_ += piece.size();
  if (discarded_ > kMaxDiscardBytes) linger();
  return true;
}

}  // namespace holdfast::provision
