// SPDX-License-Identifier: Apache-2.0
// The head of an answer as it goes to the phone, and how its body is framed (RFC 9112 section 6).
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "provision-proxy/proxy/exchange.hh"

namespace holdfast::provision {

// What of a request decides about the form of its answer.
struct AnswerForm {
  bool head = false;  // the request was HEAD
  int minor_version = 1;
  bool close = false;  // the connection ends after the answer, whatever it says
};

enum class BodyFraming : uint8_t {
  kNone,       // no body follows
  kLength,     // `length` bytes
  kChunked,    // RFC 9112 section 7.1
  kUntilClose  // HTTP/1.0: until the connection ends
};

struct AnswerFrame {
  BodyFraming framing = BodyFraming::kNone;
  uint64_t length = 0;
  bool close = false;
};

// Whether the answer can be sent at all: a final status, a reason of one line, a body as long as
// said. All else is the handler's fault. (Fields cannot hold line ends.)
bool is_sendable(const Answer& answer, const AnswerForm& form);
AnswerFrame frame_of(const Answer& answer, const AnswerForm& form);
// Status line, fields, framing, Connection, the empty line. Fields that are the server's own
// (Connection, Transfer-Encoding, Content-Length and the like) are left out of the answer's.
void append_head(std::string& out, const Answer& answer, const AnswerForm& form,
                 const AnswerFrame& frame);
// An interim answer (RFC 9110 section 15.2).
void append_interim(std::string& out, int status, const Fields& fields);

// "Not Found"; empty for a status that RFC 9110 does not know.
std::string_view reason_of(int status);

}  // namespace holdfast::provision
