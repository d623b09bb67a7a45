// SPDX-License-Identifier: Apache-2.0
// Two sockets on the loopback, and a thread between them.
#include "tests/provision-proxy/tftp/lossy_relay.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace holdfast::provision {
namespace {

constexpr size_t kMaxDatagram = 70'000;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made;
}

int open_socket(uint16_t* port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in local = loopback(0);
  socklen_t size = sizeof local;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&local), size) != 0) std::abort();
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
  if (port != nullptr) *port = ntohs(local.sin_port);
  return fd;
}

void send(int fd, uint16_t port, const char* bytes, ssize_t size) {
  const sockaddr_in to = loopback(port);
  ::sendto(fd, bytes, static_cast<size_t>(size), 0, reinterpret_cast<const sockaddr*>(&to),
           sizeof to);
}

ssize_t receive(int fd, char* buffer, uint16_t& port) {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t got =
      ::recvfrom(fd, buffer, kMaxDatagram, 0, reinterpret_cast<sockaddr*>(&from), &size);
  port = ntohs(from.sin_port);
  return got;
}

}  // namespace

LossyRelay::LossyRelay(const SocketAddress& server, const RelayRules& rules)
    : rules_(rules),
      server_(server),
      random_(rules.seed),
      client_side_(open_socket(&port_)),
      server_side_(open_socket(nullptr)),
      thread_([this] { run(); }) {}

LossyRelay::~LossyRelay() {
  ended_ = true;
  thread_.join();
  ::close(client_side_);
  ::close(server_side_);
}

int LossyRelay::copies() {
  if (passed_++ < rules_.spared) return 1;
  const auto chance = [this] { return static_cast<double>(random_()) / 4294967296.0; };
  if (chance() < rules_.loss) {
    ++lost_;
    return 0;
  }
  return chance() < rules_.doubled ? 2 : 1;
}

void LossyRelay::run() {
  pollfd ready[] = {{client_side_, POLLIN, 0}, {server_side_, POLLIN, 0}};
  while (!ended_) {
    if (::poll(ready, 2, 20) <= 0) continue;
    if (ready[0].revents != 0) from_client();
    if (ready[1].revents != 0) from_server();
  }
}

void LossyRelay::from_client() {
  char buffer[kMaxDatagram];
  const ssize_t size = receive(client_side_, buffer, client_port_);
  if (size < 4) return;
  const bool request = buffer[1] == 1;
  if (request) asked_ = true;
  const uint16_t to = request ? server_.port : transfer_port_;
  int left = copies();
  if (!request && last_block_seen_ && rules_.lose_last_ack) {
    ++lost_;
    left = 0;
  }
  for (; left > 0; --left) send(server_side_, to, buffer, size);
}

void LossyRelay::from_server() {
  char buffer[kMaxDatagram];
  uint16_t from = 0;
  const ssize_t size = receive(server_side_, buffer, from);
  if (size < 4) return;
  if (asked_) transfer_port_ = from;
  asked_ = false;
  if (buffer[1] == 3 && static_cast<size_t>(size) < rules_.block_bytes + 4) last_block_seen_ = true;
  for (int left = copies(); left > 0; --left) send(client_side_, client_port_, buffer, size);
}

}  // namespace holdfast::provision
