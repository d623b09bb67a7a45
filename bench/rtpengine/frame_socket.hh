// SPDX-License-Identifier: Apache-2.0
// Sends whole Ethernet frames on an interface of another network namespace.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "media/result.hh"

namespace holdfast::bench {

class FrameSocket {
 public:
  static constexpr size_t kMaxBurst = 64;

  // `network`: a namespace that `ip netns` made; needs root. The calling thread is back in its own
  // namespace afterwards. The error is what could not be done, in words.
  static Result<std::unique_ptr<FrameSocket>, std::string> open(const std::string& network,
                                                                const std::string& interface);
  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Up to kMaxBurst frames in one system call; returns how many the interface took.
  size_t send(std::span<iovec> frames);

 private:
  explicit FrameSocket(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace holdfast::bench
