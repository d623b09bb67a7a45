// SPDX-License-Identifier: Apache-2.0
// Wakes a sleeping thread: the ringer pays a system call only when the other side really sleeps.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast::dataplane {

// One sleeper, any number of ringers. The sleeper arms the bell, looks once more for work, then
// waits on fd(); awake again it disarms. A ring between arm() and the wait makes fd() readable, so
// no wake-up is lost.
class Doorbell {
 public:
  Doorbell();  // throws std::system_error when the kernel gives no eventfd
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  int fd() const { return fd_; }

  void ring() {
    // Pairs with the exchange in arm(): either the sleeper sees the work, or we see that it sleeps.
    if (armed_.exchange(false, std::memory_order_seq_cst)) signal();
  }
  void arm() { armed_.exchange(true, std::memory_order_seq_cst); }
  void disarm();  // also takes a pending ring off fd()

 private:
  void signal() const;

  int fd_;
  std::atomic<bool> armed_{false};
};

}  // namespace holdfast::dataplane
