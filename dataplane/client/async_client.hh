// SPDX-License-Identifier: Apache-2.0
// A client of the dataplane's control socket for an event loop: never waits, connects by itself.
//
// On its loop's thread only. It is up once the dataplane has greeted it, and goes down when the
// connection is lost or an answer is late: a dataplane that hangs costs each request its time once,
// and nothing more until it has answered all that it still owes. What was asked of it by then may
// or may not have been carried out, so after each on_up its list is to be read. Everything is
// bounded: requests, bytes, time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/client/answers.hh"
#include "dataplane/client/client_loop.hh"
#include "dataplane/control/frame.hh"
#include "dataplane/control/messages.hh"
#include "media/result.hh"

namespace holdfast::control {

struct AsyncOptions {
  uint32_t answer_timeout_ms = 400;     // of a request once it is sent, and before it is
  uint32_t greeting_timeout_ms = 2000;  // of a fresh connection
  uint32_t first_retry_ms = 20;         // to connect again; doubles up to
  uint32_t max_retry_ms = 200;
  uint32_t hang_ms = 10000;    // of hanging, until another connection is tried
  size_t max_requests = 8192;  // without an answer
  size_t max_sent = 32;        // of these, sent; the server reads 64 ahead
};

class AsyncClient {
 public:
  template <typename T>
  using Done = std::function<void(Result<T, ClientError>)>;

  struct Counters {
    uint64_t connections = 0;  // that were greeted
    uint64_t requests = 0;
    uint64_t late = 0;          // requests whose answer did not come in time
    uint64_t late_answers = 0;  // answers that came after that
    uint64_t refused_full = 0;  // requests beyond max_requests
  };

  // The loop outlives the client.
  AsyncClient(ClientLoop& loop, std::string path, AsyncOptions options = {});
  // No callback is called any more. Not from within a callback.
  ~AsyncClient();
  AsyncClient(const AsyncClient&) = delete;
  AsyncClient& operator=(const AsyncClient&) = delete;

  // Begins to connect. Of a connection that never came up nobody is told; last_error() has it.
  void start(std::function<void()> on_up, std::function<void(const ClientError&)> on_down);

  // `done` is called once: with kUnreachable at once while it is down, and in the order of the
  // requests but for what the dataplane answers out of order. May be called from callbacks.
  void request(const Operation& operation, Done<nlohmann::json> done);
  void add(const CallAdd& request, Done<CallReport> done);
  void update(const LegUpdate& request, Done<LegReport> done);
  void remove(const CallDelete& request, Done<CallReport> done);
  void status(Done<StatusReport> done);
  void list(const CallList& page, Done<ListedCalls> done);
  void minutes(const MinuteList& page, Done<MinutePage> done);
  void checkpoints(const CheckpointList& page, Done<CheckpointPage> done);

  bool is_up() const { return phase_ == Phase::up; }
  const std::string& server_version() const { return version_; }  // of the last one; empty: none
  const std::optional<ClientError>& last_error() const { return last_error_; }
  const Counters& counters() const { return counters_; }

  // For the loop.
  void on_ready();
  void on_time();

 private:
  enum class Phase : uint8_t { unconnected, greeting, hello, up, hanging };
  struct Pending {
    uint64_t id = 0;
    media::WipedString body;   // until it is sent
    uint64_t deadline_ms = 0;  // to be sent, then to be answered
    Done<nlohmann::json> done;
  };

  void connect();
  void disconnect(const ClientError& why);
  void go_down(const ClientError& why);
  void say_hello();
  bool receive();  // false: the connection has gone
  bool take_frame(std::string_view body);
  bool take_answer(uint64_t id, nlohmann::json answer);
  void pump();  // sends what may be sent
  void write();
  void expire();
  void arm();

  ClientLoop& loop_;
  std::string path_;
  AsyncOptions options_;
  std::function<void()> on_up_;
  std::function<void(const ClientError&)> on_down_;
  Phase phase_ = Phase::unconnected;
  int fd_ = -1;
  bool watching_writable_ = false;
  FrameReader in_;
  media::WipedString out_;  // begun frames are finished, whatever happens to their requests
  size_t written_ = 0;
  uint64_t last_id_ = 0;
  std::deque<Pending> waiting_;
  std::map<uint64_t, Pending> sent_;  // at most max_sent
  std::set<uint64_t> owed_;           // answers that are late; hanging while there are any
  uint64_t phase_deadline_ms_ = 0;    // of every phase but up
  uint32_t retry_ms_;
  std::string version_;
  std::optional<ClientError> last_error_;
  Counters counters_;
};

}  // namespace holdfast::control
