// SPDX-License-Identifier: Apache-2.0
// The body of a phone's upload, as a transfer takes it.
//
// Asio thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {

class UploadSource final : public BodySource {
 public:
  // `news`: there is more to read after `wait` was said.
  UploadSource(std::shared_ptr<RequestBody> body, std::function<void()> news)
      : body_(std::move(body)), news_(std::move(news)) {}

  std::optional<uint64_t> size() const override { return body_->length(); }
  Read read(std::span<char> into) override;

 private:
  void ask();

  std::shared_ptr<RequestBody> body_;
  std::function<void()> news_;
  std::string piece_;
  size_t at_ = 0;
  State state_ = State::wait;  // `piece`: some is left
  bool asking_ = false, in_read_ = false;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace holdfast::provision
