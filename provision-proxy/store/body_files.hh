// SPDX-License-Identifier: Apache-2.0
// The store's directory: bodies by their hash, temporary files, and what was set aside.
//
//   index.db, index.db-wal    the index
//   bodies/ab/HASH            whole bodies, never changed once they have this name
//   tmp/NUMBER                bodies that arrive; of a dead process: removed at the next start
//   damaged/HASH              bodies that are not what their name says; the last few
//   lock                      held by the one process that uses the store
//
// Directories have mode 0700, files 0600. Writer thread, but for what is said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provision-proxy/store/disk.hh"
#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

class BodyFiles {
 public:
  static constexpr unsigned kParts = 256;    // folders below bodies/, by the first two digits
  static constexpr size_t kMaxDamaged = 16;  // kept for whoever wants to look at them

  BodyFiles(std::string directory, Disk& disk) : directory_(std::move(directory)), disk_(disk) {}

  // Makes and locks the directory, removes the temporary files of before. The error, or empty.
  // Before the writer thread starts.
  std::string prepare(size_t& temporaries_removed);

  // Any thread.
  std::string index_path() const { return directory_ + "/index.db"; }
  std::string temporary_path(uint64_t number) const;
  std::string path_of(std::string_view hash) const;
  // A new empty file, or -1 with errno.
  static int make_file(const std::string& path);

  // Syncs the file and gives it its name; sync_folders() makes the names of all that were placed
  // since then lasting. 0 or errno.
  int place(int fd, const std::string& temporary, const std::string& hash);
  int sync_folders();

  void remove(std::string_view hash);
  // To damaged/. False: it could not be moved, and was removed.
  bool set_aside(const std::string& hash);

  // Any thread. Size and hash; up to 256 KiB the bytes themselves, if wanted.
  enum class Check : uint8_t { kGood, kMissing, kDamaged, kUnreadable };
  Check check(const Body& body, std::string* bytes = nullptr) const;

  struct File {
    std::string name;
    uint64_t size = 0;
  };
  // What lies in one of the folders; false: it cannot be read.
  bool list(unsigned part, std::vector<File>& files) const;
  static std::string part_name(unsigned part);

  // Whether the disk takes data again: writes, syncs and removes a file of some size. 0 or errno.
  int probe();

 private:
  int sync_folder(const std::string& path);

  std::string directory_;
  Disk& disk_;
  std::set<std::string> unsynced_;  // folders
  std::unique_ptr<FileDescriptor> lock_;
};

}  // namespace holdfast::provision
