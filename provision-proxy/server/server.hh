// SPDX-License-Identifier: Apache-2.0
// Where phones come in: listeners over IPv4 and IPv6, plain and TLS, with bounds on all that a
// phone can take up.
//
// One thread: that which runs the io_context. Requests go to the handler, one at a time of each
// connection, in order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.hh"
#include "media/address.hh"
#include "media/result.hh"
#include "provision-proxy/config/provision_config.hh"
#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/server/counters.hh"
#include "provision-proxy/server/limits.hh"

namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

class Server {
 public:
  // Binds all addresses of all listeners, and reads their certificates. The error is one line that
  // names the listener. Request::listener is the place in `listeners`; a port of 0 is one that the
  // kernel chooses. The handler and the io_context outlive the server.
  static Result<std::unique_ptr<Server>, std::string> start(
      boost::asio::io_context& io, std::vector<config::ProvisionListenerConfig> listeners,
      const ServerLimits& limits, RequestHandler& handler, Logger log, ServerClock clock = {});
  // Ends every connection. A reply that comes later is dropped.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Reads certificates, keys and client CAs again, for connections to come. One line that says what
  // is wrong, and then all stays as it was; empty if it went well.
  std::string reload();
  // No new connections; those that wait for a request end, the others after their answer.
  void drain();

  // Where it listens, in the order of the configuration.
  std::vector<SocketAddress> addresses(size_t listener) const;
  const ListenerCounters& counters(size_t listener) const;
  size_t listeners() const;
  size_t open_connections() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
