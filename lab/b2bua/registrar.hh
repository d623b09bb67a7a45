// SPDX-License-Identifier: Apache-2.0
// The B2BUA's bindings (RFC 3261 section 10.3), in memory, with their Path (RFC 3327) if it takes
// one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/b2bua/sofia.hh"

namespace holdfast::lab {

struct RegisteredContact {
  std::string uri;
  std::string path;  // the value of a Route header, or empty
  std::string call_id;
  uint32_t cseq = 0;
  int64_t expires_s = 0;  // when, by the monotonic clock
};

class Registrar {
 public:
  static constexpr size_t kMaxContacts = 10;  // of one user
  static constexpr uint32_t kMinExpires_s = 10;
  static constexpr uint32_t kDefaultExpires_s = 120;
  static constexpr uint32_t kMaxExpires_s = 3600;

  explicit Registrar(bool takes_path) : takes_path_(takes_path) {}

  // Applies a REGISTER whose sender has shown the password; gives the status to answer with.
  int apply(const std::string& user, const sip_t* request, int64_t now_s);

  // Those that have not expired, the newest first.
  std::vector<RegisteredContact> contacts(const std::string& user, int64_t now_s);

  bool takes_path() const { return takes_path_; }

 private:
  std::map<std::string, std::vector<RegisteredContact>> bindings_;
  bool takes_path_;
};

}  // namespace holdfast::lab
