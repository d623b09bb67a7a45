// SPDX-License-Identifier: Apache-2.0
// Two rtnetlink sockets: one for questions, whose answers must not wait behind news, one for news.
#include "dataplane/kernel/kernel_tables.hh"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/kernel/rtnetlink.hh"

namespace holdfast::dataplane {
namespace {

// The kernel builds dump and notification messages for buffers of at most 32 KiB.
constexpr size_t kReceiveBytes = 32768;
// News taken in one go, so that a storm of them does not starve the slow thread's other work.
constexpr int kMaxDatagramsAtOnce = 256;
// A dump that changes under the reader is asked again this often.
constexpr int kMaxDumpAttempts = 3;

class Socket {
 public:
  Socket() = default;
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  bool open() {
    fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd_ < 0) return false;
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    return bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
  }

  bool join(unsigned group) {
    return setsockopt(fd_, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
  }

  void want_buffer(int bytes) {
    // The forced form passes the system's limit; without the right to it, take what there is.
    if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

  bool send(NetlinkRequest& request) {
    const nlmsghdr* header = request.header();
    return ::send(fd_, header, header->nlmsg_len, 0) == static_cast<ssize_t>(header->nlmsg_len);
  }

  // Bytes of the next datagram; 0 for one that is not the kernel's; negative errno.
  ssize_t receive(std::array<char, kReceiveBytes>& buffer) {
    sockaddr_nl from{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t n = recvmsg(fd_, &message, 0);
    if (n < 0) return -errno;
    if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    if (from.nl_pid != 0) return 0;
    return n;
  }

 private:
  int fd_ = -1;
};

class NetlinkTables final : public KernelTables {
 public:
  NetlinkTables(Socket questions, Socket news)
      : questions_(std::move(questions)), news_(std::move(news)) {}

  Route route(unsigned ifindex, const IpAddress& destination) override {
    std::optional<Route> answer;
    const auto keep = [&](const nlmsghdr* m) { answer = read_route(m); };
    if (!ask(route_question(ifindex, destination, false), keep) || !answer) return {};
    // With a device given and no IPv4 route, Linux assumes the destination on-link; the FIB tells.
    if (answer->found && answer->gateway.is_none() && destination.is_v4()) {
      const auto nothing = [](const nlmsghdr*) {};
      if (!ask(route_question(ifindex, destination, true), nothing)) return {};
    }
    return *answer;
  }

  Neighbour neighbour(unsigned ifindex, const IpAddress& address) override {
    Neighbour result{ifindex, address, NeighbourState::unknown, {}};
    ask(neighbour_question(ifindex, address), [&](const nlmsghdr* m) {
      if (const auto n = read_neighbour(m)) {
        result.state = n->state;
        result.mac = n->mac;
      }
    });
    return result;
  }

  bool use(unsigned ifindex, const IpAddress& address) override {
    return ask(neighbour_use(ifindex, address), [](const nlmsghdr*) {});
  }

  bool for_each_neighbour(const std::function<void(const Neighbour&)>& call) override {
    for (int attempt = 0; attempt < kMaxDumpAttempts; ++attempt) {
      const bool whole = ask(neighbour_dump(), [&](const nlmsghdr* m) {
        if (const auto n = read_neighbour(m)) call(*n);
      });
      if (whole) return true;
    }
    return false;
  }

  int fd() const override { return news_.fd(); }

  void receive(const std::function<void(const KernelNews&)>& call) override {
    for (int i = 0; i < kMaxDatagramsAtOnce; ++i) {
      const ssize_t n = news_.receive(news_buffer_);
      if (n == -EAGAIN) return;
      if (n == -EINTR) continue;
      if (n < 0) {
        call({n == -EMSGSIZE ? KernelNews::malformed : KernelNews::lost, {}});
        continue;
      }
      int left = static_cast<int>(n);
      for (auto* m = reinterpret_cast<const nlmsghdr*>(news_buffer_.data()); mnl_nlmsg_ok(m, left);
           m = mnl_nlmsg_next(m, &left)) {
        if (const auto news = read_news(m)) call(*news);
      }
    }
  }

 private:
  // Sends a question and hands each message of its answer to `call`. True when it ended well.
  // The kernel works within send() and recvmsg(), so an empty queue means that nothing will come.
  template <typename Call>
  bool ask(NetlinkRequest request, const Call& call) {
    request.header()->nlmsg_seq = ++sequence_;
    const bool dump = (request.header()->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    const bool acknowledged = (request.header()->nlmsg_flags & NLM_F_ACK) != 0;
    if (!questions_.send(request)) return false;
    bool interrupted = false;
    while (true) {
      const ssize_t n = questions_.receive(buffer_);
      if (n == -EINTR) continue;
      if (n < 0) return false;
      int left = static_cast<int>(n);
      for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer_.data()); mnl_nlmsg_ok(m, left);
           m = mnl_nlmsg_next(m, &left)) {
        if (m->nlmsg_seq != sequence_) continue;
        interrupted = interrupted || (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (m->nlmsg_type == NLMSG_DONE) return !interrupted;
        if (m->nlmsg_type == NLMSG_ERROR) return error_of(m) == 0;
        call(m);
        if (!dump && !acknowledged) return true;
      }
    }
  }

  static int error_of(const nlmsghdr* message) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return -EBADMSG;
    return static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
  }

  Socket questions_;
  Socket news_;
  uint32_t sequence_ = 0;
  // Two, since the receiver of news asks questions meanwhile.
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer_{};
  alignas(nlmsghdr) std::array<char, kReceiveBytes> news_buffer_{};
};

}  // namespace

Result<std::unique_ptr<KernelTables>, std::string> open_kernel_tables(int event_buffer_bytes) {
  Socket questions;
  Socket news;
  if (!questions.open() || !news.open()) {
    return std::string("cannot open rtnetlink: ") + std::strerror(errno);
  }
  // A resync reads the whole neighbour table: the answer must not overrun its own socket.
  questions.want_buffer(1 << 20);
  news.want_buffer(event_buffer_bytes);
  for (const unsigned group : {RTNLGRP_NEIGH, RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                               RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}) {
    if (!news.join(group)) {
      return "cannot join rtnetlink group " + std::to_string(group) + ": " + std::strerror(errno);
    }
  }
  return std::unique_ptr<KernelTables>(
      std::make_unique<NetlinkTables>(std::move(questions), std::move(news)));
}

}  // namespace holdfast::dataplane
