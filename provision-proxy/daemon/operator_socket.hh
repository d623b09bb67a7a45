// SPDX-License-Identifier: Apache-2.0
// The operator's UNIX socket: one HTTP request for each connection, answered with JSON.
//
// Asio thread. Root alone can open it (mode 0600).
#pragma once

#include <memory>
#include <string>

#include "media/result.hh"

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

class OperatorApi;

class OperatorSocket {
 public:
  static constexpr size_t kMaxClients = 16;

  // Takes the place of a socket that a dead process left. The API outlives it.
  static Result<std::unique_ptr<OperatorSocket>, std::string> start(boost::asio::io_context& io,
                                                                    const std::string& path,
                                                                    OperatorApi& api);
  ~OperatorSocket();
  OperatorSocket(const OperatorSocket&) = delete;
  OperatorSocket& operator=(const OperatorSocket&) = delete;

 private:
  class Impl;
  explicit OperatorSocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
