// SPDX-License-Identifier: Apache-2.0
// An AF_PACKET socket that goes past the queueing discipline (packet(7)).
#include "bench/rtpengine/frame_socket.hh"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace holdfast::bench {
namespace {

std::string because(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// Runs in the namespace that is to be sent from. Minus one with errno when it fails.
int open_on(const std::string& interface) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  if (fd < 0) return fd;
  const int on = 1;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex != 0 &&
      setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) == 0 &&
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return fd;
  const int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

}  // namespace

Result<std::unique_ptr<FrameSocket>, std::string> FrameSocket::open(const std::string& network,
                                                                    const std::string& interface) {
  const int here = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int there = ::open(("/run/netns/" + network).c_str(), O_RDONLY | O_CLOEXEC);
  int fd = -1;
  std::string failure;
  if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0) {
    failure = because("network namespace " + network);
  } else {
    fd = open_on(interface);
    if (fd < 0) failure = because(interface + " in " + network);
    if (setns(here, CLONE_NEWNET) != 0) failure = because("the way back from " + network);
  }
  if (here >= 0) close(here);
  if (there >= 0) close(there);
  if (failure.empty()) return std::unique_ptr<FrameSocket>(new FrameSocket(fd));
  if (fd >= 0) close(fd);
  return failure;
}

FrameSocket::~FrameSocket() {
  close(fd_);
}

size_t FrameSocket::send(std::span<iovec> frames) {
  std::array<mmsghdr, kMaxBurst> messages{};
  const size_t count = std::min(frames.size(), kMaxBurst);
  for (size_t i = 0; i < count; ++i) {
    messages[i].msg_hdr.msg_iov = &frames[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = sendmmsg(fd_, messages.data(), static_cast<unsigned>(count), 0);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

}  // namespace holdfast::bench
