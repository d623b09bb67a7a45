// SPDX-License-Identifier: Apache-2.0
// Cache-Control of requests and responses (RFC 9111, 5.2; RFC 5861), read into plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

// What is more than this counts as this (RFC 9111, 1.2.2).
constexpr int64_t kMaxDelta_s = int64_t{1} << 31;

// A number may stand in quotes. One that is none, has blanks round its "=", or is said twice with
// two values, is read so that nothing is reused for it: a lifetime of 0, no leave to serve stale.
struct RequestDirectives {
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<int64_t> max_age;
  std::optional<int64_t> min_fresh;
  std::optional<int64_t> max_stale;  // without an argument: kMaxDelta_s
  std::optional<int64_t> stale_if_error;
};

struct ResponseDirectives {
  bool no_cache = false;  // of the whole response
  bool no_store = false;
  bool is_private = false;  // the whole response
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  std::optional<int64_t> max_age;
  std::optional<int64_t> s_maxage;
  std::optional<int64_t> stale_while_revalidate;
  std::optional<int64_t> stale_if_error;
  std::vector<std::string> no_cache_fields;  // no-cache="name, ..."
  std::vector<std::string> private_fields;   // private="name, ..."
};

// Pragma: no-cache counts only where there is no Cache-Control.
RequestDirectives request_directives(const Fields& request);
ResponseDirectives response_directives(const Fields& response);

}  // namespace holdfast::provision
