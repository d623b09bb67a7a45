// SPDX-License-Identifier: Apache-2.0
// Which HTTP requests are let in: few shapes, each named when refused.
//
// Stricter than RFC 9112 asks for: exactly one Host, no body, no Transfer-Encoding, one request for
// each connection. What two readers could read differently is read by nobody.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "control/admin/api.hh"

namespace holdfast::admin {

inline constexpr size_t kMaxHeaderBytes = 8192;
inline constexpr size_t kMaxTargetBytes = 1024;

// Every refusal: X(name, status, text).
#define HOLDFAST_GATE_REFUSALS(X)                                                       \
  X(malformed, 400, "this is no HTTP/1.1 request")                                      \
  X(bad_version, 505, "speak HTTP/1.1")                                                 \
  X(no_single_host, 400, "exactly one Host is needed")                                  \
  X(foreign_host, 403, "Host is neither an address nor localhost")                      \
  X(bad_target, 400, "the target is a path, at most 1024 bytes, without control bytes") \
  X(bad_method, 405, "only GET is known")                                               \
  X(has_body, 413, "no request has a body here")                                        \
  X(transfer_encoding, 400, "Transfer-Encoding is not taken")                           \
  X(folded_or_odd_field, 400, "a header field with odd bytes")                          \
  X(header_too_large, 431, "more than 8192 bytes of header")                            \
  X(too_slow, 408, "the request did not come in time")                                  \
  X(no_answer, 503, "the SIP loop did not answer in time")                              \
  X(too_many, 503, "too many connections")

enum class Refusal : uint8_t {
#define HOLDFAST_X(name, status, text) name,
  HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(Refusal refusal);
std::string_view text_of(Refusal refusal);
unsigned status_of(Refusal refusal);

// A parsed header as plain text.
struct HttpHead {
  std::string_view method, target;
  unsigned version = 11;
  struct Field {
    std::string_view name, value;
  };
  std::vector<Field> fields;
};

// The first reason to refuse it. `any_host`: names are taken too (allow-remote, or the socket).
std::optional<Refusal> check_head(const HttpHead& head, Door door, bool any_host);

}  // namespace holdfast::admin
