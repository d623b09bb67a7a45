// SPDX-License-Identifier: Apache-2.0
// Reads up to what has arrived, never beyond.
#include "provision-proxy/store/reader.hh"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast::provision {

Reader::Reader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {
  arrival_ = std::make_shared<const Arrival>(Arrival{bytes_->size(), Arrival::End::kComplete});
}

Piece Reader::read(uint64_t offset, std::span<char> into) const {
  const uint64_t left = arrival_->size - std::min(offset, arrival_->size);
  if (left == 0) {
    if (arrival_->end == Arrival::End::kNotYet) return {ReadState::kWait, 0};
    if (arrival_->end == Arrival::End::kComplete) return {ReadState::kEnd, 0};
    return {ReadState::kFailed, 0};
  }
  const size_t wanted = std::min<uint64_t>(left, into.size());
  if (bytes_) {
    std::memcpy(into.data(), bytes_->data() + offset, wanted);
    return {ReadState::kData, wanted};
  }
  ssize_t n = 0;
  do {
    n = ::pread(file_->get(), into.data(), wanted, static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  // Nothing where there must be something: somebody cut the file, or the disk fails.
  if (n <= 0 && wanted > 0) return {ReadState::kFailed, 0};
  return {ReadState::kData, static_cast<size_t>(n)};
}

}  // namespace holdfast::provision
