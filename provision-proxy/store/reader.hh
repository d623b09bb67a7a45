// SPDX-License-Identifier: Apache-2.0
// Reads a body in pieces: a stored one, or one that still arrives.
//
// Network thread. A reader keeps its body open: it can be read to its end although the entry is
// replaced or evicted meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "provision-proxy/store/disk.hh"

namespace holdfast::provision {

// How far a body has come; shared by the one who fills it and those who follow.
struct Arrival {
  enum class End : uint8_t { kNotYet, kComplete, kFailed };
  uint64_t size = 0;
  End end = End::kNotYet;
};

enum class ReadState : uint8_t {
  kData,   // so many bytes
  kWait,   // none now: the body is still arriving
  kEnd,    // none: the body is complete, and this is its end
  kFailed  // none: the rest will not come, or the disk fails
};
struct Piece {
  ReadState state = ReadState::kFailed;
  size_t bytes = 0;
};

class Reader {
 public:
  Reader(std::shared_ptr<const FileDescriptor> file, std::shared_ptr<const Arrival> arrival)
      : file_(std::move(file)), arrival_(std::move(arrival)) {}
  explicit Reader(std::shared_ptr<const std::string> bytes);

  Piece read(uint64_t offset, std::span<char> into) const;
  uint64_t size() const { return arrival_->size; }  // so far
  Arrival::End end() const { return arrival_->end; }
  // The whole body, if it is small and in memory; else null.
  const std::shared_ptr<const std::string>& bytes() const { return bytes_; }
  // For sendfile(2), up to size(); -1: it is in memory.
  int fd() const { return file_ ? file_->get() : -1; }

 private:
  std::shared_ptr<const FileDescriptor> file_;
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<const Arrival> arrival_;
};

}  // namespace holdfast::provision
