// SPDX-License-Identifier: Apache-2.0
// The dataplane's asynchronous client on the SIP loop.
#pragma once

#include <string>

#include "dataplane/client/async_client.hh"
#include "sip/loop.hh"

namespace holdfast::sip {

class DataplaneLink final : private control::ClientLoop {
 public:
  // The loop outlives the link.
  DataplaneLink(Loop& loop, std::string path, control::AsyncOptions options)
      : loop_(loop), client_(*this, std::move(path), options) {}
  ~DataplaneLink() override;
  DataplaneLink(const DataplaneLink&) = delete;
  DataplaneLink& operator=(const DataplaneLink&) = delete;

  control::AsyncClient& client() { return client_; }
  const control::AsyncClient& client() const { return client_; }

 private:
  uint64_t now_ms() const override { return loop_.now_ms(); }
  bool watch(int fd, bool writable) override;
  void unwatch() override;
  void wake_at(uint64_t ms) override;

  Loop& loop_;
  Loop::Handle watched_ = 0;
  int fd_ = -1;
  Loop::Handle timer_ = 0;
  uint64_t timer_ms_ = 0;
  control::AsyncClient client_;  // last: it unwatches when it goes
};

}  // namespace holdfast::sip
