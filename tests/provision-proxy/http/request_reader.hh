// SPDX-License-Identifier: Apache-2.0
// For tests: a connection's bytes as requests, read by the gate and the decoder the way a server
// does.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/http/chunked.hh"
#include "provision-proxy/http/request_head.hh"

namespace holdfast::provision::test {

struct ReadRequest {
  std::string method, target, body;
  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};

struct ReadOutcome {
  std::vector<ReadRequest> requests;  // that came whole
  std::string refusal;                // its name; empty: none
  int status = 0;                     // of the refusal
  bool midway = false;                // a request has begun and not ended
  friend bool operator==(const ReadOutcome&, const ReadOutcome&) = default;
};

class RequestReader {
 public:
  void feed(std::string_view bytes) {
    buffer_.append(bytes);
    while (outcome_.refusal.empty() && (in_body_ ? read_body() : read_head())) {
    }
  }
  ReadOutcome outcome() const {
    ReadOutcome outcome = outcome_;
    outcome.midway = outcome.refusal.empty() && (in_body_ || !buffer_.empty());
    return outcome;
  }

 private:
  bool read_head() {
    if (buffer_.empty()) return false;
    const HeadVerdict verdict = parse_request_head(buffer_, head_);
    if (verdict.state == HeadState::refused) {
      outcome_.refusal = name_of(verdict.refusal);
      outcome_.status = status_of(verdict.refusal);
    }
    if (verdict.state != HeadState::done) return false;
    request_ = {std::string(head_.method), std::string(head_.target), ""};
    framing_ = head_.framing;
    left_ = head_.content_length;
    decoder_ = ChunkedDecoder(1 << 20);
    buffer_.erase(0, head_.head_bytes);
    in_body_ = true;
    return true;
  }

  // True: go on.
  bool read_body() {
    if (framing_ != Framing::chunked) {
      const size_t size = std::min<uint64_t>(left_, buffer_.size());
      take(size, std::string_view(buffer_).substr(0, size));
      left_ -= size;
      if (left_ > 0) return false;
      return finish();
    }
    const ChunkedDecoder::Step step = decoder_.step(buffer_);
    take(step.consumed, step.data);
    if (step.state == ChunkedDecoder::State::done) return finish();
    if (step.state == ChunkedDecoder::State::refused) {
      outcome_.refusal = name_of(decoder_.refusal());
      outcome_.status = status_of(decoder_.refusal());
    }
    return step.state == ChunkedDecoder::State::data;
  }

  void take(size_t consumed, std::string_view data) {
    request_.body.append(data);
    buffer_.erase(0, consumed);
  }
  bool finish() {
    outcome_.requests.push_back(request_);
    in_body_ = false;
    return true;
  }

  std::string buffer_;
  RequestHead head_;
  ReadRequest request_;
  ReadOutcome outcome_;
  Framing framing_ = Framing::none;
  uint64_t left_ = 0;
  ChunkedDecoder decoder_{0};
  bool in_body_ = false;
};

}  // namespace holdfast::provision::test
