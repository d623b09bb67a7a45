// SPDX-License-Identifier: Apache-2.0
// Writes heads of answers.
#include "provision-proxy/server/answer_head.hh"

#include <algorithm>
#include <array>
#include <charconv>

#include "provision-proxy/http/byte_class.hh"

namespace holdfast::provision {
namespace {

struct Reason {
  int status;
  std::string_view text;
};
constexpr Reason kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

bool is_ours(std::string_view name) {
  constexpr std::string_view kOurs[] = {
      "connection", "content-length", "keep-alive",        "proxy-connection",
      "te",         "trailer",        "transfer-encoding", "upgrade"};
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view own) { return same_text(name, own); });
}

bool has_line_end(std::string_view text) {
  return text.find('\r') != std::string_view::npos || text.find('\n') != std::string_view::npos ||
         text.find('\0') != std::string_view::npos;
}

bool never_has_body(int status) {
  return status == 204 || status == 304;
}

void append_number(std::string& out, uint64_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_status_line(std::string& out, int status, std::string_view reason) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(status));
  out += ' ';
  out += reason;
  out += "\r\n";
}

void append_fields(std::string& out, const Fields& fields) {
  for (const Field field : fields) {
    if (is_ours(field.name)) continue;
    out += field.name;
    out += ": ";
    out += field.value;
    out += "\r\n";
  }
}

// The Content-Length that an answer without a body may state: that of the body which GET would
// have (RFC 9110 section 8.6).
std::optional<uint64_t> stated_length(const Answer& answer) {
  if (answer.length) return answer.length;
  if (answer.bytes) return answer.bytes->size();
  return std::nullopt;
}

}  // namespace

bool is_sendable(const Answer& answer, const AnswerForm& form) {
  if (answer.status < 200 || answer.status > 999 || has_line_end(answer.reason)) return false;
  if (form.head || never_has_body(answer.status)) return true;
  if (answer.bytes) return !answer.length || *answer.length == answer.bytes->size();
  return answer.body || answer.length.value_or(0) == 0;
}

AnswerFrame frame_of(const Answer& answer, const AnswerForm& form) {
  AnswerFrame frame{BodyFraming::kNone, 0, form.close || answer.close};
  if (form.head || never_has_body(answer.status)) return frame;
  if (!answer.body || answer.length) {
    frame.framing = BodyFraming::kLength;
    frame.length = stated_length(answer).value_or(0);
  } else if (form.minor_version >= 1) {
    frame.framing = BodyFraming::kChunked;
  } else {
    frame.framing = BodyFraming::kUntilClose;
    frame.close = true;
  }
  return frame;
}

void append_head(std::string& out, const Answer& answer, const AnswerForm& form,
                 const AnswerFrame& frame) {
  append_status_line(out, answer.status,
                     answer.reason.empty() ? reason_of(answer.status) : answer.reason);
  append_fields(out, answer.fields);
  std::optional<uint64_t> length;
  if (frame.framing == BodyFraming::kLength) length = frame.length;
  if (form.head && !never_has_body(answer.status)) length = stated_length(answer);
  if (length) {
    out += "Content-Length: ";
    append_number(out, *length);
    out += "\r\n";
  }
  if (frame.framing == BodyFraming::kChunked) out += "Transfer-Encoding: chunked\r\n";
  if (frame.close) {
    out += "Connection: close\r\n";
  } else if (form.minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

void append_interim(std::string& out, int status, const Fields& fields) {
  append_status_line(out, status, reason_of(status));
  append_fields(out, fields);
  out += "\r\n";
}

std::string_view reason_of(int status) {
  const auto found = std::find_if(std::begin(kReasons), std::end(kReasons),
                                  [&](const Reason& r) { return r.status == status; });
  return found == std::end(kReasons) ? std::string_view{} : found->text;
}

}  // namespace holdfast::provision
