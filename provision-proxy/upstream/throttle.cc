// SPDX-License-Identifier: Apache-2.0
// A line, a bucket and a timer.
#include "provision-proxy/upstream/throttle.hh"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <unordered_set>

#include "provision-proxy/upstream/token_bucket.hh"

namespace holdfast::provision {
namespace {

constexpr uint64_t kBurstMs = 100;  // of the rate: a queue that voice beside it does not notice
constexpr uint64_t kMinBurst = 16 * 1024;

uint64_t now_us() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

struct Throttle::Impl : std::enable_shared_from_this<Throttle::Impl> {
  struct Waiter {
    const void* who;
    std::function<void()> wake;
  };

  Impl(boost::asio::io_context& io, uint64_t bytes_per_s)
      : rate(bytes_per_s),
        bucket(bytes_per_s, std::max(kMinBurst, bytes_per_s * kBurstMs / 1000), now_us()),
        timer(io) {}

  void arm() {
    if (armed || line.empty()) return;
    armed = true;
    timer.expires_after(std::chrono::microseconds(bucket.wait_us(now_us())));
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      self->armed = false;
      self->turn();
    });
  }

  // Each that is woken moves at most one piece before it stands in line again.
  void turn() {
    size_t left = line.size();
    while (left-- > 0 && !line.empty() && bucket.ready(now_us())) {
      const Waiter next = std::move(line.front());
      line.pop_front();
      granted.insert(next.who);
      next.wake();
    }
    arm();
  }

  uint64_t rate;
  TokenBucket bucket;
  boost::asio::steady_timer timer;
  std::deque<Waiter> line;
  std::unordered_set<const void*> granted;  // woken, and not moved since
  bool armed = false;
  uint64_t waits = 0;
};

Throttle::Throttle(boost::asio::io_context& io, uint64_t bytes_per_s)
    : impl_(std::make_shared<Impl>(io, bytes_per_s)) {}
Throttle::~Throttle() {
  impl_->timer.cancel();
}

uint64_t Throttle::bytes_per_s() const {
  return impl_->rate;
}

bool Throttle::may_pass(const void* who, std::function<void()> wake) {
  if (!impl_->bucket.limited()) return true;
  if (impl_->granted.erase(who) > 0) return true;
  if (impl_->line.empty() && impl_->bucket.ready(now_us())) return true;
  const bool stands = std::any_of(impl_->line.begin(), impl_->line.end(),
                                  [&](const auto& waiter) { return waiter.who == who; });
  if (!stands) {
    ++impl_->waits;
    impl_->line.push_back({who, std::move(wake)});
  }
  impl_->arm();
  return false;
}

void Throttle::spend(size_t bytes) {
  impl_->bucket.spend(bytes, now_us());
}

void Throttle::forget(const void* who) {
  std::erase_if(impl_->line, [&](const auto& waiter) { return waiter.who == who; });
  impl_->granted.erase(who);
}

size_t Throttle::waiting() const {
  return impl_->line.size();
}
uint64_t Throttle::waits() const {
  return impl_->waits;
}

}  // namespace holdfast::provision
