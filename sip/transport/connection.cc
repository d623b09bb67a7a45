// SPDX-License-Identifier: Apache-2.0
// Reading, writing and judging one connection.
#include "sip/transport/connection.hh"

namespace holdfast::sip {

bool Connection::finish_connect(uint64_t now_ms) {
  if (!connect_error(fd()).empty()) return false;
  state_ = is_tls() ? State::shaking_hands : State::open;
  active_ms_ = began_ms_ = now_ms;
  return true;
}

IoResult Connection::shake_hands(uint64_t now_ms) {
  const IoResult result = tls_->handshake();
  if (result != IoResult::done) return result;
  state_ = State::open;
  active_ms_ = now_ms;
  return result;
}

bool Connection::wants_to_write() const {
  if (state_ == State::connecting) return true;
  if (tls_ != nullptr && tls_->wants_write()) return true;
  return state_ == State::open && !queue_.empty();
}

void Connection::say_goodbye() {
  if (tls_ != nullptr) tls_->end();
}

IoResult Connection::read(uint64_t now_ms, std::vector<char>& buffer) {
  size_t size = 0;
  const IoResult result =
      tls_ != nullptr ? tls_->read(buffer, size) : read_stream(fd(), buffer, size);
  if (result != IoResult::done) return result;
  active_ms_ = now_ms;
  if (!framer_.is_in_message()) began_ms_ = now_ms;
  framer_.append({buffer.data(), size});
  return result;
}

Connection::Queued Connection::send(uint64_t now_ms, std::string_view bytes) {
  if (queue_.size() + bytes.size() > kMaxQueueBytes) return Queued::full;
  queue_.append(bytes);
  return !is_open() || flush(now_ms) ? Queued::done : Queued::failed;
}

bool Connection::flush(uint64_t now_ms) {
  size_t at = 0;
  IoResult result = IoResult::done;
  while (at < queue_.size()) {
    size_t written = 0;
    const std::string_view rest = queue_.view().substr(at);
    result = tls_ != nullptr ? tls_->write(rest, written) : write_stream(fd(), rest, written);
    if (result != IoResult::done) break;
    at += written;
    active_ms_ = now_ms;
  }
  queue_.drop(at);
  return result != IoResult::failed;
}

bool Connection::is_stalled(uint64_t now_ms) const {
  if (state_ == State::connecting) return now_ms - began_ms_ >= kConnectMs;
  if (state_ == State::shaking_hands) return now_ms - began_ms_ >= kHandshakeMs;
  return framer_.is_in_message() && now_ms - began_ms_ >= kMessageMs;
}

}  // namespace holdfast::sip
