// SPDX-License-Identifier: Apache-2.0
// One dataplane per network namespace: a lock that the kernel takes back when its holder dies.
#pragma once

#include <string>
#include <utility>

#include "media/result.hh"

namespace holdfast::dataplane {

// Guards, taps and XDP programs belong to a network namespace, and each dataplane replaces the
// guards as a whole. So there is one at a time; who would take them away must hold this too. An
// abstract UNIX socket name belongs to the network namespace as well, and goes with its holder.
// Start-up only.
class InstanceLock {
 public:
  // Error: "another holdfast-dataplane (pid N) runs in this network namespace".
  static Result<InstanceLock, std::string> take();

  InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  InstanceLock& operator=(InstanceLock&&) = delete;
  InstanceLock(const InstanceLock&) = delete;
  InstanceLock& operator=(const InstanceLock&) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace holdfast::dataplane
