// SPDX-License-Identifier: Apache-2.0
// SHA-256 in pieces, by OpenSSL.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace holdfast::provision {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const char> bytes);
  // 64 lower-case hex digits; ends it. Empty if OpenSSL failed on the way, which equals no hash.
  std::string hex();

 private:
  evp_md_ctx_st* context_;
  bool good_;
};

// 64 lower-case hex digits and nothing else: what may be part of a path.
bool is_hash(std::string_view text);

}  // namespace holdfast::provision
