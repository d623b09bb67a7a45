// SPDX-License-Identifier: Apache-2.0
// Shares a token bucket among transfers: who finds it empty waits in line, one piece a turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

// One for all origins: uploads and downloads share the link. Asio thread.
class Throttle {
 public:
  // `bytes_per_s` 0: nobody ever waits.
  Throttle(boost::asio::io_context& io, uint64_t bytes_per_s);
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  uint64_t bytes_per_s() const;
  // Whether `who` may move a piece now. False: it stands in line, and `wake` is called once, not
  // from within, when its turn has come: the next time that it asks it may.
  bool may_pass(const void* who, std::function<void()> wake);
  void spend(size_t bytes);
  // Out of the line.
  void forget(const void* who);
  size_t waiting() const;
  // How often somebody had to wait.
  uint64_t waits() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
