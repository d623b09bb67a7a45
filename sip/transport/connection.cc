// SPDX-License-Identifier: Apache-2.0
// Reading, writing and judging one TCP connection.
#include "sip/transport/connection.hh"

namespace holdfast::sip {

bool Connection::finish_connect(uint64_t now_ms) {
  if (!connect_error(fd()).empty()) return false;
  is_open_ = true;
  active_ms_ = now_ms;
  return true;
}

IoResult Connection::read(uint64_t now_ms, std::vector<char>& buffer) {
  size_t size = 0;
  const IoResult result = read_stream(fd(), buffer, size);
  if (result != IoResult::done) return result;
  active_ms_ = now_ms;
  if (!framer_.is_in_message()) began_ms_ = now_ms;
  framer_.append({buffer.data(), size});
  return result;
}

Connection::Queued Connection::send(uint64_t now_ms, std::string_view bytes) {
  if (queue_.size() + bytes.size() > kMaxQueueBytes) return Queued::full;
  queue_ += bytes;
  return !is_open_ || flush(now_ms) ? Queued::done : Queued::failed;
}

bool Connection::flush(uint64_t now_ms) {
  size_t at = 0;
  IoResult result = IoResult::done;
  while (at < queue_.size()) {
    size_t written = 0;
    result = write_stream(fd(), std::string_view(queue_).substr(at), written);
    if (result != IoResult::done) break;
    at += written;
    active_ms_ = now_ms;
  }
  queue_.erase(0, at);
  return result != IoResult::failed;
}

bool Connection::is_stalled(uint64_t now_ms) const {
  if (!is_open_) return now_ms - began_ms_ >= kConnectMs;
  return framer_.is_in_message() && now_ms - began_ms_ >= kMessageMs;
}

}  // namespace holdfast::sip
