// SPDX-License-Identifier: Apache-2.0
// News that come often, told less often: at once, and then once after each pause in which there
// were more. Nothing is lost: the last news are told after a pause at the latest.
//
// Asio thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace holdfast::provision {

class Pulse {
 public:
  // `tell` may destroy the pulse.
  Pulse(boost::asio::io_context& io, std::chrono::milliseconds pause, std::function<void()> tell)
      : timer_(io),
        pause_(pause),
        tell_(std::make_shared<const std::function<void()>>(std::move(tell))) {}

  // There are news.
  void beat() {
    if (std::exchange(more_, true) || pausing_) return;
    tell();
  }

 private:
  void tell() {
    more_ = false;
    pausing_ = true;
    timer_.expires_after(pause_);
    timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](boost::system::error_code error) {
      if (error || alive.expired()) return;
      pausing_ = false;
      if (more_) tell();
    });
    const auto held = tell_;
    (*held)();
  }

  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds pause_;
  const std::shared_ptr<const std::function<void()>> tell_;
  bool more_ = false, pausing_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace holdfast::provision
