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

// What comes from the origin and is not kept: bounded, the origin waits for the phone.
class PassPipe {
 public:
  static constexpr size_t kHighWater = 256 * 1024;
  static constexpr size_t kLowWater = 64 * 1024;

  // `want_more` once after each time that full() had been true; `gone` once if the phone leaves
  // before the end.
  PassPipe(std::function<void()> want_more, std::function<void()> gone)
      : want_more_(std::move(want_more)), gone_(std::move(gone)) {}

  void push(std::span<const char> bytes);
  void end(bool whole);
  bool full() const { return size_ >= kHighWater; }

  // As AnswerBody::next(), for one who reads.
  void next(std::function<void(BodyPiece)> then);
  // The reader goes: nothing is called back any more.
  void leave();
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

// Tells those who follow a body that there is news. From overflow() on the file grows no more, and
// each of them gets what follows from a pipe of its own: the slowest sets the pace.
class Progress {
 public:
  struct Follower {
    std::function<void()> hear;
    std::shared_ptr<PassPipe> rest;  // null before the overflow
  };
  using Token = std::shared_ptr<Follower>;
  // Called at each tell() while the token lives.
  Token listen(std::function<void()> hear);
  void tell();
  // The store has the body, or never will: its end may be seen.
  void settle();
  bool settled() const { return settled_; }

  // `news`: one who was behind has caught up, or has left.
  void overflow(const std::function<void()>& news);
  void push(std::span<const char> bytes);
  void end(bool whole);
  bool followed() const;  // by anybody
  bool full() const;      // somebody is behind

 private:
  std::vector<std::weak_ptr<Follower>> followers_;
  bool settled_ = false;
};

// A body that still arrives. Its last byte is held back until the store has it, so that a phone
// that has the whole file finds it stored whatever happens next.
std::unique_ptr<AnswerBody> following_body(std::unique_ptr<Reader> reader,
                                           std::shared_ptr<Progress> progress, Slice slice);

}  // namespace holdfast::provision
