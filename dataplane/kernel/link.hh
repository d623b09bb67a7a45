// SPDX-License-Identifier: Apache-2.0
// Small questions and orders about a kernel network device: does it exist, what is it, bring it up.
//
// Every call is a few system calls in the caller's network namespace; slow thread or start-up only.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/kernel/outcome.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

struct Link {
  std::string name;
  unsigned ifindex = 0;
  MacAddress mac;
  unsigned mtu_bytes = 0;
  bool up = false;       // administratively (IFF_UP)
  bool running = false;  // up, and the carrier is there (IFF_RUNNING)
  // Receive queues in use. A `shared` port must serve all of them: what RSS puts into a queue
  // without a socket is dropped by XDP as if the dataplane were dead.
  unsigned receive_queues = 1;
  std::string driver;       // "veth", "tun", "ixgbe"; empty when the driver does not tell
  unsigned speed_mbps = 0;  // 0: unknown, or no carrier
};

// A name the kernel could give a device and that is safe to put into a path or a rule: 1 to 15 of
// letters, digits, '.', '_', '-', and neither "." nor "..".
bool is_link_name(std::string_view name);

// Refuses names that are no link name; says "no such interface" for one that does not exist.
Result<Link, std::string> find_link(std::string_view name);

// Frames that the kernel was to send by the device and dropped, since it exists. 0 when there is no
// such device.
uint64_t frames_not_sent(std::string_view name);

Outcome set_link_up(std::string_view name, bool up);
Outcome set_mtu(std::string_view name, unsigned mtu_bytes);
// The device may be up when the driver allows a live change (taps, veth).
Outcome set_mac(std::string_view name, const MacAddress& mac);

// Whether the kernel itself speaks IPv6 on the device. An owned port wants it off: else the kernel
// sends router solicitations and MLD reports from it by itself. Kernels without IPv6: done.
Outcome set_kernel_ipv6(std::string_view name, bool on);
bool kernel_ipv6(std::string_view name);  // false too when there is no such device

}  // namespace holdfast::dataplane
