// SPDX-License-Identifier: Apache-2.0
// One interface of the link stage: a raw AF_PACKET socket that sees whole frames, tags included.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "lab/link/frame.hh"

namespace holdfast::lab {

inline constexpr size_t kBurst = 64;

struct ReceiveResult {
  size_t frames = 0;    // moved to the caller, who owns them now
  size_t oversize = 0;  // longer than a slot and thrown away
};

class PacketPort {
 public:
  explicit PacketPort(FramePool& pool) : pool_(pool) {}
  ~PacketPort();
  PacketPort(const PacketPort&) = delete;
  PacketPort& operator=(const PacketPort&) = delete;

  // Empty on success, else one line that names the interface and the cause. Takes kBurst slots of
  // the pool to receive into.
  std::string open(const std::string& interface);
  int fd() const { return fd_; }
  const std::string& name() const { return name_; }

  // Reads what is there, at most kBurst frames; never blocks.
  ReceiveResult receive(std::span<Frame*, kBurst> out);
  // Sends in order and returns how many the interface took; refused frames are skipped and called
  // out through `refused`, one entry each.
  size_t send(std::span<Frame* const> frames, std::span<bool> refused);

  // Frames that the kernel dropped because nobody read the socket in time: losses that no rule
  // asked for. Must be 0 for a run to count.
  uint64_t socket_drops();
  // Frames whose sender left the checksum to a device that does not exist (tx offload is on).
  uint64_t unfinished_checksums() const { return unfinished_checksums_; }

 private:
  bool restore_tag(Frame& frame, void* message);

  FramePool& pool_;
  std::string name_;
  int fd_ = -1;
  std::array<Frame*, kBurst> slots_{};
  uint64_t socket_drops_ = 0;
  uint64_t unfinished_checksums_ = 0;
};

}  // namespace holdfast::lab
