// SPDX-License-Identifier: Apache-2.0
// One dataplane per device: a lock that the kernel takes back when its holder dies.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "media/result.hh"

namespace holdfast::dataplane {

// Held as an abstract UNIX socket name, which belongs to the network namespace, as devices do:
// dataplanes in other namespaces may have a device of the same name. Start-up only.
class DeviceLock {
 public:
  // Error: "another holdfast-dataplane (pid N) has lan0".
  static Result<DeviceLock, std::string> take(std::string_view device);

  DeviceLock(DeviceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DeviceLock& operator=(DeviceLock&&) = delete;
  DeviceLock(const DeviceLock&) = delete;
  DeviceLock& operator=(const DeviceLock&) = delete;
  ~DeviceLock();

 private:
  explicit DeviceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace holdfast::dataplane
