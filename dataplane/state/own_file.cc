// SPDX-License-Identifier: Apache-2.0
// Opens, maps and closes files of this process alone.
#include "dataplane/state/own_file.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::dataplane {

OwnFile OwnFile::make(const std::string& path) {
  ::unlink(path.c_str());
  OwnFile file;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  return file;
}

OwnFile OwnFile::open(const std::string& path, int flags, std::string& why) {
  why.clear();
  OwnFile file;
  file.fd_ = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    if (errno != ENOENT) why = file_problem(path, "cannot be read");
    return file;
  }
  struct stat about {};
  if (::fstat(file.fd_, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != ::geteuid() ||
      (about.st_mode & 0077) != 0) {
    why = path + " is not used: it is not ours alone";
    return {};
  }
  file.size_ = static_cast<size_t>(about.st_size);
  return file;
}

OwnFile::OwnFile(OwnFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

OwnFile& OwnFile::operator=(OwnFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

OwnFile::~OwnFile() {
  if (fd_ >= 0) ::close(fd_);
}

Mapping::Mapping(const OwnFile& file, size_t bytes, int access, int flags) {
  void* const memory = ::mmap(nullptr, bytes, access, flags, file.fd(), 0);
  if (memory == MAP_FAILED) return;
  memory_ = memory;
  bytes_ = bytes;
}

Mapping::Mapping(Mapping&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

std::string file_problem(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

}  // namespace holdfast::dataplane
