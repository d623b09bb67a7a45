// SPDX-License-Identifier: Apache-2.0
// The SRTP of the legs, in a file of its own beside the memory file, so that the next process can
// use it where it lies: 5 KiB of each of thousands of legs are too much to copy.
//
// One leg behind the other, and holes where none has keys. There are two names, of which the memory
// file says its own: who cannot go on with the one that is there makes the other. As secret as the
// keys in it: root alone (0600), on a memory file system.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dataplane/relay/leg.hh"
#include "dataplane/relay/srtp_leg.hh"
#include "dataplane/state/own_file.hh"

namespace holdfast::dataplane {

constexpr uint32_t kSrtpNames = 2;
std::string srtp_path(const std::string& memory_file, uint32_t name);

// Written by this process: slow thread, until the lcores run.
class SrtpFile {
 public:
  // A new one, of holes. None, and errno.
  static std::optional<SrtpFile> make(const std::string& path, size_t legs);
  // One that a process left that lives no more, as it is. None when it is not there, not ours alone
  // or of another size, or its file system cannot give back.
  static std::optional<SrtpFile> go_on(const std::string& path, size_t legs);

  std::span<SrtpLeg> legs() const { return legs_; }
  // Memory for so many legs. False: there is none; a store there would end the process.
  bool reserve(LegIndex first, size_t count);
  // They are zeros from here on and take no memory, but for a page that a neighbour has too.
  void give_back(LegIndex first, size_t count);

 private:
  SrtpFile(OwnFile file, Mapping memory, size_t legs);

  OwnFile file_;
  Mapping memory_;
  std::span<SrtpLeg> legs_;
};

// Of the process before, read only. None when it cannot be used, and `why` says so in one line.
class LeftSrtp {
 public:
  static std::optional<LeftSrtp> open(const std::string& path, size_t legs, std::string& why);
  // Unchecked.
  const SrtpLeg& of(LegIndex leg) const;

 private:
  explicit LeftSrtp(Mapping memory) : memory_(std::move(memory)) {}
  Mapping memory_;
};

}  // namespace holdfast::dataplane
