// SPDX-License-Identifier: Apache-2.0
// The turns of a connection: it runs until it waits for its socket or its handler, but never so
// long that others wait for it.
#include "provision-proxy/server/connection.hh"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace holdfast::provision {

namespace asio = boost::asio;

Connection::Connection(Socket socket, std::unique_ptr<Channel> channel, ConnectionContext& context,
                       const SocketAddress& peer, const SocketAddress& local)
    : context_(context),
      socket_(std::move(socket)),
      channel_(std::move(channel)),
      peer_(peer),
      local_(local) {}

void Connection::start() {
  deadline_ = *context_.now + context_.limits->handshake;
  run();
}

// Whatever has happened: one step after the other until there is none. Steps call the handler,
// which may call back at once; that only notes that there is more to do.
void Connection::run() {
  again_ = true;
  if (running_ || yielded_) return;
  const auto self = shared_from_this();
  running_ = true;
  turn_requests_ = turn_bytes_ = 0;
  while (again_ && state_ != State::kClosed) {
    again_ = false;
    while (state_ != State::kClosed && step()) {
      if (turn_requests_ < kTurnRequests && turn_bytes_ < kTurnBytes) continue;
      yield();
      running_ = false;
      return;
    }
  }
  running_ = false;
}

// For what the handler calls: it is not called back before it has returned, and what it has made is
// not destroyed while it is in there.
void Connection::run_later() {
  if (running_) {
    again_ = true;
  } else if (!yielded_ && state_ != State::kClosed) {
    yield();
  }
}

void Connection::yield() {
  yielded_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->yielded_ = false;
    self->run();
  });
}

// Whether something moved.
bool Connection::step() {
  switch (state_) {
    case State::kHandshake:
      return step_handshake();
    case State::kHead:
      return step_head();
    case State::kHandling:
    case State::kAnswering: {
      const bool moved = step_upload();
      if (state_ != State::kHandling && state_ != State::kAnswering) return true;
      return step_write() || moved;
    }
    case State::kDiscarding:
      return step_discard();
    case State::kLingering:
      return step_linger();
    case State::kClosed:
      break;
  }
  return false;
}

bool Connection::step_handshake() {
  switch (channel_->handshake()) {
    case IoState::kWantsRead:
      wait_to_read();
      return false;
    case IoState::kWantsWrite:
      wait_to_write();
      return false;
    case IoState::kDone:
      break;
    default:
      ++context_.counters->handshakes_failed;
      close(false);
      return true;
  }
  tls_ = channel_->tls_peer();
  auto& counters = *context_.counters;
  counters.handshakes += tls_.tls ? 1 : 0;
  counters.handshakes_resumed += tls_.resumed ? 1 : 0;
  counters.certificates_good += tls_.good ? 1 : 0;
  counters.certificates_bad += tls_.certificate && !tls_.good ? 1 : 0;
  counters.certificates_expired += tls_.expired ? 1 : 0;
  counters.certificates_nameless += tls_.good && !tls_.mac ? 1 : 0;
  state_ = State::kHead;
  drained_ = false;  // most phones send their request with the last bytes of the handshake
  deadline_ = *context_.now + context_.limits->head;
  return true;
}

// Reads once, into a buffer of that size.
Connection::Fill Connection::fill(size_t capacity) {
  if (drained_ && !channel_->has_pending()) {
    wait_to_read();
    return Fill::kWaits;
  }
  const auto room = in_.prepare(std::max(capacity, in_.capacity()));
  const auto read = channel_->read(room);
  switch (read.state) {
    case IoState::kDone:
      in_.commit(read.bytes);
      drained_ = read.bytes < room.size();
      context_.counters->bytes_in += read.bytes;
      turn_bytes_ += read.bytes;
      return Fill::kGot;
    case IoState::kWantsRead:
      wait_to_read();
      return Fill::kWaits;
    case IoState::kWantsWrite:
      wait_to_write();
      return Fill::kWaits;
    case IoState::kEnd:
      return Fill::kEnd;
    case IoState::kFailed:
      break;
  }
  return Fill::kFailed;
}

void Connection::wait_to_read() {
  if (waits_to_read_) return;
  waits_to_read_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->waits_to_read_ = self->drained_ = false;
                       if (error != asio::error::operation_aborted) self->run();
                     });
}

void Connection::wait_to_write() {
  if (waits_to_write_) return;
  waits_to_write_ = true;
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->waits_to_write_ = false;
                       if (error != asio::error::operation_aborted) self->run();
                     });
}

void Connection::look_at_clock() {
  const auto now = *context_.now;
  auto& counters = *context_.counters;
  const bool timed =
      state_ == State::kHandshake || state_ == State::kHead || state_ == State::kLingering;
  if (write_progress_.late(now)) {
    ++counters.write_too_slow;
    close(true);
  } else if (upload_progress_.late(now)) {
    ++counters.body_too_slow;
    if (state_ == State::kDiscarding) return close(true);
    upload_broke(408, "the upload stands still");
    run();
  } else if (timed && now >= deadline_) {
    if (state_ == State::kHead && !in_.empty()) {
      ++counters.head_too_slow;
      refuse(408, "the request head is not complete in time");
      return run();
    }
    if (state_ == State::kHandshake) ++counters.handshakes_failed;
    if (state_ == State::kHead) ++(served_ ? counters.idle_closed : counters.head_too_slow);
    if (state_ == State::kHead) channel_->end_writing();
    close(false);
  }
}

// The phone gets our end, and time to read what is on its way: were the socket closed with bytes
// unread, the kernel would take the answer back.
void Connection::linger() {
  channel_->end_writing();
  state_ = State::kLingering;
  deadline_ = *context_.now + context_.limits->linger;
  discarded_ = 0;
}

bool Connection::step_linger() {
  in_.clear();
  const auto got = fill(kReadBytes);
  if (got == Fill::kWaits) return false;
  discarded_ += in_.size();
  if (got != Fill::kGot || discarded_ > kMaxLingerBytes) close(false);
  return true;
}

void Connection::stop() {
  if (state_ != State::kClosed) close(state_ == State::kAnswering);
}

void Connection::drain() {
  if (state_ != State::kHead || !in_.empty()) return;
  channel_->end_writing();
  close(false);
}

// `aborted`: the phone gets a reset, so that it does not take what it has for the whole.
void Connection::close(bool aborted) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  const auto self = shared_from_this();
  answer_ = {};
  channel_.reset();
  boost::system::error_code ignored;
  if (aborted) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  context_.closed(*this);
  end_upload();
}

}  // namespace holdfast::provision
