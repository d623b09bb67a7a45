// SPDX-License-Identifier: Apache-2.0
// UDP with packet information (RFC 3542 section 6), which Asio has no words for.
#include "provision-proxy/tftp/udp_port.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/bind_words.hh"

namespace holdfast::provision {
namespace {

namespace asio = boost::asio;
using Udp = asio::ip::udp;

union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
};

// Where a datagram came in, from the control message beside it.
Udp::endpoint local_of(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return {asio::ip::address_v4(ntohl(info.ipi_addr.s_addr)), 0};
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      asio::ip::address_v6 address(bytes);
      if (address.is_link_local()) address.scope_id(info.ipi6_ifindex);
      return {address, 0};
    }
  }
  return {};
}

template <typename Info>
void put_info(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(c), &info, sizeof info);
}

void set_local(msghdr& message, const Udp::endpoint& local) {
  if (local.address().is_v4()) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(local.address().to_v4().to_uint());
    put_info(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    const auto address = local.address().to_v6();
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, address.to_bytes().data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = static_cast<unsigned>(address.scope_id());
    put_info(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

bool set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

UdpPort::Sent outcome(ssize_t sent) {
  if (sent >= 0) return UdpPort::Sent::yes;
  return errno == EAGAIN || errno == EWOULDBLOCK ? UdpPort::Sent::later : UdpPort::Sent::failed;
}

}  // namespace

SocketAddress to_address(const Udp::endpoint& endpoint) {
  const auto& address = endpoint.address();
  SocketAddress found{{}, endpoint.port()};
  found.ip = address.is_v4() ? IpAddress::v4(address.to_v4().to_bytes().data())
                             : IpAddress::v6(address.to_v6().to_bytes().data());
  return found;
}

std::string UdpPort::open(const Endpoint& local, uint8_t dscp, const std::string& device) {
  boost::system::error_code error;
  socket_.open(local.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (error) return error.message();
  const int fd = socket_.native_handle();
  const bool v6 = local.address().is_v6();
  const bool good =
      v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
               set(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2)
         : set(fd, IPPROTO_IP, IP_PKTINFO, 1) && set(fd, IPPROTO_IP, IP_TOS, dscp << 2);
  if (!good) return std::strerror(errno);
  if (!device.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                      static_cast<socklen_t>(device.size() + 1)) != 0)
    return "device " + device + ": " + std::strerror(errno);
  socket_.bind(local, error);
  return error ? bind_words(error.value(), PortKind::kUdp, local.port()) : "";
}

UdpPort::Endpoint UdpPort::local() const {
  boost::system::error_code error;
  return socket_.local_endpoint(error);
}

void UdpPort::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

std::optional<UdpPort::Datagram> UdpPort::receive(std::span<uint8_t> buffer) {
  Datagram datagram;
  Control control;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = datagram.peer.data();
  message.msg_namelen = static_cast<socklen_t>(datagram.peer.capacity());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t size = ::recvmsg(socket_.native_handle(), &message, 0);
  if (size < 0) return std::nullopt;
  datagram.peer.resize(message.msg_namelen);
  datagram.local = local_of(message);
  datagram.bytes = buffer.first(static_cast<size_t>(size));
  return datagram;
}

UdpPort::Sent UdpPort::send(const Endpoint& peer, std::string_view bytes) {
  return outcome(::sendto(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
                          peer.data(), static_cast<socklen_t>(peer.size())));
}

UdpPort::Sent UdpPort::send_from(const Endpoint& local, const Endpoint& peer,
                                 std::string_view bytes) {
  Endpoint to = peer;
  Control control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = to.data();
  message.msg_namelen = static_cast<socklen_t>(to.size());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  set_local(message, local);
  return outcome(::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL));
}

void UdpPort::wait(bool readable, std::function<void()> then) {
  socket_.async_wait(readable ? Udp::socket::wait_read : Udp::socket::wait_write,
                     [then = std::move(then)](const boost::system::error_code& error) {
                       if (!error) then();
                     });
}

}  // namespace holdfast::provision
