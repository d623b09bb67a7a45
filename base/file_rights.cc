// SPDX-License-Identifier: Apache-2.0
// Asks the kernel, and reads owners and modes for the words.
#include "base/file_rights.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace holdfast {
namespace {

// With the effective rights: access(2) asks for the real user's, and root's are all there are.
bool may(const std::string& path, int how) {
  return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
}

std::string in_the_way(const std::string& path, const char* needed) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", info.st_mode & 07777U);
  const std::string whose = ": " + path + " belongs to user " + std::to_string(info.st_uid) +
                            " and has mode " + mode.data();
  if (info.st_uid == ::geteuid()) return whose + "; run: chmod u+" + needed + " " + path;
  if (::geteuid() != 0) return whose + "; run this as root";
  return whose + ", and a daemon passes nobody's permissions though it is root; run: chown root " +
         path;
}

}  // namespace

RightsOfDaemon::RightsOfDaemon() : had_(set_effective_capabilities({})) {}
RightsOfDaemon::~RightsOfDaemon() {
  set_effective_capabilities(had_);
}

std::string why_denied(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string above = path.substr(0, at);
    if (!may(above, X_OK)) return in_the_way(above, "x");
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  return in_the_way(path, S_ISDIR(info.st_mode) ? "rwx" : "r");
}

std::string read_fault(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) {
    ::close(fd);
    return "";
  }
  const int error = errno;
  return path + ": " + std::strerror(error) + (error == EACCES ? why_denied(path) : "");
}

std::string folder_fault(const std::string& path, FolderUse use) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    return path + " cannot be used: " + std::strerror(error) +
           (error == EACCES ? why_denied(path) : "");
  }
  if (!S_ISDIR(info.st_mode)) return path + " is not a directory";
  if (!may(path, R_OK | W_OK | X_OK)) {
    const int error = errno;
    return path + " cannot be written: " + std::strerror(error) +
           (error == EACCES ? why_denied(path) : "");
  }
  if (use == FolderUse::kState && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0 &&
      (info.st_mode & S_ISVTX) == 0 && info.st_uid != ::geteuid())
    return path + " is open to others and cannot be closed to them" + in_the_way(path, "rwx");
  return "";
}

}  // namespace holdfast
