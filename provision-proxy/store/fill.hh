// SPDX-License-Identifier: Apache-2.0
// A body that arrives: a temporary file, hashed as it grows, which several may follow.
//
// Network thread. A Fill that is not committed leaves nothing behind; those who follow it read on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "provision-proxy/store/disk.hh"
#include "provision-proxy/store/reader.hh"
#include "provision-proxy/store/sha256.hh"
#include "provision-proxy/store/store_error.hh"

namespace holdfast::provision {

// The file under its temporary name, which is taken away with the last who hold it unless the body
// has got its lasting name. Any thread may be the last.
class TemporaryFile : public FileDescriptor {
 public:
  TemporaryFile(int fd, std::string path) : FileDescriptor(fd), path_(std::move(path)) {}
  ~TemporaryFile();
  const std::string& path() const { return path_; }
  void placed() { placed_ = true; }

 private:
  const std::string path_;
  std::atomic<bool> placed_{false};
};

// Fills under way, and the trouble that they met; belongs to the store.
struct FillWatch {
  size_t open = 0;
  StoreError trouble = StoreError::kNone;  // kDiskFull or kDiskError, until the store has seen it
  std::string trouble_text;
};

class Fill {
 public:
  struct Limits {
    uint64_t max_bytes;
    size_t small_bytes;  // a body up to here is kept in memory too
  };
  // `file` null: it has failed with this error from the start.
  Fill(std::shared_ptr<TemporaryFile> file, StoreError error, Limits limits, Disk& disk,
       std::shared_ptr<FillWatch> watch);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  // False: error() says why, the followers end as failed, and it takes no more.
  bool write(std::span<const char> bytes);
  // The whole body has arrived: followers end as complete. False: it had failed.
  bool complete();
  // The rest will not come.
  void fail();
  // A complete one is not to be used: who has not read it to the end does not get the end.
  void reject() { end_with(StoreError::kDistrusted); }

  uint64_t size() const { return arrival_->size; }
  Arrival::End end() const { return arrival_->end; }
  StoreError error() const { return error_; }
  int fd() const { return file_ ? file_->get() : -1; }
  // Null if it has no file.
  std::unique_ptr<Reader> follow() const;

  // Of a complete one.
  const std::string& hash() const { return hash_; }
  // The whole body, if it is small; else null.
  std::shared_ptr<const std::string> bytes() const;
  const std::shared_ptr<TemporaryFile>& file() const { return file_; }

 private:
  void end_with(StoreError error);

  std::shared_ptr<TemporaryFile> file_;
  std::shared_ptr<Arrival> arrival_ = std::make_shared<Arrival>();
  std::shared_ptr<std::string> small_;
  Sha256 sum_;
  std::string hash_;
  StoreError error_;
  Limits limits_;
  Disk& disk_;
  std::shared_ptr<FillWatch> watch_;
};

}  // namespace holdfast::provision
