// SPDX-License-Identifier: Apache-2.0
// The inside of ControlServer: clients, their buffers, and the counters of all that goes wrong.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/control/frame.hh"
#include "dataplane/control/listener.hh"
#include "dataplane/control/server.hh"

namespace holdfast::control {

#define HOLDFAST_CONTROL_COUNTERS(X)                                    \
  X(kAccepted, "accepted")                                              \
  X(kRequests, "requests")             /* decoded and handed on */      \
  X(kAnswers, "answers")               /* ok and refusals */            \
  X(kRefused, "refused")               /* of the answers */             \
  X(kBadFrames, "bad_frames")          /* bad_json */                   \
  X(kBadRequests, "bad_requests")      /* bad_request, unknown_op */    \
  X(kUnanswered, "unanswered")         /* the handler let a reply go */ \
  X(kAnswersToGone, "answers_to_gone") /* the client had left */        \
  X(kClosedByPeer, "closed_by_peer")                                    \
  X(kClosedTooMany, "closed_too_many_clients")                          \
  X(kClosedTooLarge, "closed_too_large")                                \
  X(kClosedSlowReader, "closed_slow_reader")                            \
  X(kClosedProtocol, "closed_wrong_protocol")                           \
  X(kAcceptFailed, "accept_failed") /* out of file descriptors */

enum class Counter : uint8_t {
#define X(id, name) id,
  HOLDFAST_CONTROL_COUNTERS(X)
#undef X
      kCount
};

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  ServerCore(std::unique_ptr<Listener> listener, ControlHandler& handler,
             const ServerOptions& options);

  std::string start();  // empty, or what failed
  int epoll_fd() const { return epoll_.get(); }
  void on_ready();
  // `members` is a JSON object; its members follow id and ok.
  void answer(uint64_t client_id, uint64_t request_id, std::string_view members);
  void refuse(uint64_t client_id, std::optional<uint64_t> request_id, const Error& error);
  void release(uint64_t client_id);  // one request of the client is no longer pending
  void count(Counter counter) { ++counters_[static_cast<size_t>(counter)]; }
  size_t clients() const { return clients_.size(); }
  std::vector<NamedCount> counters() const;

 private:
  struct Client {
    uint64_t id = 0;
    Fd fd;
    FrameReader in;
    std::string out;
    size_t out_sent = 0;  // bytes of `out` that the socket took
    size_t pending = 0;   // requests without an answer yet
    uint32_t stalled_ticks = 0;
    uint32_t interest = 0;  // epoll events asked for
    bool greeted = false;   // sent a good hello
    bool closing = false;   // reads no more; closes when `out` is empty
    bool dead = false;      // to be removed; touched no more

    size_t unsent() const { return out.size() - out_sent; }
  };

  void accept_some();
  void refuse_client(int fd);
  void tick();
  void on_client(Client& client, uint32_t events);
  void read_some(Client& client);
  void serve_frames(Client& client);
  void serve(Client& client, std::string_view body);
  void greet(Client& client, uint64_t request_id, const Hello& hello);
  void flush(Client& client);
  void queue(Client& client, std::string_view body);
  void end(Client& client, Counter why);
  void settle(Client& client);
  bool may_read(const Client& client) const;
  void ask_for(Client& client, uint32_t interest);
  void listen_events(uint32_t events);
  void set_timer(bool on);

  std::unique_ptr<Listener> listener_;
  ControlHandler& handler_;
  ServerOptions options_;
  Fd epoll_;
  Fd timer_;
  bool listening_ = false;
  bool timer_on_ = false;  // only while something waits, so that an idle server sleeps
  uint64_t next_id_;
  std::map<uint64_t, Client> clients_;
  std::array<uint64_t, static_cast<size_t>(Counter::kCount)> counters_{};
};

// The bodies of frames that are no answer to a decoded request.
std::string refusal_body(std::optional<uint64_t> id, const Error& error);
std::string greeting_body();

}  // namespace holdfast::control
