// SPDX-License-Identifier: Apache-2.0
// A server on the loopback with a scripted handler and a clock of the test's own, and phones as raw
// sockets. All in one thread: whoever waits turns the io_context meanwhile.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "provision-proxy/server/server.hh"

namespace holdfast::provision::test {

// Answers by the path of the target; what it does not know is 404.
class ScriptedHandler final : public RequestHandler {
 public:
  struct Seen {
    Request request;
    Interim interim;
    Reply reply;
  };
  using Script = std::function<void(Seen)>;

  void handle(Request request, Interim interim, Reply reply) override;

  std::map<std::string, Script> scripts;
  std::vector<std::string> seen;  // "GET /path"
};

// A whole body in memory.
Answer text_answer(const std::string& text, int status = 200);

// A body in pieces: those that are there are given at once, later ones when they come.
class PieceBody final : public AnswerBody {
 public:
  struct Pieces {
    std::vector<std::string> ready;
    bool end = false, failed = false;
    size_t given = 0;
    bool destroyed = false;
    std::function<void(BodyPiece)> waiting;

    void give();
    void add(const std::string& piece);
    void finish(bool good = true);
  };

  explicit PieceBody(std::shared_ptr<Pieces> pieces) : pieces_(std::move(pieces)) {}
  ~PieceBody() override;
  void next(std::function<void(BodyPiece)> then) override;

 private:
  std::shared_ptr<Pieces> pieces_;
};

// Reads an upload to its end and hands the whole over, or nothing if it failed.
void read_upload(const std::shared_ptr<RequestBody>& body,
                 std::function<void(std::optional<std::string>)> then);

class ServerTest : public testing::Test {
 protected:
  static constexpr int kPatienceMs = 10'000;  // of the test, in real time: a failure, no sleep

  void TearDown() override { server_.reset(); }

  void start(std::vector<config::ProvisionListenerConfig> listeners);
  void start() { start({plain()}); }
  static config::ProvisionListenerConfig plain(const std::string& address = "127.0.0.1");

  // Turns the io_context until `done`; a test that waits in vain fails.
  bool wait(const std::function<bool()>& done);
  void turn() { io_.poll(); }
  // A while in which nothing is to happen: so many turns.
  void turn_often();
  void advance(std::chrono::milliseconds time) { now_ += time; }

  const ListenerCounters& counters(size_t listener = 0) const {
    return server_->counters(listener);
  }

  ServerLimits limits_;
  ScriptedHandler handler_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  boost::asio::io_context io_;
  std::unique_ptr<Server> server_;
  std::string log_;

  friend class Phone;
};

// A raw socket that does not block.
class Phone {
 public:
  explicit Phone(ServerTest& test, size_t listener = 0, size_t address = 0, int receive_bytes = 0);
  ~Phone();
  Phone(const Phone&) = delete;
  Phone& operator=(const Phone&) = delete;

  // Sends all of it, while the server turns.
  void send(const std::string& bytes);
  // Sends what the socket takes; how much that was.
  size_t send_some(const std::string& bytes);
  void end_sending();
  void read_available();
  // Until that is among what was received.
  bool wait_for(const std::string& text);
  bool wait_for_size(size_t bytes);
  // Until the server has ended the connection; all that was received.
  std::string rest();
  // Ended by a reset: what came is not whole.
  bool was_reset() const { return reset_; }
  bool has_ended() const { return ended_; }
  // What was received and not taken yet.
  const std::string& received() const { return received_; }
  std::string take();
  int fd() const { return fd_; }

 private:
  ServerTest& test_;
  int fd_;
  std::string received_;
  bool ended_ = false, reset_ = false;
};

std::string request(const std::string& line, const std::string& more = "");
// The decoded body of the one answer in `bytes`; nothing if it is not whole.
std::optional<std::string> body_of(const std::string& bytes);
size_t count_of(const std::string& text, const std::string& part);

}  // namespace holdfast::provision::test
