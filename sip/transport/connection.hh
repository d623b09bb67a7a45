// SPDX-License-Identifier: Apache-2.0
// One TCP connection, plain or with TLS on it: its bytes cut into messages, and what waits to be
// sent on it.
//
// For endpoints.cc only, which owns it and does what its answers say. SIP loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "media/key_buffer.hh"
#include "sip/message_view.hh"
#include "sip/transport/sockets.hh"
#include "sip/transport/stream_framer.hh"
#include "sip/transport/tls_session.hh"

namespace holdfast::sip {

class Connection {
 public:
  // More than this waiting for a peer that does not read, and it is given up: four of the largest
  // messages.
  static constexpr size_t kMaxQueueBytes = 256 * 1024;
  // A message that has begun is complete by then, or its sender has gone.
  static constexpr uint32_t kMessageMs = 30000;
  // A connection that does not come about by then: a second SYN has been lost.
  static constexpr uint32_t kConnectMs = 4000;
  // A TLS handshake that is not done by then: four round trips by satellite, with a loss.
  static constexpr uint32_t kHandshakeMs = 8000;

  enum class State : uint8_t { connecting, shaking_hands, open };

  // `connecting`, if we have begun it; `tls`: null on a plain one.
  Connection(Descriptor fd, Origin peer, size_t max_message_bytes, uint64_t now_ms, bool connecting,
             std::unique_ptr<TlsSession> tls)
      : fd_(std::move(fd)),
        peer_(std::move(peer)),
        framer_(max_message_bytes),
        tls_(std::move(tls)),
        active_ms_(now_ms),
        began_ms_(now_ms),
        state_(connecting ? State::connecting
               : tls_     ? State::shaking_hands
                          : State::open) {}

  const Origin& peer() const { return peer_; }
  int fd() const { return fd_.get(); }
  State state() const { return state_; }
  bool is_open() const { return state_ == State::open; }
  bool is_tls() const { return tls_ != nullptr; }
  const TlsSession* tls() const { return tls_.get(); }
  bool wants_to_write() const;
  StreamFramer& framer() { return framer_; }

  // Whether a connection that was begun has come about; what then begins is the handshake, or it is
  // open.
  bool finish_connect(uint64_t now_ms);
  IoResult shake_hands(uint64_t now_ms);
  IoResult read(uint64_t now_ms, std::vector<char>& buffer);
  enum class Queued : uint8_t { done, full, failed };
  Queued send(uint64_t now_ms, std::string_view bytes);
  bool flush(uint64_t now_ms);  // false: the connection has failed
  void say_goodbye();           // TLS: that no more will come

  bool is_idle(uint64_t now_ms, uint32_t idle_ms) const { return now_ms - active_ms_ >= idle_ms; }
  bool is_stalled(uint64_t now_ms) const;

 private:
  Descriptor fd_;
  Origin peer_;
  StreamFramer framer_;
  std::unique_ptr<TlsSession> tls_;
  media::KeyBuffer queue_;
  uint64_t active_ms_;  // last byte either way
  uint64_t began_ms_;   // of the state, or of the message that is under way
  State state_;
};

}  // namespace holdfast::sip
