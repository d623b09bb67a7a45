// SPDX-License-Identifier: Apache-2.0
// The admin thread: HTTP for the page on a TCP port, and for the command on a UNIX socket.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "control/admin/snapshot.hh"
#include "control/config/site_config.hh"
#include "media/result.hh"

namespace holdfast::admin {

inline constexpr size_t kMaxConnections = 32;

struct ServerTimes {
  uint32_t request_ms = 5000;   // for all of a request to come
  uint32_t answer_ms = 3000;    // for the SIP loop
  uint32_t response_ms = 5000;  // for the client to take it
};

class Server {
 public:
  // Opens both doors; the error is one line. `sources` must work until the server is gone.
  static Result<std::unique_ptr<Server>, std::string> start(const config::AdminConfig& config,
                                                            Sources sources,
                                                            const ServerTimes& times = {});
  // Drops what is under way.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // With the port that it has got.
  SocketAddress page_address() const;
  // Requests answered, and refusals by name.
  std::map<std::string, uint64_t> counters() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::admin
