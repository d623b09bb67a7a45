// SPDX-License-Identifier: Apache-2.0
// Bodies on their way to a phone: out of the store, out of one that still arrives, or straight from
// the origin.
//
// Asio thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/store/reader.hh"

namespace holdfast::provision {

// The bytes from `first` up to `end`, not included.
struct Slice {
  uint64_t first = 0;
  uint64_t end = UINT64_MAX;
};

// A stored body, or a part of it.
std::unique_ptr<AnswerBody> stored_body(std::unique_ptr<Reader> reader, Slice slice);

// Tells those who follow a body that there is news.
class Progress {
 public:
  using Token = std::shared_ptr<std::function<void()>>;
  // Called at each tell() while the token lives.
  Token listen(std::function<void()> hear);
  void tell();
  // The store has the body, or never will: its end may be seen.
  void settle();
  bool settled() const { return settled_; }

 private:
  std::vector<std::weak_ptr<std::function<void()>>> listeners_;
  bool settled_ = false;
};

// A body that still arrives. Its last byte is held back until the store has it, so that a phone
// that has the whole file finds it stored whatever happens next.
std::unique_ptr<AnswerBody> following_body(std::unique_ptr<Reader> reader,
                                           std::shared_ptr<Progress> progress, Slice slice);

// What comes from the origin and is not kept: bounded, the origin waits for the phone.
class PassPipe {
 public:
  static constexpr size_t kHighWater = 256 * 1024;
  static constexpr size_t kLowWater = 64 * 1024;

  // `want_more` once after full() had been true; `gone` once if the phone leaves before the end.
  PassPipe(std::function<void()> want_more, std::function<void()> gone)
      : want_more_(std::move(want_more)), gone_(std::move(gone)) {}

  void push(std::span<const char> bytes);
  void end(bool whole);
  bool full() const { return size_ >= kHighWater; }

  static std::unique_ptr<AnswerBody> body(const std::shared_ptr<PassPipe>& pipe);

 private:
  class Body;
  void serve();

  std::deque<std::string> pieces_;
  size_t size_ = 0;
  bool stalled_ = false, ended_ = false, whole_ = false;
  std::string out_;  // what the phone is being sent
  std::function<void(BodyPiece)> waiting_;
  std::function<void()> want_more_, gone_;
};

}  // namespace holdfast::provision
