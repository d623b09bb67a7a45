// SPDX-License-Identifier: Apache-2.0
// One connection of a phone: requests in, one at a time and in order, answers out. Asio thread.
#pragma once

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>

#include "provision-proxy/http/request_head.hh"
#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/server/answer_head.hh"
#include "provision-proxy/server/channel.hh"
#include "provision-proxy/server/counters.hh"
#include "provision-proxy/server/limits.hh"
#include "provision-proxy/server/progress.hh"
#include "provision-proxy/server/read_buffer.hh"
#include "provision-proxy/server/upload.hh"

namespace holdfast::provision {

class Connection;

// What all connections of a listener share. Outlives none of them: a closed connection does not
// touch it.
struct ConnectionContext {
  RequestHandler* handler = nullptr;
  const ServerLimits* limits = nullptr;
  const Progress::Time* now = nullptr;  // as of the last look at the clock, at most a tick ago
  ListenerCounters* counters = nullptr;
  RequestHead* head = nullptr;  // room for the one that is being parsed
  size_t listener = 0;
  bool draining = false;  // each answer is the last of its connection
  std::function<void(Connection&)> closed;
};

class Connection final : public UploadSource, public std::enable_shared_from_this<Connection> {
 public:
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

  Connection(Socket socket, std::unique_ptr<Channel> channel, ConnectionContext& context,
             const SocketAddress& peer, const SocketAddress& local);

  void start();
  // Ends what has taken too long.
  void look_at_clock();
  // Ends it now; an answer under way is cut off so that the phone can tell.
  void stop();
  // Ends it if it waits for a request, or else after the answer.
  void drain();

  const SocketAddress& peer() const { return peer_; }
  std::list<std::shared_ptr<Connection>>::iterator place;  // the server's

  void next_upload(uint64_t request, std::function<void(BodyPiece)> then) override;

 private:
  enum class State : uint8_t {
    kHandshake,
    kHead,        // waits for a request head, or has a part of it
    kHandling,    // the handler has the request; it may read the upload
    kAnswering,   // it has answered
    kDiscarding,  // what nobody wanted of the upload is read away
    kLingering,   // all is said; waits for the phone to end its side
    kClosed
  };
  enum class Fill : uint8_t { kGot, kWaits, kEnd, kFailed };
  using Then = std::function<void(BodyPiece)>;

  // ---- turns (connection.cc)
  void run();
  void run_later();
  bool step();
  bool step_handshake();
  bool step_linger();
  Fill fill(size_t capacity);
  void wait_to_read();
  void wait_to_write();
  void yield();
  void linger();
  void close(bool aborted);

  // ---- requests (connection_request.cc)
  bool step_head();
  bool parse_head();
  void begin_request(const RequestHead& head);
  void next_request();
  bool step_upload();
  bool step_discard();
  bool take_upload_piece(UploadState state, std::string_view piece);
  bool ask_for_upload();
  void upload_broke(int status, std::string_view text);
  void end_upload();

  // ---- answers (connection_answer.cc)
  void on_interim(uint64_t request, int status, const Fields& fields);
  void on_reply(uint64_t request, Answer answer);
  void refuse(int status, std::string_view text);
  void begin_answer();
  bool must_close() const;
  bool step_write();
  bool write_some();
  bool ask_for_piece();
  void on_piece(const BodyPiece& piece);
  void finish_answer();
  void fail_body(uint64_t& counter);

  // Of this connection alone; hot ones first.
  State state_ = State::kHandshake;
  bool running_ = false, again_ = false, yielded_ = false;
  bool waits_to_read_ = false, waits_to_write_ = false;
  bool drained_ = true;        // the socket had no more when it was last read
  bool worth_a_parse_ = true;  // since the last time a line has come
  bool served_ = false;        // a request at least
  size_t turn_requests_ = 0, turn_bytes_ = 0;
  ConnectionContext& context_;
  Socket socket_;
  std::unique_ptr<Channel> channel_;
  ReadBuffer in_;
  Progress::Time deadline_;  // of handshake, head, keep-alive, lingering
  SocketAddress peer_, local_;
  TlsPeer tls_;

  // The request under way.
  uint64_t request_ = 0;
  AnswerForm form_;
  bool keep_alive_ = true;
  bool owes_continue_ = false;  // the phone waits for 100 before it sends its upload
  UploadReader upload_;
  Then upload_then_;
  Progress upload_progress_;
  size_t discarded_ = 0;

  // Its answer.
  std::string text_;  // interim answers, head, chunk lines
  size_t text_at_ = 0;
  std::span<const char> data_;
  Answer answer_;
  AnswerFrame frame_;
  uint64_t body_left_ = 0;  // of BodyFraming::kLength
  bool body_ended_ = true, body_failed_ = false, piece_pending_ = false;
  bool owes_chunk_end_ = false;
  Progress write_progress_;
};

}  // namespace holdfast::provision
