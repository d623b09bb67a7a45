// SPDX-License-Identifier: Apache-2.0
// An LD_PRELOAD library that remembers what has been synced, so that a replay can forget the rest.
//
// Below UNSYNCED_DIR, fsync and fdatasync copy a file's content, or a folder's list of names, to
// UNSYNCED_SHADOW by inode number; nothing goes to the disk itself. What is unlinked or renamed
// over keeps its inode (a link in the shadow), so that no number is used twice. The rest of the
// kernel serves as the page cache, which a killed process does not take with it. unsynced_replay.cc
// makes of both what a power cut may leave. UNSYNCED_LIE names what is not synced although the call
// says so: "bodies", "folders" or "index".
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

const std::string& watched() {
  static const std::string directory = setting("UNSYNCED_DIR");
  return directory;
}
const std::string& shadow() {
  static const std::string directory = setting("UNSYNCED_SHADOW");
  return directory;
}

bool is_watched(const std::string& path) {
  return !watched().empty() && path.compare(0, watched().size(), watched()) == 0;
}

std::string path_of(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path, sizeof path);
  return n <= 0 ? "" : std::string(path, static_cast<size_t>(n));
}

void real_rename(const std::string& from, const std::string& to) {
  ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
}

// By another name first: a kill in the middle leaves what was synced before.
int keep(const std::string& folder, ino_t inode, const std::string& bytes) {
  const std::string path = shadow() + "/" + folder + "/" + std::to_string(inode);
  const std::string beside = path + "." + std::to_string(::syscall(SYS_gettid));
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  size_t done = 0;
  while (fd >= 0 && done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  if (fd >= 0) ::close(fd);
  if (fd < 0 || done < bytes.size()) {
    errno = EIO;
    return -1;
  }
  real_rename(beside, path);
  return 0;
}

std::string content_of(const std::string& path) {
  std::string bytes;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char piece[65536];
  ssize_t n = 0;
  while (fd >= 0 && (n = ::read(fd, piece, sizeof piece)) > 0)
    bytes.append(piece, static_cast<size_t>(n));
  if (fd >= 0) ::close(fd);
  return bytes;
}

std::string names_of(const std::string& path) {
  std::string lines;
  DIR* folder = ::opendir(path.c_str());
  while (const dirent* entry = folder == nullptr ? nullptr : ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") lines += std::to_string(entry->d_ino) + " " + name + "\n";
  }
  if (folder != nullptr) ::closedir(folder);
  return lines;
}

bool is_lie(const std::string& path, bool folder) {
  static const std::string lie = setting("UNSYNCED_LIE");
  if (lie == "folders") return folder && path.find("/bodies") != path.npos;
  if (lie == "bodies") return !folder && path.find("/tmp/") != path.npos;
  if (lie == "index") return path.find("/index.db") != path.npos;
  return false;
}

// -2: not ours.
int sync_shadow(int fd) {
  struct stat info {};
  const std::string path = path_of(fd);
  if (!is_watched(path) || ::fstat(fd, &info) != 0) return -2;
  const bool folder = S_ISDIR(info.st_mode);
  if (is_lie(path, folder)) return 0;
  // The descriptor's own file, whatever its name is by now.
  const std::string through = "/proc/self/fd/" + std::to_string(fd);
  return folder ? keep("folders", info.st_ino, names_of(through))
                : keep("files", info.st_ino, content_of(through));
}

void bury(const std::string& path) {
  struct stat info {};
  if (!is_watched(path) || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  const std::string grave = shadow() + "/graves/" + std::to_string(info.st_ino);
  ::syscall(SYS_linkat, AT_FDCWD, path.c_str(), AT_FDCWD, grave.c_str(), 0);
}

}  // namespace

extern "C" {

int fsync(int fd) {
  const int result = sync_shadow(fd);
  return result != -2 ? result : static_cast<int>(::syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  const int result = sync_shadow(fd);
  return result != -2 ? result : static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int rename(const char* from, const char* to) noexcept {
  bury(to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* path) noexcept {
  bury(path);
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int unlinkat(int at, const char* name, int flags) noexcept {
  if (flags == 0) bury(name[0] == '/' || at == AT_FDCWD ? name : path_of(at) + "/" + name);
  return static_cast<int>(::syscall(SYS_unlinkat, at, name, flags));
}
}
