// SPDX-License-Identifier: Apache-2.0
// AF_PACKET input and output of whole frames, in bursts.
#include "lab/link/packet_port.hh"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast::lab {
namespace {

// Two hundred milliseconds of 50,000 packets/s, should something keep the stage from running.
constexpr int kReceiveBuffer_bytes = 32 << 20;

bool set_int(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

std::string system_error(const std::string& interface, const char* step) {
  return interface + ": " + step + ": " + std::strerror(errno);
}

}  // namespace

PacketPort::~PacketPort() {
  if (fd_ >= 0) close(fd_);
}

std::string PacketPort::open(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return interface + ": no such interface";
  // Protocol 0 receives nothing until bind(), so that no frame of another interface slips in.
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return system_error(interface, "cannot open a packet socket");
  name_ = interface;
  // PACKET_QDISC_BYPASS stays off: frames sent past the qdisc are invisible to captures.
  if (!set_int(fd_, SOL_PACKET, PACKET_AUXDATA, 1))
    return system_error(interface, "PACKET_AUXDATA");
  if (!set_int(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)) {
    return system_error(interface, "PACKET_IGNORE_OUTGOING");
  }
  if (!set_int(fd_, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer_bytes)) {
    return system_error(interface, "cannot enlarge the receive buffer");
  }
  packet_mreq membership{};
  membership.mr_ifindex = static_cast<int>(index);
  membership.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0) {
    return system_error(interface, "cannot see frames for others");
  }
  for (Frame*& slot : slots_) {
    slot = pool_.take();
    if (slot == nullptr) return interface + ": the frame pool is too small";
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(index);
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return system_error(interface, "cannot bind");
  }
  return {};
}

// The kernel takes the outer tag off before a packet socket sees the frame and tells it apart.
bool PacketPort::restore_tag(Frame& frame, void* message) {
  auto* header = static_cast<msghdr*>(message);
  for (cmsghdr* c = CMSG_FIRSTHDR(header); c != nullptr; c = CMSG_NXTHDR(header, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata aux{};
    std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
    if ((aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0) ++unfinished_checksums_;
    if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) continue;
    const bool has_tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    return push_vlan(frame, aux.tp_vlan_tci, has_tpid ? aux.tp_vlan_tpid : uint16_t{ETH_P_8021Q});
  }
  return true;
}

ReceiveResult PacketPort::receive(std::span<Frame*, kBurst> out) {
  struct alignas(cmsghdr) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(tpacket_auxdata))];
  };
  std::array<Control, kBurst> control;
  std::array<iovec, kBurst> parts;
  std::array<mmsghdr, kBurst> messages;
  for (size_t i = 0; i < kBurst; ++i) {
    parts[i] = {slots_[i]->data(), kMaxFrameBytes};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = control[i].bytes;
    messages[i].msg_hdr.msg_controllen = sizeof control[i].bytes;
  }
  ReceiveResult result;
  const int got = recvmmsg(fd_, messages.data(), kBurst, MSG_DONTWAIT, nullptr);
  for (size_t i = 0; got > 0 && i < static_cast<size_t>(got); ++i) {
    Frame* frame = slots_[i];
    Frame* next = pool_.take();
    frame->length = static_cast<uint16_t>(messages[i].msg_len);
    const bool whole = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0;
    if (next == nullptr || !whole || !restore_tag(*frame, &messages[i].msg_hdr)) {
      ++result.oversize;
      frame->clear();
      if (next != nullptr) pool_.give(next);
      continue;
    }
    slots_[i] = next;
    out[result.frames++] = frame;
  }
  return result;
}

size_t PacketPort::send(std::span<Frame* const> frames, std::span<bool> refused) {
  std::array<iovec, kBurst> parts;
  std::array<mmsghdr, kBurst> messages;
  for (size_t i = 0; i < frames.size(); ++i) {
    parts[i] = {frames[i]->data(), frames[i]->length};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    refused[i] = false;
  }
  size_t at = 0;
  size_t sent = 0;
  while (at < frames.size()) {
    const int n = sendmmsg(fd_, &messages[at], static_cast<unsigned>(frames.size() - at), 0);
    if (n > 0) {
      at += static_cast<size_t>(n);
      sent += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      refused[at++] = true;  // this one alone: the next may pass
    }
  }
  return sent;
}

uint64_t PacketPort::socket_drops() {
  tpacket_stats stats{};  // reading sets the kernel's counters to zero
  socklen_t size = sizeof stats;
  if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    socket_drops_ += stats.tp_drops;
  }
  return socket_drops_;
}

}  // namespace holdfast::lab
