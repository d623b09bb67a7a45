// SPDX-License-Identifier: Apache-2.0
// Doorbell on an eventfd.
#include "dataplane/runtime/doorbell.hh"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace holdfast::dataplane {

Doorbell::Doorbell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Doorbell::~Doorbell() {
  close(fd_);
}

void Doorbell::signal() const {
  // EAGAIN means that the counter is at its limit, so fd is readable already.
  [[maybe_unused]] const int failed = eventfd_write(fd_, 1);
}

void Doorbell::disarm() {
  if (armed_.exchange(false, std::memory_order_seq_cst)) return;  // nobody rang
  eventfd_t ignored = 0;
  [[maybe_unused]] const int failed = eventfd_read(fd_, &ignored);
}

}  // namespace holdfast::dataplane
