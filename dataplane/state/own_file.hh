// SPDX-License-Identifier: Apache-2.0
// Files of this process alone, mapped: opened without following links, and refused when anybody
// else may touch them.
#pragma once

#include <cstddef>
#include <string>

namespace holdfast::dataplane {

// Closes itself.
class OwnFile {
 public:
  // A new one, 0600, in the place of whatever has the name. errno tells why not.
  static OwnFile make(const std::string& path);
  // One that is there, as `flags` of open(2) say. `why`: what is wrong with it, or empty when it is
  // not there.
  static OwnFile open(const std::string& path, int flags, std::string& why);
  OwnFile() = default;
  OwnFile(OwnFile&& other) noexcept;
  OwnFile& operator=(OwnFile&& other) noexcept;
  ~OwnFile();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  size_t size() const { return size_; }  // when it was opened

 private:
  int fd_ = -1;
  size_t size_ = 0;
};

// A part of a file in memory, for as long as it lives.
class Mapping {
 public:
  Mapping() = default;  // of nothing
  // From the file's beginning on; `access` and `flags` as of mmap(2). Nothing on an error: errno.
  Mapping(const OwnFile& file, size_t bytes, int access, int flags);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  explicit operator bool() const { return memory_ != nullptr; }
  void* memory() const { return memory_; }
  size_t bytes() const { return bytes_; }

 private:
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

// "PATH: WHAT: " and what errno says.
std::string file_problem(const std::string& path, const char* what);

}  // namespace holdfast::dataplane
