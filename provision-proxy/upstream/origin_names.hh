// SPDX-License-Identifier: Apache-2.0
// Keeps the names of origins resolved on a thread of its own: no transfer ever waits for DNS.
//
// Answers are asked for again by their TTL, within bounds. While DNS fails, is silent, or suddenly
// knows nothing, the last good addresses stay in use, however old; they lie on disk too, with the
// one that last worked, for a start without DNS. Literals need none of this.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/dns_client.hh"
#include "base/log.hh"

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

inline constexpr size_t kMaxOriginNames = 32;

struct NamesConfig {
  std::vector<std::string> hosts;  // literals among them are left out; more than the limit too
  bool ipv4 = true, ipv6 = true;
  std::string state_path;  // empty: nothing is kept on disk
  DnsConfig dns;
  std::chrono::milliseconds second{1000};  // how long one of a TTL or a retry takes, for tests
};

struct NameAnswer {
  enum class State : uint8_t {
    good,    // the last question was answered
    kept,    // it was not: these are of an earlier one, or from disk
    asking,  // nothing is kept, and the first question is not over
    nothing  // nothing is kept, and DNS fails or has no address
  };
  State state = State::asking;
  std::vector<IpAddress> addresses;  // the one that last worked first, then IPv6 before IPv4
  std::string error;                 // of the last question; empty: it was good
  uint64_t age_s = 0;                // since good; of `good` alone
};
std::string_view name_of(NameAnswer::State state);

class OriginNames {
 public:
  // Starts asking, if there is a name to ask for. The logger is called on either thread.
  OriginNames(boost::asio::io_context& io, NamesConfig config, Logger logger);
  ~OriginNames();
  OriginNames(const OriginNames&) = delete;
  OriginNames& operator=(const OriginNames&) = delete;

  // Of a literal: itself. Of a name that is not in the configuration: nothing.
  NameAnswer find(const std::string& host) const;
  // It answered there. Kept on disk if it is another than before.
  void worked(const std::string& host, const IpAddress& address);
  // Asks anew, not more often than each retry_s.
  void ask_again();
  // Called on the Asio thread after each round that changed an answer. Handlers stay for good.
  void on_change(std::function<void()> handler);
  uint64_t rounds() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
