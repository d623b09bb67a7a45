// SPDX-License-Identifier: Apache-2.0
// Writes what arrives to the temporary file.
#include "provision-proxy/store/fill.hh"

#include <unistd.h>

#include <cstring>

namespace holdfast::provision {

TemporaryFile::~TemporaryFile() {
  if (!placed_) ::unlink(path_.c_str());
}

Fill::Fill(std::shared_ptr<TemporaryFile> file, StoreError error, Limits limits, Disk& disk,
           std::shared_ptr<FillWatch> watch)
    : file_(std::move(file)),
      small_(std::make_shared<std::string>()),
      error_(error),
      limits_(limits),
      disk_(disk),
      watch_(std::move(watch)) {
  ++watch_->open;
  if (!file_) arrival_->end = Arrival::End::kFailed;
}

Fill::~Fill() {
  fail();
  --watch_->open;
}

bool Fill::write(std::span<const char> bytes) {
  if (arrival_->end != Arrival::End::kNotYet) return false;
  if (bytes.size() > limits_.max_bytes - arrival_->size) {
    end_with(StoreError::kTooLarge);
    return false;
  }
  if (const int error = disk_.write(file_->get(), bytes); error != 0) {
    end_with(store_error_of(error));
    watch_->trouble = error_;
    watch_->trouble_text = std::string("a body cannot be written: ") + std::strerror(error);
    return false;
  }
  sum_.add(bytes);
  arrival_->size += bytes.size();
  if (arrival_->size > limits_.small_bytes) small_.reset();
  if (small_) small_->append(bytes.data(), bytes.size());
  return true;
}

bool Fill::complete() {
  if (arrival_->end == Arrival::End::kComplete) return true;
  if (arrival_->end == Arrival::End::kFailed) return false;
  hash_ = sum_.hex();
  if (!is_hash(hash_)) {
    end_with(StoreError::kDiskError);
    return false;
  }
  arrival_->end = Arrival::End::kComplete;
  return true;
}

void Fill::fail() {
  if (arrival_->end == Arrival::End::kNotYet) end_with(StoreError::kIncomplete);
}

void Fill::end_with(StoreError error) {
  error_ = error;
  arrival_->end = Arrival::End::kFailed;
  small_.reset();
}

std::unique_ptr<Reader> Fill::follow() const {
  return file_ ? std::make_unique<Reader>(file_, arrival_) : nullptr;
}

std::shared_ptr<const std::string> Fill::bytes() const {
  return arrival_->end == Arrival::End::kComplete ? small_ : nullptr;
}

}  // namespace holdfast::provision
