// SPDX-License-Identifier: Apache-2.0
// Files by their hash: made lasting in the order file, name, folder.
#include "provision-proxy/store/body_files.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/state_file.hh"
#include "provision-proxy/store/sha256.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;
constexpr size_t kProbeBytes = 256 * 1024;

std::string problem(const std::string& path, const char* what) {
  return path + " " + what + ": " + std::strerror(errno);
}

struct Folder {
  explicit Folder(const std::string& path) : handle(::opendir(path.c_str())) {}
  ~Folder() {
    if (handle != nullptr) ::closedir(handle);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  // The next name that is neither "." nor "..", or null; errno is 0 then if that is all.
  const char* next() {
    errno = 0;
    while (const dirent* entry = ::readdir(handle)) {
      if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
        return entry->d_name;
    }
    return nullptr;
  }
  DIR* handle;
};

std::string make_folder(const std::string& path) {
  if (auto error = make_state_directory(path); !error.empty()) return error;
  // Whoever made it: what lies in it is for us alone.
  return ::chmod(path.c_str(), 0700) == 0 ? "" : problem(path, "cannot be closed to others");
}

}  // namespace

std::string BodyFiles::prepare(size_t& temporaries_removed) {
  for (const char* below : {"", "/bodies", "/tmp", "/damaged"})
    if (auto error = make_folder(directory_ + below); !error.empty()) return error;
  const std::string lock_path = directory_ + "/lock";
  lock_ = std::make_unique<FileDescriptor>(
      ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock_->get() < 0) return problem(lock_path, "cannot be made");
  if (::flock(lock_->get(), LOCK_EX | LOCK_NB) != 0) return problem(directory_, "is in use");
  const std::string temporary = directory_ + "/tmp";
  Folder folder(temporary);
  if (folder.handle == nullptr) return problem(temporary, "cannot be read");
  while (const char* name = folder.next())
    if (::unlinkat(::dirfd(folder.handle), name, 0) == 0) ++temporaries_removed;
  // A process that died may have made folders and never synced them: nothing of it is taken as
  // lasting.
  for (const char* below : {"", "/bodies"})
    if (const int error = sync_folder(directory_ + below); error == ENOENT || error == ENOTDIR)
      return directory_ + below + " cannot be synced: " + std::strerror(error);
  return "";
}

std::string BodyFiles::temporary_path(uint64_t number) const {
  return directory_ + "/tmp/" + std::to_string(number);
}

std::string BodyFiles::path_of(std::string_view hash) const {
  std::string path = directory_ + "/bodies/";
  return path.append(hash.substr(0, 2)).append("/").append(hash);
}

int BodyFiles::make_file(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int BodyFiles::place(int fd, const std::string& temporary, const std::string& hash) {
  if (const int error = disk_.sync(fd); error != 0) return error;
  const std::string folder = directory_ + "/bodies/" + hash.substr(0, 2);
  // Over a body of that name too: ours has just been hashed, that one perhaps not in years.
  int error = disk_.rename(temporary, path_of(hash));
  if (error == ENOENT && (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST)) {
    if (error = sync_folder(directory_ + "/bodies"); error != 0) return error;
    error = disk_.rename(temporary, path_of(hash));
  }
  if (error == 0) unsynced_.insert(folder);
  return error;
}

int BodyFiles::sync_folders() {
  for (auto at = unsynced_.begin(); at != unsynced_.end(); at = unsynced_.erase(at))
    if (const int error = sync_folder(*at); error != 0) return error;
  return 0;
}

int BodyFiles::sync_folder(const std::string& path) {
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() < 0 ? errno : disk_.sync(folder.get());
}

void BodyFiles::remove(std::string_view hash) {
  ::unlink(path_of(hash).c_str());
}

bool BodyFiles::set_aside(const std::string& hash) {
  const std::string aside = directory_ + "/damaged";
  size_t there = 0;
  if (Folder folder(aside); folder.handle != nullptr) {
    while (const char* name = folder.next()) {
      if (++there >= kMaxDamaged) ::unlinkat(::dirfd(folder.handle), name, 0);
    }
  }
  const std::string path = path_of(hash);
  if (std::rename(path.c_str(), (aside + "/" + hash).c_str()) == 0) return true;
  ::unlink(path.c_str());
  return false;
}

BodyFiles::Check BodyFiles::check(const Body& body, std::string* bytes) const {
  const FileDescriptor file(::open(path_of(body.hash).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return errno == ENOENT ? Check::kMissing : Check::kUnreadable;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return Check::kUnreadable;
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != body.size)
    return Check::kDamaged;
  std::string own;
  std::string& piece = bytes != nullptr ? *bytes : own;
  piece.resize(std::min<uint64_t>(body.size, kPieceBytes));
  Sha256 sum;
  for (uint64_t done = 0; done < body.size;) {
    const ssize_t n = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Check::kUnreadable;
    if (n == 0) return Check::kDamaged;
    sum.add({piece.data(), static_cast<size_t>(n)});
    done += static_cast<uint64_t>(n);
    if (done < body.size && body.size <= kPieceBytes) return Check::kUnreadable;  // a short read
  }
  return sum.hex() == body.hash ? Check::kGood : Check::kDamaged;
}

bool BodyFiles::list(unsigned part, std::vector<File>& files) const {
  Folder folder(directory_ + "/bodies/" + part_name(part));
  if (folder.handle == nullptr) return errno == ENOENT;
  while (const char* name = folder.next()) {
    struct stat info {};
    if (::fstatat(::dirfd(folder.handle), name, &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
    files.push_back({name, static_cast<uint64_t>(info.st_size)});
  }
  return errno == 0;
}

std::string BodyFiles::part_name(unsigned part) {
  char text[3];
  std::snprintf(text, sizeof text, "%02x", part % kParts);
  return text;
}

int BodyFiles::probe() {
  const std::string path = directory_ + "/tmp/probe";
  ::unlink(path.c_str());
  const FileDescriptor file(make_file(path));
  if (file.get() < 0) return errno;
  const std::string bytes(kProbeBytes, '\0');
  int error = disk_.write(file.get(), bytes);
  if (error == 0) error = disk_.sync(file.get());
  ::unlink(path.c_str());
  return error;
}

}  // namespace holdfast::provision
