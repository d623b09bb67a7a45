// SPDX-License-Identifier: Apache-2.0
// Cache-Status (RFC 9211): how an answer came about, for whoever reads it at the phone's end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::provision {

// X(name, as it is written): why a request went to the origin (RFC 9211 section 2.2).
#define HOLDFAST_FORWARD_REASONS(X) \
  X(bypass, "bypass")               \
  X(method, "method")               \
  X(uri_miss, "uri-miss")           \
  X(vary_miss, "vary-miss")         \
  X(miss, "miss")                   \
  X(request, "request")             \
  X(stale, "stale")

enum class ForwardReason : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_FORWARD_REASONS(HOLDFAST_X)
#undef HOLDFAST_X
};

struct CacheStatus {
  bool hit = false;                      // answered from the store, the origin not asked
  std::optional<ForwardReason> forward;  // the origin was asked, or would have had to be
  std::optional<int> forward_status;     // its answer, where that is not the one that is given
  bool stored = false;
  bool collapsed = false;  // another request's fetch served this one too
  std::optional<int64_t> ttl_s;
  std::string_view detail = {};  // a token of ours: "unreachable", "implausible", ...

  // "Holdfast; hit; ttl=30".
  std::string text() const;
};

}  // namespace holdfast::provision
