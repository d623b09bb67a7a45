// SPDX-License-Identifier: Apache-2.0
// Sockets by the system's calls.
#include "sip/transport/sockets.hh"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "base/bind_words.hh"

namespace holdfast::sip {
namespace {

// Room for the REGISTERs of a whole branch that comes back at once: 1,000 of some 1 KiB, each of
// which the kernel counts double.
constexpr int kReceiveBytes = 4 * 1024 * 1024;
constexpr int kBacklog = 512;

struct Sockaddr {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Sockaddr to_sockaddr(const SocketAddress& address) {
  Sockaddr out;
  if (address.ip.is_v6()) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address.port);
    memcpy(&in6->sin6_addr, address.ip.bytes.data(), 16);
    out.size = sizeof *in6;
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(address.port);
    memcpy(&in->sin_addr, address.ip.bytes.data(), 4);
    out.size = sizeof *in;
  }
  return out;
}

std::optional<SocketAddress> from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    return SocketAddress{IpAddress::v6(reinterpret_cast<const uint8_t*>(&in6->sin6_addr)),
                         ntohs(in6->sin6_port)};
  }
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    return SocketAddress{IpAddress::v4(reinterpret_cast<const uint8_t*>(&in->sin_addr)),
                         ntohs(in->sin_port)};
  }
  return std::nullopt;
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

bool set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

Descriptor make_socket(int type, bool v6) {
  return Descriptor(socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// The DSCP is the upper six bits; the kernel keeps ECN for itself on TCP, and sends none on UDP.
bool mark(int fd, bool v6, uint8_t dscp) {
  return v6 ? set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2)
            : set_option(fd, IPPROTO_IP, IP_TOS, dscp << 2);
}

bool prepare_udp(int fd, bool v6) {
  // A body of 64 KiB leaves in fragments, whatever path MTU was seen (RFC 3261 section 18.1.1 would
  // have it go by TCP, which the next hop need not speak).
  const bool fragments = v6 ? set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)
                            : set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  const bool errors = v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)
                         : set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBytes))
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBytes);  // as much as the kernel lets us
  return fragments && errors;
}

// What the peer has not acknowledged by then, it will not: its address or the way to it has gone.
// Left to the kernel's own doubling, a connection would be silent for minutes after the way is
// back.
constexpr int kUserTimeoutMs = 12000;
// The same for a peer to whom nothing is sent.
constexpr int kKeepIdleS = 120, kKeepIntervalS = 15, kKeepCount = 4;

void tune_tcp(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
}

bool is_temporary(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Result<Descriptor, std::string> open_socket(SocketKind kind, const SocketAddress& address,
                                            uint8_t dscp) {
  const bool v6 = address.ip.is_v6();
  Descriptor fd = make_socket(kind == SocketKind::udp ? SOCK_DGRAM : SOCK_STREAM, v6);
  if (!fd.is_open()) return error_text(errno);
  if (v6 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return error_text(errno);
  if (!mark(fd.get(), v6, dscp)) return error_text(errno);
  if (kind == SocketKind::udp && !prepare_udp(fd.get(), v6)) return error_text(errno);
  // Only so that connections of the process before, still in TIME_WAIT, do not keep us from it.
  if (kind == SocketKind::tcp_listener && !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1))
    return error_text(errno);
  const Sockaddr local = to_sockaddr(address);
  const auto port = kind == SocketKind::udp ? PortKind::kUdp : PortKind::kTcp;
  if (bind(fd.get(), local.get(), local.size) != 0) return bind_words(errno, port, address.port);
  if (kind == SocketKind::tcp_listener && listen(fd.get(), kBacklog) != 0)
    return bind_words(errno, port, address.port);
  return fd;
}

Result<Descriptor, std::string> open_connection(const IpAddress& from, const SocketAddress& to,
                                                uint8_t dscp) {
  const bool v6 = to.ip.is_v6();
  Descriptor fd = make_socket(SOCK_STREAM, v6);
  if (!fd.is_open()) return error_text(errno);
  if (!mark(fd.get(), v6, dscp)) return error_text(errno);
  tune_tcp(fd.get());
  set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  const Sockaddr local = to_sockaddr({from, 0});
  if (bind(fd.get(), local.get(), local.size) != 0) return error_text(errno);
  const Sockaddr remote = to_sockaddr(to);
  if (connect(fd.get(), remote.get(), remote.size) != 0 && errno != EINPROGRESS)
    return error_text(errno);
  return fd;
}

Descriptor spare_descriptor() {
  return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::optional<std::pair<Descriptor, SocketAddress>> accept_connection(int listener, uint8_t dscp,
                                                                      bool& out_of_descriptors) {
  Sockaddr remote;
  remote.size = sizeof remote.storage;
  Descriptor fd(accept4(listener, remote.get(), &remote.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  out_of_descriptors = !fd.is_open() && (errno == EMFILE || errno == ENFILE);
  if (!fd.is_open()) return std::nullopt;
  const auto address = from_sockaddr(remote.storage);
  if (!address) return std::nullopt;
  mark(fd.get(), address->ip.is_v6(), dscp);
  tune_tcp(fd.get());
  return std::pair(std::move(fd), *address);
}

std::optional<SocketAddress> local_address(int fd) {
  Sockaddr local;
  local.size = sizeof local.storage;
  if (getsockname(fd, local.get(), &local.size) != 0) return std::nullopt;
  return from_sockaddr(local.storage);
}

std::string connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? std::string{} : error_text(error);
}

IoResult send_datagram(int fd, const SocketAddress& to, std::string_view bytes) {
  const Sockaddr remote = to_sockaddr(to);
  // With IP_RECVERR an error that an earlier datagram met is told once to the next call, which has
  // then sent nothing.
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (sendto(fd, bytes.data(), bytes.size(), 0, remote.get(), remote.size) >= 0)
      return IoResult::done;
    if (is_temporary(errno)) return IoResult::again;
    if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH && errno != EPROTO)
      break;
  }
  return IoResult::failed;
}

std::optional<Datagram> receive_datagram(int fd, std::vector<char>& buffer) {
  Sockaddr remote;
  remote.size = sizeof remote.storage;
  // The first error may be an earlier datagram's, see above.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const ssize_t size =
        recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC, remote.get(), &remote.size);
    if (size >= 0) {
      const auto from = from_sockaddr(remote.storage);
      if (!from) return std::nullopt;
      return Datagram{*from, static_cast<size_t>(size)};
    }
    if (is_temporary(errno)) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<SocketAddress> take_unreachable(int fd) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    Sockaddr remote;
    std::array<char, 1> data{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec part{data.data(), data.size()};
    msghdr header{};
    header.msg_name = remote.get();
    header.msg_namelen = sizeof remote.storage;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (recvmsg(fd, &header, MSG_ERRQUEUE) < 0) return std::nullopt;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      const bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err error{};
      memcpy(&error, CMSG_DATA(c), sizeof error);
      // "Too big" is no end: the kernel fragments.
      if (error.ee_errno == EMSGSIZE || error.ee_origin == SO_EE_ORIGIN_NONE) continue;
      if (const auto address = from_sockaddr(remote.storage)) return address;
    }
  }
  return std::nullopt;
}

unsigned waiting_percent(int fd) {
  std::array<uint32_t, SK_MEMINFO_VARS> counts{};
  socklen_t size = sizeof counts;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, counts.data(), &size) != 0) return 0;
  const uint64_t size_bytes = std::max<uint64_t>(counts[SK_MEMINFO_RCVBUF], 1);
  return static_cast<unsigned>(uint64_t{counts[SK_MEMINFO_RMEM_ALLOC]} * 100 / size_bytes);
}

IoResult read_stream(int fd, std::vector<char>& buffer, size_t& size) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got > 0) {
    size = static_cast<size_t>(got);
    return IoResult::done;
  }
  return got < 0 && is_temporary(errno) ? IoResult::again : IoResult::failed;
}

IoResult write_stream(int fd, std::string_view bytes, size_t& written) {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  written = sent > 0 ? static_cast<size_t>(sent) : 0;
  if (sent >= 0) return IoResult::done;
  return is_temporary(errno) ? IoResult::again : IoResult::failed;
}

std::optional<IpAddress> source_towards(const SocketAddress& peer) {
  const Descriptor fd = make_socket(SOCK_DGRAM, peer.ip.is_v6());
  if (!fd.is_open()) return std::nullopt;
  const Sockaddr remote = to_sockaddr(peer);
  if (connect(fd.get(), remote.get(), remote.size) != 0) return std::nullopt;
  const auto local = local_address(fd.get());
  if (!local) return std::nullopt;
  return local->ip;
}

}  // namespace holdfast::sip
