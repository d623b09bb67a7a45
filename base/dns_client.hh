// SPDX-License-Identifier: Apache-2.0
// DNS questions through c-ares, several at once; the only place that knows it.
//
// ask() blocks its thread until every question has its answer, its failure, or stop() was called.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"

namespace holdfast {

inline constexpr size_t kMaxDnsServers = 4;

struct DnsConfig {
  std::vector<std::string> servers;  // ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf
  uint32_t timeout_ms = 2000;        // of one try
  uint8_t tries = 2;                 // of each server
  uint32_t min_ttl_s = 10;
  uint32_t max_ttl_s = 3600;
  uint32_t retry_s = 5;  // after a failure
};

enum class RecordType : uint8_t { kA, kAaaa, kSrv };
std::string_view name_of(RecordType type);

struct Question {
  std::string name;
  RecordType type = RecordType::kA;
};

struct SrvRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string target;
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

struct Answer {
  enum class Kind : uint8_t {
    kGood,
    kNothing,  // the server says that there is no such record, or no such name
    kFailed    // refused, silent, or an answer that makes no sense
  };
  Kind kind = Kind::kFailed;
  std::string error;   // one line, when not good
  uint32_t ttl_s = 0;  // the smallest of the records
  std::vector<IpAddress> addresses;
  std::vector<SrvRecord> servers;
};

class DnsClient {
 public:
  explicit DnsClient(const DnsConfig& config);
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // In the order of the questions. /etc/resolv.conf is read anew each time, unless servers were
  // configured.
  std::vector<Answer> ask(const std::vector<Question>& questions);
  // From any thread: ask() returns at once, now and later.
  void stop();
  // Readable once stop() was called.
  int stop_descriptor() const { return stop_; }

 private:
  DnsConfig config_;
  int stop_ = -1;  // eventfd
};

// The smallest TTL in the answer section of a DNS message (RFC 1035 section 4.1); 0 if it has none
// or is cut. Any bytes may be given.
uint32_t smallest_ttl(std::span<const uint8_t> message);

}  // namespace holdfast
