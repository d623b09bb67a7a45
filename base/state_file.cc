// SPDX-License-Identifier: Apache-2.0
// Atomic writes of small files.
#include "base/state_file.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_rights.hh"

namespace holdfast {
namespace {

std::string problem(const std::string& path, const char* what) {
  const int error = errno;
  return path + " " + what + ": " + std::strerror(error) +
         (error == EACCES ? why_denied(path) : "");
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// A name lasts when its folder is synced. One that we may not read is somebody else's, and old.
void sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) return;
  ::fsync(at);
  ::close(at);
}

}  // namespace

std::optional<std::string> read_state_file(const std::string& path, size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  struct stat info {};
  const bool usable = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                      info.st_size <= static_cast<off_t>(max_bytes);
  std::string text(usable ? static_cast<size_t>(info.st_size) : 0, '\0');
  size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(fd, &text[got], text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  ::close(fd);
  if (!usable) return std::nullopt;
  text.resize(got);
  return text;
}

std::string write_state_file(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return problem(beside, "cannot be made");
  const bool written = write_all(fd, bytes) && ::fsync(fd) == 0;
  if (!written) {
    std::string error = problem(beside, "cannot be written");
    ::close(fd);
    ::unlink(beside.c_str());
    return error;
  }
  ::close(fd);
  if (::rename(beside.c_str(), path.c_str()) != 0) return problem(path, "cannot be replaced");
  sync_folder_of(path);
  return "";
}

std::string make_state_directory(const std::string& path) {
  for (size_t at = 1; at < path.size(); ++at) {
    at = path.find('/', at);
    if (at == std::string::npos) break;
    const std::string above = path.substr(0, at);
    // What is there already stays as it is.
    if (::mkdir(above.c_str(), 0755) == 0) sync_folder_of(above);
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return problem(path, "cannot be made");
  sync_folder_of(path);  // if it is there, whoever made it may have died before this
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return problem(path, "cannot be used");
  if (!S_ISDIR(info.st_mode)) return path + " is not a directory";
  // It may hold what is secret. One that all share is not ours to close.
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0 && (info.st_mode & S_ISVTX) == 0 &&
      ::chmod(path.c_str(), 0700) != 0)
    return problem(path, "cannot be closed to others");
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) return problem(path, "cannot be written");
  return "";
}

}  // namespace holdfast
