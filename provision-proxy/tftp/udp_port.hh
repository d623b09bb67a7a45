// SPDX-License-Identifier: Apache-2.0
// A UDP socket that never blocks, and that knows at which of our addresses a datagram came in.
//
// Asio thread alone. What waits for it must outlive it or be cancelled by close().
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "media/address.hh"

namespace holdfast::provision {

SocketAddress to_address(const boost::asio::ip::udp::endpoint& endpoint);

class UdpPort {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;
  struct Datagram {
    Endpoint peer;
    Endpoint local;  // the address it was sent to, port 0
    std::span<const uint8_t> bytes;
  };
  enum class Sent : uint8_t { yes, later, failed };  // later: wait_writable()

  explicit UdpPort(boost::asio::io_context& context) : socket_(context) {}

  // Empty, or why it could not be. dscp: of what is sent, 0 to 63. device: only what comes in there
  // is received, and what is sent leaves there; empty: any.
  std::string open(const Endpoint& local, uint8_t dscp, const std::string& device);
  Endpoint local() const;
  void close();

  // The next datagram that is there, cut to the buffer. None: nothing, or an error that an earlier
  // datagram met.
  std::optional<Datagram> receive(std::span<uint8_t> buffer);
  Sent send(const Endpoint& peer, std::string_view bytes);
  // From that address of ours, for a socket that stands for all of them.
  Sent send_from(const Endpoint& local, const Endpoint& peer, std::string_view bytes);

  void wait_readable(std::function<void()> then) { wait(true, std::move(then)); }
  void wait_writable(std::function<void()> then) { wait(false, std::move(then)); }

 private:
  void wait(bool readable, std::function<void()> then);

  boost::asio::ip::udp::socket socket_;
};

}  // namespace holdfast::provision
