// SPDX-License-Identifier: Apache-2.0
// Persistent taps by /dev/net/tun.
#include "dataplane/kernel/tap.hh"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/kernel/link.hh"

namespace holdfast::dataplane {
namespace {

// Closes unless released.
struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int release() { return std::exchange(fd, -1); }
  int fd;
};

std::string attach_error(const std::string& name, int error) {
  switch (error) {
    case EBUSY:
      return "tap " + name + " is in use by another process";
    case EPERM:
      return "tap " + name + ": no permission (CAP_NET_ADMIN is needed)";
    case EINVAL:
      return "interface " + name + " exists and is no single-queue tap";
    default:
      return "cannot attach to tap " + name + ": " + std::strerror(error);
  }
}

// A descriptor attached to the tap `name`, which is made when it does not exist.
Result<int, std::string> attach(const std::string& name) {
  if (!is_link_name(name)) {
    return "\"" + name + "\" is no tap name: 1 to 15 of letters, digits, . _ -";
  }
  Descriptor tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (tun.fd < 0) {
    return std::string("cannot open /dev/net/tun: ") + std::strerror(errno) +
           (errno == ENOENT || errno == ENODEV ? " (is the tun module loaded?)" : "");
  }
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(tun.fd, TUNSETIFF, &request) != 0) return attach_error(name, errno);
  return tun.release();
}

Outcome prepare(const std::string& name, const MacAddress& mac, unsigned mtu_bytes) {
  const auto link = find_link(name);
  if (!link) return link.error();
  if (link->mac != mac) {
    if (auto set = set_mac(name, mac); !set) return set;
  }
  if (link->mtu_bytes != mtu_bytes) {
    if (auto set = set_mtu(name, mtu_bytes); !set) return set;
  }
  return set_link_up(name, true);
}

}  // namespace

Result<Tap, std::string> Tap::open(std::string_view name, const MacAddress& mac,
                                   unsigned mtu_bytes) {
  const std::string tap_name(name);
  const bool existed = find_link(name).ok();
  auto fd = attach(tap_name);
  if (!fd) return fd.error();
  // Until the tap is whole it is not persistent, so that a failed start leaves nothing behind.
  Tap tap(*fd, tap_name, if_nametoindex(tap_name.c_str()));
  // An offload left on by an earlier user would hand us frames without checksums.
  if (ioctl(tap.fd_, TUNSETOFFLOAD, 0UL) != 0) return attach_error(tap_name, errno);
  if (const auto prepared = prepare(tap_name, mac, mtu_bytes); !prepared) return prepared.error();
  if (!existed && ioctl(tap.fd_, TUNSETPERSIST, 1UL) != 0) {
    return "cannot make tap " + tap_name + " persistent: " + std::strerror(errno);
  }
  return tap;
}

Tap::Tap(int fd, std::string name, unsigned ifindex)
    : fd_(fd), ifindex_(ifindex), name_(std::move(name)) {}

Tap::Tap(Tap&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ifindex_(other.ifindex_), name_(std::move(other.name_)) {}

Tap& Tap::operator=(Tap&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  ifindex_ = other.ifindex_;
  name_ = std::move(other.name_);
  return *this;
}

Tap::~Tap() {
  if (fd_ >= 0) close(fd_);
}

TapResult Tap::read(std::span<uint8_t> buffer) {
  const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return {TapIo::would_block, 0, 0};
    return {TapIo::error, 0, errno};
  }
  const size_t bytes = static_cast<size_t>(n);
  // The kernel cuts a long frame to the buffer without saying so.
  if (bytes >= buffer.size()) return {TapIo::oversize, 0, 0};
  return {TapIo::frame, bytes, 0};
}

TapResult Tap::write(std::span<const uint8_t> frame) {
  const ssize_t n = ::write(fd_, frame.data(), frame.size());
  if (n >= 0) return {TapIo::frame, static_cast<size_t>(n), 0};
  switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
      return {TapIo::would_block, 0, 0};
    case EINVAL:  // shorter than an Ethernet header
    case EIO:
      return {TapIo::refused, 0, errno};  // the tap is administratively down
    default:
      return {TapIo::error, 0, errno};
  }
}

Outcome remove_tap(std::string_view name) {
  if (is_link_name(name) && !find_link(name).ok()) return done();
  const std::string tap_name(name);
  const auto fd = attach(tap_name);
  if (!fd) return fd.error();
  const Descriptor tap(*fd);
  if (ioctl(tap.fd, TUNSETPERSIST, 0UL) != 0) {
    return "cannot release tap " + tap_name + ": " + std::strerror(errno);
  }
  return done();
}

}  // namespace holdfast::dataplane
