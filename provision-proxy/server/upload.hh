// SPDX-License-Identifier: Apache-2.0
// The body of one request: how much of it there is, taken out of what the connection has read.
// Pure, but for the handle that a handler holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "provision-proxy/http/chunked.hh"
#include "provision-proxy/http/request_head.hh"
#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/server/read_buffer.hh"

namespace holdfast::provision {

enum class UploadState : uint8_t {
  kBytes,  // a piece, in the buffer
  kNeedsMore,
  kEnd,
  kMalformed  // broken chunks, or too many
};

// Where a body ends. Framing `none` is a body that has ended.
class UploadReader {
 public:
  // `max_bytes`: of chunks; a length has been held against it before.
  void start(Framing framing, uint64_t content_length, uint64_t max_bytes);

  // The next piece; what it was made of is consumed, and the views stay good until the buffer is
  // prepared for more.
  UploadState next(ReadBuffer& from, std::string_view& piece);
  // Neither bytes nor a last chunk are to come.
  bool done() const { return framing_ == Framing::none; }
  // Bytes that are to come at least.
  uint64_t left() const { return framing_ == Framing::length ? left_ : 0; }
  ChunkRefusal refusal() const { return chunks_.refusal(); }

 private:
  Framing framing_ = Framing::none;
  uint64_t left_ = 0;
  ChunkedDecoder chunks_{0};
};

class UploadSource {
 public:
  // Of the request with that number.
  virtual void next_upload(uint64_t request, std::function<void(BodyPiece)> then) = 0;

 protected:
  ~UploadSource() = default;
};

// What the handler holds of an upload.
class Upload final : public RequestBody {
 public:
  Upload(std::weak_ptr<UploadSource> source, uint64_t request, std::optional<uint64_t> length)
      : source_(std::move(source)), request_(request), length_(length) {}

  std::optional<uint64_t> length() const override { return length_; }
  void next(std::function<void(BodyPiece)> then) override {
    if (const auto source = source_.lock()) {
      source->next_upload(request_, std::move(then));
    } else {
      then({BodyState::kFailed, {}});
    }
  }

 private:
  std::weak_ptr<UploadSource> source_;
  uint64_t request_;
  std::optional<uint64_t> length_;
};

}  // namespace holdfast::provision
