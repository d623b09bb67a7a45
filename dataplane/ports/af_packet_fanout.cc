// SPDX-License-Identifier: Apache-2.0
// Keeps the kernel from putting IPv4 fragments together in front of DPDK's af_packet driver.
//
// The driver joins a fanout group with PACKET_FANOUT_FLAG_DEFRAG and has no option against it
// (22.11). The kernel then hands over whole datagrams, cut to the ring's frame: large SIP requests
// would never arrive, and fragmented media would be relayed, or vanish uncounted. So the driver's
// call is answered here with that flag taken out. A group of one socket has no other use for it.
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

extern "C" [[gnu::visibility("default")]] int setsockopt(int fd, int level, int name,
                                                         const void* value,
                                                         socklen_t size) noexcept {
  unsigned fanout = 0;
  if (level == SOL_PACKET && name == PACKET_FANOUT && size == sizeof fanout) {
    std::memcpy(&fanout, value, sizeof fanout);
    fanout &= ~(unsigned{PACKET_FANOUT_FLAG_DEFRAG} << 16);
    value = &fanout;
  }
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, size));
}
