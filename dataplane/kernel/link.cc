// SPDX-License-Identifier: Apache-2.0
// Device questions by ioctl, the driver by ethtool, IPv6 by its sysctl.
#include "dataplane/kernel/link.hh"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace holdfast::dataplane {
namespace {

std::string failed(std::string_view what, std::string_view name, int error) {
  return std::string(what) + " " + std::string(name) + ": " + std::strerror(error);
}

// A datagram socket for device ioctls and a request that carries the (checked) name.
class Request {
 public:
  explicit Request(std::string_view name) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::copy(name.begin(), name.end(), ifr.ifr_name);
  }
  ~Request() {
    if (fd_ >= 0) close(fd_);
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // 0 or an errno.
  int call(unsigned long order) { return ioctl(fd_, order, &ifr) == 0 ? 0 : errno; }

  ifreq ifr{};

 private:
  int fd_;
};

Outcome refuse_name(std::string_view name) {
  return "\"" + std::string(name) + "\" is no interface name: 1 to 15 of letters, digits, . _ -";
}

Outcome change_flags(std::string_view name, short set, short clear, std::string_view what) {
  if (!is_link_name(name)) return refuse_name(name);
  Request request(name);
  if (const int e = request.call(SIOCGIFFLAGS)) return failed(what, name, e);
  const short wanted = static_cast<short>((request.ifr.ifr_flags | set) & ~clear);
  if (wanted == request.ifr.ifr_flags) return done();
  request.ifr.ifr_flags = wanted;
  if (const int e = request.call(SIOCSIFFLAGS)) return failed(what, name, e);
  return done();
}

std::string driver_of(std::string_view name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  Request request(name);
  request.ifr.ifr_data = reinterpret_cast<char*>(&info);
  if (request.call(SIOCETHTOOL) != 0) return {};
  return {info.driver, strnlen(info.driver, sizeof info.driver)};
}

unsigned receive_queues_of(std::string_view name) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  Request request(name);
  request.ifr.ifr_data = reinterpret_cast<char*>(&channels);
  if (request.call(SIOCETHTOOL) != 0) return 1;  // a driver without channels has one queue
  return std::max(1U, channels.combined_count + channels.rx_count);
}

unsigned speed_of(std::string_view name) {
  ethtool_cmd settings{};
  settings.cmd = ETHTOOL_GSET;
  Request request(name);
  request.ifr.ifr_data = reinterpret_cast<char*>(&settings);
  if (request.call(SIOCETHTOOL) != 0) return 0;
  const uint32_t mbps = ethtool_cmd_speed(&settings);
  // Drivers say "unknown" as -1, in 16 bits or in 32.
  return mbps == UINT16_MAX || mbps > INT32_MAX ? 0 : mbps;
}

}  // namespace

bool is_link_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), allowed);
}

Result<Link, std::string> find_link(std::string_view name) {
  if (!is_link_name(name)) return refuse_name(name).error();
  Link link;
  link.name = name;
  Request request(name);
  if (const int e = request.call(SIOCGIFINDEX)) {
    if (e == ENODEV) return "no such interface: " + std::string(name);
    return failed("cannot look up interface", name, e);
  }
  link.ifindex = static_cast<unsigned>(request.ifr.ifr_ifindex);
  if (const int e = request.call(SIOCGIFHWADDR)) return failed("no MAC address of", name, e);
  std::memcpy(link.mac.bytes.data(), request.ifr.ifr_hwaddr.sa_data, link.mac.bytes.size());
  if (const int e = request.call(SIOCGIFMTU)) return failed("no MTU of", name, e);
  link.mtu_bytes = static_cast<unsigned>(request.ifr.ifr_mtu);
  if (const int e = request.call(SIOCGIFFLAGS)) return failed("no flags of", name, e);
  link.up = (request.ifr.ifr_flags & IFF_UP) != 0;
  link.running = link.up && (request.ifr.ifr_flags & IFF_RUNNING) != 0;
  link.receive_queues = receive_queues_of(name);
  link.driver = driver_of(name);
  link.speed_mbps = speed_of(name);
  return link;
}

// /proc/net/dev: after the name eight counts of what came, then bytes, packets, errors and drops of
// what went.
uint64_t frames_not_sent(std::string_view name) {
  constexpr int kDropsBehind = 11;
  std::ifstream devices("/proc/thread-self/net/dev");
  for (std::string line; std::getline(devices, line);) {
    const auto colon = line.find(':');
    const auto first = line.find_first_not_of(' ');
    if (colon == std::string::npos || line.substr(first, colon - first) != name) continue;
    std::istringstream counts(line.substr(colon + 1));
    uint64_t count = 0;
    for (int i = 0; i <= kDropsBehind; ++i) counts >> count;
    return counts ? count : 0;
  }
  return 0;
}

Outcome set_link_up(std::string_view name, bool up) {
  return up ? change_flags(name, IFF_UP, 0, "cannot bring up")
            : change_flags(name, 0, IFF_UP, "cannot bring down");
}

Outcome set_mtu(std::string_view name, unsigned mtu_bytes) {
  if (!is_link_name(name)) return refuse_name(name);
  if (mtu_bytes > 65535) return "no MTU: " + std::to_string(mtu_bytes);
  Request request(name);
  request.ifr.ifr_mtu = static_cast<int>(mtu_bytes);
  if (const int e = request.call(SIOCSIFMTU)) return failed("cannot set the MTU of", name, e);
  return done();
}

Outcome set_mac(std::string_view name, const MacAddress& mac) {
  if (!is_link_name(name)) return refuse_name(name);
  Request request(name);
  request.ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (const int e = request.call(SIOCSIFHWADDR)) {
    return failed("cannot set MAC " + mac.to_string() + " of", name, e);
  }
  return done();
}

Outcome set_kernel_ipv6(std::string_view name, bool on) {
  if (!is_link_name(name)) return refuse_name(name);
  if (access("/proc/sys/net/ipv6", F_OK) != 0) return done();
  const std::string path = "/proc/sys/net/ipv6/conf/" + std::string(name) + "/disable_ipv6";
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed("cannot switch kernel IPv6 of", name, errno);
  const bool written = write(fd, on ? "0" : "1", 1) == 1;
  const int error = errno;
  close(fd);
  if (!written) return failed("cannot switch kernel IPv6 of", name, error);
  return done();
}

bool kernel_ipv6(std::string_view name) {
  if (!is_link_name(name)) return false;
  const std::string path = "/proc/sys/net/ipv6/conf/" + std::string(name) + "/disable_ipv6";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char flag = '1';
  const bool on = read(fd, &flag, 1) == 1 && flag == '0';
  close(fd);
  return on;
}

}  // namespace holdfast::dataplane
