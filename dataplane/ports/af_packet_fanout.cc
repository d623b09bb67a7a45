// SPDX-License-Identifier: Apache-2.0
// Keeps the sockets of DPDK's af_packet driver out of fanout groups.
//
// The driver (22.11) joins one for each port, with PACKET_FANOUT_FLAG_DEFRAG and no option against
// it. The kernel then hands over whole datagrams, cut to the ring's frame: large SIP requests would
// never arrive, and fragmented media would be relayed, or vanish uncounted. And the group's number
// is made of process id and interface index, so that two programs with DPDK in one network
// namespace may get the same one, and the second of them does not start. Our ports have one socket
// each, which needs no group: the driver's call is answered here.
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" [[gnu::visibility("default")]] int setsockopt(int fd, int level, int name,
                                                         const void* value,
                                                         socklen_t size) noexcept {
  if (level == SOL_PACKET && name == PACKET_FANOUT) return 0;
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, size));
}
