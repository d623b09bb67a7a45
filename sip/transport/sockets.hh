// SPDX-License-Identifier: Apache-2.0
// The kernel's sockets behind values: opening, options, addresses, sending and receiving.
//
// Descriptors close themselves; nothing here blocks. SIP loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::sip {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

enum class SocketKind : uint8_t { udp, tcp_listener };

// Bound to that address (port 0: any free one), non-blocking, marked with that DSCP. The error is
// the kernel's text.
Result<Descriptor, std::string> open_socket(SocketKind kind, const SocketAddress& address,
                                            uint8_t dscp);
// A TCP connection from one of our addresses, begun and not waited for.
Result<Descriptor, std::string> open_connection(const IpAddress& from, const SocketAddress& to,
                                                uint8_t dscp);
// None: nobody waits; or somebody does and the process has no descriptor left for him.
std::optional<std::pair<Descriptor, SocketAddress>> accept_connection(int listener, uint8_t dscp,
                                                                      bool& out_of_descriptors);
// A descriptor to give back when there is no other.
Descriptor spare_descriptor();

std::optional<SocketAddress> local_address(int fd);
// What became of a connection that was begun; empty: it stands.
std::string connect_error(int fd);

enum class IoResult : uint8_t { done, again, failed };

IoResult send_datagram(int fd, const SocketAddress& to, std::string_view bytes);
// `size` may be larger than the buffer: the datagram was cut.
struct Datagram {
  SocketAddress from;
  size_t size = 0;
};
std::optional<Datagram> receive_datagram(int fd, std::vector<char>& buffer);
// Where a datagram of ours went that the network sent back an error for (ip(7), IP_RECVERR).
std::optional<SocketAddress> take_unreachable(int fd);

// What waits to be read, as the kernel counts it: some 2.3 KiB for a datagram of 1 KiB.
size_t waiting_bytes(int fd);

IoResult read_stream(int fd, std::vector<char>& buffer, size_t& size);
IoResult write_stream(int fd, std::string_view bytes, size_t& written);

// The address of ours that the kernel would send from.
std::optional<IpAddress> source_towards(const SocketAddress& peer);

}  // namespace holdfast::sip
