// SPDX-License-Identifier: Apache-2.0
// The head of a response: status line and fields, read line by line as a transfer hands them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

struct ResponseHead {
  int status = 0;  // 100-999: codes that nobody knows pass too
  std::string reason;
  Fields fields;
};

// Limits of a head from upstream.
constexpr size_t kMaxResponseHeadBytes = 64 * 1024;
constexpr size_t kMaxResponseFields = 256;

struct StatusLine {
  int minor = 1;  // of HTTP/1.x
  int status = 0;
  std::string_view reason;  // may be empty
};

// "HTTP/1.1 200 OK" with or without its end of line (RFC 9112, 4). Nothing but HTTP/1.0 and 1.1 and
// three digits is one.
std::optional<StatusLine> parse_status_line(std::string_view line);

// "Name: value", with or without its end of line. A blank before the colon, or a name that is no
// token, is none (RFC 9112, 5.1).
std::optional<Field> parse_field_line(std::string_view line);

// Takes the lines of a head one by one. A status line after an interim response (1xx other than
// 101) begins anew.
class ResponseHeadReader {
 public:
  enum class Step : uint8_t {
    more,     // lines are missing
    interim,  // the end of a 1xx: the next line begins another head
    done,     // head() is whole
    refused,  // this is no head, or more than may be
  };
  Step line(std::string_view line);
  const ResponseHead& head() const { return head_; }
  ResponseHead take() { return std::move(head_); }

 private:
  enum class State : uint8_t { status, fields, done, refused };

  Step refuse();
  bool flush();

  ResponseHead head_;
  std::string pending_;  // the last field line: a folded one may follow
  size_t bytes_ = 0;
  State state_ = State::status;
};

}  // namespace holdfast::provision
