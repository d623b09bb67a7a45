// SPDX-License-Identifier: Apache-2.0
// Watches and wakes the client by the SIP loop.
#include "sip/anchor/dataplane_link.hh"

#include <algorithm>

namespace holdfast::sip {

DataplaneLink::~DataplaneLink() {
  if (timer_ != 0) loop_.cancel(timer_);
}

bool DataplaneLink::watch(int fd, bool writable) {
  const unsigned events =
      writable ? unsigned{Loop::kReadable} | Loop::kWritable : unsigned{Loop::kReadable};
  if (watched_ != 0 && fd_ == fd) {
    loop_.rewatch(watched_, events);
    return true;
  }
  unwatch();
  watched_ = loop_.watch(fd, events, [this](unsigned) { client_.on_ready(); });
  fd_ = watched_ != 0 ? fd : -1;
  return watched_ != 0;
}

void DataplaneLink::unwatch() {
  if (watched_ != 0) loop_.unwatch(watched_);
  watched_ = 0;
  fd_ = -1;
}

// A timer that is set already and not later does: the client looks again by itself. So a request
// that is answered in time costs no timer of its own.
void DataplaneLink::wake_at(uint64_t ms) {
  if (timer_ != 0 && timer_ms_ <= ms) return;
  if (timer_ != 0) loop_.cancel(timer_);
  timer_ms_ = ms;
  const uint64_t now = loop_.now_ms();
  const auto wait = static_cast<uint32_t>(std::min<uint64_t>(ms > now ? ms - now : 0, UINT32_MAX));
  timer_ = loop_.after(wait, [this] {
    timer_ = 0;
    client_.on_time();
  });
}

}  // namespace holdfast::sip
