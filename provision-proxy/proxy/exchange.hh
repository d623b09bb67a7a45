// SPDX-License-Identifier: Apache-2.0
// What passes between the connections of phones (server/) and the request flow (proxy/).
//
// Everything here is called on the Asio thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "media/address.hh"
#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

enum class BodyState : uint8_t { kBytes, kEnd, kFailed };

struct BodyPiece {
  BodyState state = BodyState::kEnd;
  std::span<const char> bytes;  // with kBytes only; valid until the next call of next()
};

// An upload as the connection reads it: nothing is read ahead of next() but a bounded buffer. It
// may outlive its connection and then has failed.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  virtual std::optional<uint64_t> length() const = 0;  // none: chunked
  // Calls back once, maybe before it returns; one call at a time. After kEnd and kFailed there is
  // nothing more to come.
  virtual void next(std::function<void(BodyPiece)> then) = 0;
};

// What is being sent to a phone. Destroying it cancels: then() is not called after that.
class AnswerBody {
 public:
  virtual ~AnswerBody() = default;
  // As RequestBody::next(). After kFailed the connection is aborted, so that the phone does not
  // take what it has for the whole.
  virtual void next(std::function<void(BodyPiece)> then) = 0;
};

// TFTP tells no User-Agent: who asks is told by the neighbour table, if the path does not.
enum class AskedBy : uint8_t { http, tftp };

// A request that has passed the gate: the target is in origin form ("/...").
struct Request {
  std::string method, target;
  int minor_version = 1;  // of HTTP/1
  Fields fields;
  SocketAddress peer, local;
  size_t listener = 0;  // place in the configuration: HTTP's listeners, then TFTP's
  AskedBy asked_by = AskedBy::http;
  std::optional<MacAddress> certificate_mac;  // of a client certificate that was checked
  bool tls = false;
  std::shared_ptr<RequestBody> body;  // null: none
};

struct Answer {
  int status = 200;
  std::string reason;
  Fields fields;                   // end-to-end fields only; the server adds framing and Connection
  std::optional<uint64_t> length;  // of the body; none: not known, sent chunked (HTTP/1.0:
                                   // until the connection ends)
  std::shared_ptr<const std::string> bytes;  // a whole body in memory, or
  std::unique_ptr<AnswerBody> body;          // one that comes in pieces; neither: no body
  bool close = false;                        // the connection ends after it
};
// To HEAD the handler gives fields and length and no body; the server sends Content-Length.

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  using Reply = std::function<void(Answer)>;
  // 1xx to pass on to the phone, before the answer.
  using Interim = std::function<void(int status, const Fields& fields)>;

  // `reply` is called exactly once, maybe before this returns, also after the phone has gone.
  virtual void handle(Request request, Interim interim, Reply reply) = 0;
};

}  // namespace holdfast::provision
