// SPDX-License-Identifier: Apache-2.0
// Uploads of phones while the centre is away: on disk, in order, bounded.
//
// For one thread; it waits for the disk, so that is not the network thread. An upload is one file:
// temporary name, fsync, rename, fsync of the folder. What add() accepted survives a power cut, and
// may be replayed twice after one (which PUT bears), never lost. A full spool refuses what must
// reach the centre; logs make room for that, and for newer logs of their phone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/result.hh"
#include "provision-proxy/spool/upload.hh"
#include "provision-proxy/store/disk.hh"

namespace holdfast::provision {

struct SpoolConfig {
  std::string directory;
  uint64_t max_bytes = uint64_t{64} << 20;  // of all files
  size_t max_uploads = 4096;
  uint64_t max_upload_bytes = uint64_t{4} << 20;     // of one body
  uint64_t max_phone_bytes = uint64_t{8} << 20;      // of one phone's, logs aside
  size_t max_phone_uploads = 64;                     // likewise
  uint64_t max_phone_log_bytes = uint64_t{2} << 20;  // of one phone's ring
  size_t max_phone_logs = 32;
};

// X(name, text)
#define HOLDFAST_SPOOL_RESULTS(X)                                \
  X(kept, "kept")                                                \
  X(too_large, "larger than one upload may be")                  \
  X(phone_full, "the phone has as much there as one phone may")  \
  X(full, "no room")                                             \
  X(unwritable, "its fields cannot be written down as they are") \
  X(disk_error, "the disk is full or fails")

enum class SpoolResult : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_SPOOL_RESULTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(SpoolResult result);
std::string_view text_of(SpoolResult result);

struct SpoolStatus {
  size_t uploads = 0, logs = 0;  // there now; `uploads` without logs
  uint64_t bytes = 0;
  std::array<uint64_t, static_cast<size_t>(SpoolResult::count)> results{};
  uint64_t logs_dropped = 0;  // to make room
  uint64_t damaged = 0;       // files that were none, moved aside
  uint64_t finished = 0;      // finish() was called
};

class Spool {
 public:
  // What is there, without its body and fields.
  struct Item {
    uint64_t number = 0;
    SpoolKind kind = SpoolKind::replay;
    int64_t at_ms = 0;
    std::string origin, phone, method, target;
    uint64_t bytes = 0;       // of the file
    uint64_t body_bytes = 0;  // of what the phone wrote
  };
  // A file that was found damaged; whose it was, if that is known.
  struct Damage {
    std::string file, phone, target;
  };

  // Reads in what is there. Only a directory that cannot be used is an error.
  static Result<std::unique_ptr<Spool>, std::string> open(SpoolConfig config,
                                                          Disk& disk = Disk::real());

  // Its number is given by the spool.
  SpoolResult add(Upload upload);
  // The oldest for this origin, which is the next to be replayed; null: none.
  const Item* next(std::string_view origin) const;
  // The newest of this phone and target: what the phone is given that asks for it back.
  const Item* newest(std::string_view origin, std::string_view phone,
                     std::string_view target) const;
  // From disk, checked. None: it cannot be read now, or was damaged and is moved aside, so that it
  // is not among the items any more.
  std::optional<Upload> read(uint64_t number);
  // The centre has it, or will never take it. False: a restart may bring it back.
  bool finish(uint64_t number);
  // Numbers of the items that have gone since the last call, for whatever reason.
  std::vector<uint64_t> take_gone() { return std::exchange(gone_, {}); }

  // Files that were moved aside since the last call.
  std::vector<Damage> take_damage() { return std::exchange(damage_, {}); }

  const std::map<uint64_t, Item>& items() const { return items_; }  // in order
  SpoolStatus status() const;

 private:
  struct Share {
    uint64_t bytes = 0;
    size_t number = 0;
  };
  Spool(SpoolConfig config, Disk& disk) : config_(std::move(config)), disk_(disk) {}

  std::string load();
  void load_file(const std::string& name);
  Share share_of(const std::string* phone, SpoolKind kind) const;  // null: of all phones
  SpoolResult judge(const Upload& upload, uint64_t bytes);         // makes room by dropping logs
  void drop_log(const std::string* phone);
  bool remove(uint64_t number);
  bool write(uint64_t number, std::string_view bytes);
  bool sync_directory();
  std::string path_of(uint64_t number, std::string_view ending) const;
  void put_aside(uint64_t number);
  void insert(const Upload& upload, uint64_t bytes);
  void erase(uint64_t number);

  SpoolConfig config_;
  Disk& disk_;
  std::map<uint64_t, Item> items_;
  std::vector<uint64_t> gone_;
  std::vector<Damage> damage_;
  uint64_t bytes_ = 0, next_number_ = 1;
  SpoolStatus status_;
};

}  // namespace holdfast::provision
