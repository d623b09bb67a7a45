// SPDX-License-Identifier: Apache-2.0
// The persistent tap through which the kernel speaks on a port that DPDK owns.
//
// The tap outlives the process, so its addresses and routes do too; a new process attaches to it.
// It has one reader and writer, the slow thread. Frames carry no packet-information header and no
// offloads: what is read has its checksums filled in and is no longer than MTU plus headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/kernel/outcome.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

enum class TapIo : uint8_t {
  frame,        // one whole frame was read or written
  would_block,  // nothing to read, or no room to write: poll fd() again
  oversize,     // read: the frame did not fit into the buffer and is gone
  refused,      // write: the kernel did not take this frame (runt, or the tap is down)
  error,        // the tap itself failed (`error` is the errno): it was removed under us
};

struct TapResult {
  TapIo status;
  size_t bytes;  // length of the frame when status is `frame`, else 0
  int error;     // errno behind refused and error, else 0
};

class Tap {
 public:
  // Attaches to the tap `name` (made by an earlier run, by `ip tuntap add`, or by the OS's network
  // configuration), else makes it; then makes it persistent, gives it `mac` and `mtu_bytes` where
  // they differ, and brings it up. Addresses and routes of an existing tap stay.
  // Errors name the cause: bad name, not a tap, in use by another process, no /dev/net/tun, no
  // permission.
  static Result<Tap, std::string> open(std::string_view name, const MacAddress& mac,
                                       unsigned mtu_bytes);

  Tap(Tap&& other) noexcept;
  Tap& operator=(Tap&& other) noexcept;
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;
  ~Tap();  // closes; the tap itself stays, without carrier

  int fd() const { return fd_; }  // non-blocking, for epoll
  unsigned ifindex() const { return ifindex_; }
  const std::string& name() const { return name_; }

  // The buffer must be at least one byte longer than the longest frame (MTU + 14, + 4 for a tag):
  // a completely filled buffer counts as oversize.
  TapResult read(std::span<uint8_t> buffer);
  TapResult write(std::span<const uint8_t> frame);

 private:
  Tap(int fd, std::string name, unsigned ifindex);

  int fd_ = -1;
  unsigned ifindex_ = 0;
  std::string name_;
};

// Releases the tap: it goes, with its addresses and routes. Done too when there is none. Refuses a
// device that is no tap, and a tap that a process still uses.
Outcome remove_tap(std::string_view name);

}  // namespace holdfast::dataplane
