// SPDX-License-Identifier: Apache-2.0
// The last good DNS answers, in memory and in a small file that outlives us.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/dns_client.hh"

namespace holdfast::names {

struct GoodAnswer {
  std::vector<IpAddress> addresses;
  std::vector<SrvRecord> servers;
  int64_t at_unix_s = 0;  // as the box believed
};

// By "TYPE name". One owner.
class NameCache {
 public:
  static std::string key_of(const Question& question);

  // What the file holds; nothing, without fuss, if it is not there or makes no sense.
  void load(const std::string& path);
  // Atomically: written beside, synced, renamed. False: it could not be written.
  bool save(const std::string& path) const;

  const GoodAnswer* find(const Question& question) const;
  // True if it differs from what was there, its time aside.
  bool put(const Question& question, GoodAnswer answer);

 private:
  std::map<std::string, GoodAnswer> answers_;  // bounded by the questions that are asked
};

}  // namespace holdfast::names
