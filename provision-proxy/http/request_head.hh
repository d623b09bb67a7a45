// SPDX-License-Identifier: Apache-2.0
// The strict request gate: the head of an HTTP/1.1 request, or the one reason why it is refused.
//
// What two readers could read differently is read by nobody (RFC 9112 section 11.2): framing has
// one spelling, lines end in CRLF, Host is there once. Pure, no allocation; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "provision-proxy/http/field.hh"
#include "provision-proxy/http/gate_refusal.hh"
#include "provision-proxy/http/request_limits.hh"
#include "provision-proxy/http/request_target.hh"

namespace holdfast::provision {

// `other` is any other token, also a known one in other case (RFC 9110 section 9.1): the caller's
// to pass on or to refuse. CONNECT and TRACE do not pass the gate.
enum class Method : uint8_t { get, head, put, post, delete_, options, other };

// How the body behind the head is delimited (RFC 9112 section 6.3): `length` also for a 0.
enum class Framing : uint8_t { none, length, chunked };

// All views lie in the bytes that were parsed; it may be used again for the next head. Meaningful
// only after `done`.
struct RequestHead {
  std::string_view method;
  std::string_view target;      // "/path?query", also of an absolute form
  std::string_view path;        // the part of `target` before '?'
  std::string_view host;        // with its port, as it stands in Host; empty: HTTP/1.0 without
  uint64_t content_length = 0;  // of Framing::length
  size_t head_bytes = 0;        // the body begins there
  int minor = 1;                // HTTP/1.minor: 0 or 1
  Method method_kind = Method::other;
  TargetForm form = TargetForm::origin;
  Framing framing = Framing::none;
  bool keep_alive = true;        // the client wants to (RFC 9112 section 9.3)
  bool expect_continue = false;  // and HTTP/1.1: send 100 before you wait for the body
  bool unexpected_body = false;  // a GET or HEAD with one, which means nothing (RFC 9110 9.3.1):
                                 // read it as framed, and never pass it on
  bool path_escaped = false;     // see RequestTarget::escaped

  std::span<const Field> fields() const { return {slots_.data(), field_count_}; }
  // The first of that name.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  friend class HeadParser;
  size_t field_count_ = 0;
  std::array<Field, kMaxHeadFields> slots_;
};

enum class HeadState : uint8_t { need_more, done, refused };

struct HeadVerdict {
  HeadState state = HeadState::need_more;
  GateRefusal refusal{};  // of `refused`

  friend bool operator==(const HeadVerdict&, const HeadVerdict&) = default;
};

// Parses the head that `bytes` begin with; one empty line before it is skipped (RFC 9112
// section 2.2). Call it again with the same bytes and more after `need_more`: a refusal comes with
// the first byte that earns it, and how bytes were cut makes no difference. Never needs more than
// kMaxHeadBytes.
HeadVerdict parse_request_head(std::string_view bytes, RequestHead& out);

}  // namespace holdfast::provision
