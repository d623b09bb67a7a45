// SPDX-License-Identifier: Apache-2.0
// Reads one question, writes one message (RFC 1035 section 4).
#include "tests/control/names/dns_server.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>

#include "media/address.hh"

namespace holdfast::names {
namespace {

void put16(std::vector<uint8_t>& out, uint32_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8U));
  out.push_back(static_cast<uint8_t>(value));
}
void put32(std::vector<uint8_t>& out, uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xffffU);
}

std::vector<uint8_t> wire_name(const std::string& name) {
  std::vector<uint8_t> out;
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    out.push_back(static_cast<uint8_t>(end - at));
    out.insert(out.end(), name.begin() + static_cast<long>(at),
               name.begin() + static_cast<long>(end));
    at = end + 1;
  }
  out.push_back(0);
  return out;
}

}  // namespace

std::vector<uint8_t> a_data(const std::string& address) {
  const auto ip = *IpAddress::parse(address);
  return {ip.bytes.begin(), ip.bytes.begin() + static_cast<long>(ip.size())};
}

std::vector<uint8_t> srv_data(uint16_t priority, uint16_t weight, uint16_t port,
                              const std::string& target) {
  std::vector<uint8_t> out;
  for (const uint32_t value : {priority, weight, port}) put16(out, value);
  const auto name = wire_name(target);
  out.insert(out.end(), name.begin(), name.end());
  return out;
}

DnsServer::DnsServer()
    : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  ::bind(socket_, reinterpret_cast<sockaddr*>(&here), sizeof here);
  ::getsockname(socket_, reinterpret_cast<sockaddr*>(&here), &size);
  port_ = ntohs(here.sin_port);
  thread_ = std::thread([this] { serve(); });
}

DnsServer::~DnsServer() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  ::close(socket_);
  ::close(stop_);
}

void DnsServer::set(const std::string& name, uint16_t type,
                    std::vector<std::vector<uint8_t>> records, uint32_t ttl_s) {
  const std::lock_guard lock(mutex_);
  zone_[{name, type}] = {std::move(records), ttl_s};
}

void DnsServer::remove(const std::string& name, uint16_t type) {
  const std::lock_guard lock(mutex_);
  zone_.erase({name, type});
}

void DnsServer::serve() {
  for (;;) {
    pollfd polls[2] = {{socket_, POLLIN, 0}, {stop_, POLLIN, 0}};
    ::poll(polls, 2, -1);
    if (polls[1].revents != 0) return;
    std::vector<uint8_t> question(512);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const ssize_t n = ::recvfrom(socket_, question.data(), question.size(), 0,
                                 reinterpret_cast<sockaddr*>(&peer), &size);
    if (n < 12) continue;
    question.resize(static_cast<size_t>(n));
    ++questions;
    if (mood == Mood::kSilence) continue;
    const auto reply = answer(question);
    ::sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
  }
}

std::vector<uint8_t> DnsServer::answer(const std::vector<uint8_t>& question) {
  std::string name;
  size_t at = 12;
  while (at < question.size() && question[at] != 0) {
    if (!name.empty()) name += '.';
    for (size_t i = 1; i <= question[at] && at + i < question.size(); ++i)
      name += static_cast<char>(std::tolower(question[at + i]));
    at += question[at] + 1U;
  }
  const size_t end = at + 5;
  const auto type = static_cast<uint16_t>(question[at + 1] << 8U | question[at + 2]);

  const std::lock_guard lock(mutex_);
  const auto found = zone_.find({name, type});
  const bool known = found != zone_.end();
  bool any = false;  // the name has records of another type: NODATA, not NXDOMAIN
  for (const auto& [key, records] : zone_) any |= key.first == name;
  const uint32_t code = mood == Mood::kServfail ? 2 : known || any ? 0 : 3;

  std::vector<uint8_t> out(question.begin(), question.begin() + 2);
  put16(out, 0x8180U | code);
  put16(out, 1);
  put16(out, code == 0 && known ? static_cast<uint32_t>(found->second.data.size()) : 0);
  put32(out, 0);
  out.insert(out.end(), question.begin() + 12, question.begin() + static_cast<long>(end));
  if (code == 0 && known) {
    for (const auto& data : found->second.data) {
      put16(out, 0xc00c);  // the question's name
      put16(out, type);
      put16(out, 1);
      put32(out, found->second.ttl_s);
      put16(out, static_cast<uint32_t>(data.size()));
      out.insert(out.end(), data.begin(), data.end());
    }
  }
  // The head is right, so that it is taken for the answer; what follows makes no sense.
  if (mood == Mood::kGarbage)
    for (size_t i = end; i < out.size(); ++i) out[i] = 0xff;
  if (mood == Mood::kCut) out.resize(std::max(end, out.size() - 3));
  return out;
}

}  // namespace holdfast::names
