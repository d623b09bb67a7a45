// SPDX-License-Identifier: Apache-2.0
// What is asked of an origin, who hears the answer, and every way in which it can end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "provision-proxy/http/fields.hh"
#include "provision-proxy/http/response_head.hh"

namespace holdfast::provision {

// The end of a transfer: X(name, text for a person).
#define HOLDFAST_UPSTREAM_ENDS(X)                                        \
  X(complete, "complete")                                                \
  X(refused, "every address refused the connection")                     \
  X(unreachable, "no address can be reached")                            \
  X(dns, "the name has no address")                                      \
  X(connect_timeout, "no connection in time")                            \
  X(answer_timeout, "no answer in time")                                 \
  X(stalled, "the transfer stood still")                                 \
  X(closed, "the connection was closed before an answer")                \
  X(truncated, "the body was cut short")                                 \
  X(too_large, "the head or the body is larger than allowed")            \
  X(tls, "TLS failed, or the certificate is not the origin's")           \
  X(protocol, "the answer is not HTTP as it should be")                  \
  X(breaker_open, "not tried: the origin is known to be away")           \
  X(queue_full, "not tried: too much is waiting")                        \
  X(bad_request, "not tried: the request cannot be written as HTTP/1.1") \
  X(source_failed, "the body to send ended early")                       \
  X(cancelled, "cancelled")

enum class UpstreamEnd : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_UPSTREAM_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(UpstreamEnd end);
std::string_view text_of(UpstreamEnd end);

// How the end of the answer's body is known (RFC 9112 section 6.3). With `close` nobody can tell a
// whole body from one that was cut.
enum class BodyFraming : uint8_t { none, length, chunked, close };
std::string_view name_of(BodyFraming framing);

// The body of an upload, pulled as the origin takes it. Asio thread.
class BodySource {
 public:
  enum class State : uint8_t { piece, end, wait, failed };
  struct Read {
    State state = State::end;
    size_t size = 0;  // of a piece, never 0
  };
  virtual ~BodySource() = default;
  // None: it is sent chunked.
  virtual std::optional<uint64_t> size() const = 0;
  // `wait`: Upstream::resume_upload() says when there is more.
  virtual Read read(std::span<char> into) = 0;
  // Back to its first byte, for the one retry on a kept connection that had died. False: it cannot,
  // and the request gets a connection of its own.
  virtual bool can_rewind() const { return false; }
  virtual bool rewind() { return false; }
};

struct UpstreamRequest {
  std::string method = "GET";
  std::string target = "/";  // sent as it is
  // Sent in this order and spelling after Host, and nothing else. Framing and connection are ours:
  // Content-Length, Transfer-Encoding, Connection, Keep-Alive, Proxy-Connection, TE, Trailer and
  // Upgrade in it are left out. A Host in it is sent instead of the origin's.
  Fields fields;
  std::string body;              // sent if not empty or `has_body`, and there is no source
  bool has_body = false;         // an empty body is one: Content-Length: 0
  BodySource* source = nullptr;  // must live until the end
  std::chrono::milliseconds connect_timeout{2000};  // names, TCP and TLS
  std::chrono::milliseconds answer_timeout{2000};   // from the request sent to the first byte
  std::chrono::milliseconds stall_timeout{10000};   // between two pieces, whichever way
  uint64_t max_body_bytes = UINT64_MAX;             // of the answer
};

struct UpstreamOutcome {
  UpstreamEnd end = UpstreamEnd::complete;
  BodyFraming framing = BodyFraming::none;
  bool reused = false;      // on a kept connection
  bool retried = false;     // once more, since the kept connection had died
  uint64_t body_bytes = 0;  // handed on
  uint64_t sent_bytes = 0;  // of the request's body
  std::string address;      // of the origin, as text; empty: none was reached
  std::string detail;       // one line for a person, when not complete
  std::chrono::milliseconds first_byte{0}, total{0};  // since start()
};

// Called on the Asio thread, never from within start(), pause(), resume() or cancel(). Any of these
// may be called from within; after cancel() nothing more comes.
class UpstreamHandler {
 public:
  virtual ~UpstreamHandler() = default;
  virtual void on_interim(const ResponseHead& /*head*/) {}  // 1xx but 101
  // Once. The fields as the origin sent them, but for obs-fold, which became a blank. Beside a
  // Transfer-Encoding a Content-Length says nothing (RFC 9112 section 6.3): `framing` does.
  virtual void on_head(ResponseHead head, BodyFraming framing) = 0;
  // At most 16 KiB. After pause() from within no more comes until resume().
  virtual void on_body(std::span<const char> bytes) = 0;
  // Last, once.
  virtual void on_end(const UpstreamOutcome& outcome) = 0;
};

}  // namespace holdfast::provision
