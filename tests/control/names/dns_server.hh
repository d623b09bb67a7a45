// SPDX-License-Identifier: Apache-2.0
// A DNS server on the loopback that does what a test tells it: answers, fails, is silent, babbles.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::names {

// A record's data as it stands on the wire.
std::vector<uint8_t> a_data(const std::string& address);  // IPv4 or IPv6
std::vector<uint8_t> srv_data(uint16_t priority, uint16_t weight, uint16_t port,
                              const std::string& target);

class DnsServer {
 public:
  enum class Mood { kAnswer, kServfail, kSilence, kGarbage, kCut };

  DnsServer();  // on a port of the kernel's choice
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void set(const std::string& name, uint16_t type, std::vector<std::vector<uint8_t>> records,
           uint32_t ttl_s = 60);
  void remove(const std::string& name, uint16_t type);

  std::atomic<Mood> mood{Mood::kAnswer};
  std::atomic<uint32_t> questions{0};

 private:
  struct Records {
    std::vector<std::vector<uint8_t>> data;
    uint32_t ttl_s = 60;
  };
  void serve();
  std::vector<uint8_t> answer(const std::vector<uint8_t>& question);

  int socket_ = -1, stop_ = -1;
  uint16_t port_ = 0;
  std::mutex mutex_;  // guards zone_
  std::map<std::pair<std::string, uint16_t>, Records> zone_;
  std::thread thread_;
};

inline constexpr uint16_t kTypeA = 1, kTypeAaaa = 28, kTypeSrv = 33;

}  // namespace holdfast::names
