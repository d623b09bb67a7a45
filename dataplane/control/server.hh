// SPDX-License-Identifier: Apache-2.0
// Serves the control socket on the dataplane's slow thread; never blocks, everything is bounded.
//
// The owner polls epoll_fd() (readable: work is there) and then calls on_ready(). All calls,
// Reply's included, come from that one thread. Requests are decoded and checked before the handler
// sees them; hello, malformed frames and unknown operations never reach it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/control/messages.hh"
#include "media/result.hh"

namespace holdfast::control {

class ServerCore;
class ControlServer;

// The right to answer one request, now or later. Copies share it; the first answer counts, further
// ones do nothing. When the last copy goes unanswered, the client gets `internal`. Safe when the
// client or the server has gone: the answer is counted and dropped.
class Reply {
 public:
  void send(const CallReport&);      // call.add, call.delete
  void send(const LegReport&);       // leg.update
  void send(const CallPage&);        // call.list
  void send(const StatusReport&);    // status
  void send(const MinutePage&);      // minute.list
  void send(const CaptureBegun&);    // capture.start
  void send(const CapturePage&);     // capture.read, capture.stop
  void send(const CheckpointPage&);  // srtp.checkpoints
  void fail(ErrorCode code, std::string message);
  uint64_t client() const;  // who asked: a number that no other connection gets

 private:
  friend class ServerCore;
  struct Token;
  void send_object(const std::string& object);
  explicit Reply(std::shared_ptr<Token> token) : token_(std::move(token)) {}
  std::shared_ptr<Token> token_;
};

class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  // Called from on_ready(). The operation is never Hello. Must not destroy the server.
  virtual void handle(const Request& request, Reply reply) = 0;
  // A connection has ended, in whatever way; its number is that of Reply::client(). Answers nothing
  // and destroys nothing.
  virtual void on_client_gone(uint64_t /*client*/) {}
};

struct ServerOptions {
  size_t max_clients = 32;
  size_t max_pending = 64;                    // unanswered requests of a client; more wait unread
  size_t max_output_bytes = 4 * 1024 * 1024;  // of a client; over it, it is a slow reader
  uint32_t stall_ms = 10'000;                 // a client that takes no byte of its answers so long
};

class ControlServer {
 public:
  // Takes the lock `path`.lock, removes a stale socket, listens with mode 0600. The error is one
  // line, e.g. "another holdfast-dataplane (pid 42) already serves /run/holdfast/dataplane.sock".
  // The parent folder is created (0755) when it is missing. `handler` outlives the server.
  static Result<std::unique_ptr<ControlServer>, std::string> listen(
      const std::string& path, ControlHandler& handler, const ServerOptions& options = {});
  ~ControlServer();  // closes every client and removes the socket
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  int epoll_fd() const;
  void on_ready();  // never blocks; handles a bounded amount and leaves epoll_fd() readable if more

  size_t clients() const;
  std::vector<NamedCount> counters() const;  // every counter by name, zeroes included

 private:
  explicit ControlServer(std::shared_ptr<ServerCore> core);
  std::shared_ptr<ServerCore> core_;
};

}  // namespace holdfast::control
