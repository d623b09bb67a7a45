// SPDX-License-Identifier: Apache-2.0
// The control socket as a whole: turns of the owner's loop, accepting, the timer, the counters.
#include "dataplane/control/server_core.hh"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast::control {
namespace {

constexpr uint64_t kListenerId = 0;
constexpr uint64_t kTimerId = 1;
constexpr uint64_t kFirstClientId = 2;
constexpr int kEventsPerTurn = 64;
constexpr int kAcceptsPerTurn = 16;
constexpr uint32_t kTicksPerStall = 4;

constexpr std::string_view kCounterNames[] = {
#define X(id, name) name,
    HOLDFAST_CONTROL_COUNTERS(X)
#undef X
};

}  // namespace

ServerCore::ServerCore(std::unique_ptr<Listener> listener, ControlHandler& handler,
                       const ServerOptions& options)
    : listener_(std::move(listener)),
      handler_(handler),
      options_(options),
      next_id_(kFirstClientId) {}

std::string ServerCore::start() {
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!epoll_ || !timer_) return std::string("cannot make epoll or timer: ") + std::strerror(errno);
  epoll_event on_timer{EPOLLIN, {.u64 = kTimerId}};
  epoll_event on_listener{EPOLLIN, {.u64 = kListenerId}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &on_timer) != 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_->fd(), &on_listener) != 0) {
    return std::string("cannot watch the control socket: ") + std::strerror(errno);
  }
  listening_ = true;
  return "";
}

void ServerCore::on_ready() {
  epoll_event events[kEventsPerTurn];
  const int n = ::epoll_wait(epoll_.get(), events, kEventsPerTurn, 0);
  for (int i = 0; i < n; ++i) {
    const uint64_t id = events[i].data.u64;
    if (id == kListenerId) {
      accept_some();
    } else if (id == kTimerId) {
      tick();
    } else if (const auto found = clients_.find(id); found != clients_.end()) {
      on_client(found->second, events[i].events);  // else closed earlier in this turn
    }
  }
}

void ServerCore::listen_events(uint32_t events) {
  epoll_event event{events, {.u64 = kListenerId}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_->fd(), &event);
  listening_ = events != 0;
  if (!listening_) set_timer(true);
}

void ServerCore::set_timer(bool on) {
  if (on == timer_on_) return;
  const uint32_t tick_ms = std::max<uint32_t>(1, options_.stall_ms / kTicksPerStall);
  itimerspec period{};
  if (on) {
    period.it_interval.tv_sec = tick_ms / 1000;
    period.it_interval.tv_nsec = static_cast<long>(tick_ms % 1000) * 1'000'000;
    period.it_value = period.it_interval;
  }
  ::timerfd_settime(timer_.get(), 0, &period, nullptr);
  timer_on_ = on;
}

void ServerCore::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Fd fd(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
      // Out of descriptors or memory: a waiting client would wake us for ever. The timer tries
      // again.
      count(Counter::kAcceptFailed);
      return listen_events(0);
    }
    if (clients_.size() >= options_.max_clients) {
      refuse_client(fd.get());
      continue;
    }
    const uint64_t id = next_id_++;
    epoll_event event{EPOLLIN, {.u64 = id}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
      count(Counter::kAcceptFailed);
      continue;
    }
    count(Counter::kAccepted);
    Client& client = clients_[id];
    client.id = id;
    client.fd = std::move(fd);
    client.interest = EPOLLIN;
    queue(client, greeting_body());
    settle(client);
  }
}

void ServerCore::refuse_client(int fd) {
  count(Counter::kClosedTooMany);
  const auto frame = encode_frame(refusal_body(
      std::nullopt, {ErrorCode::kTooManyClients,
                     std::to_string(options_.max_clients) + " clients are connected"}));
  // The socket's buffer is empty and takes so little at once; if not, the close says it all.
  [[maybe_unused]] const auto sent = ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
}

void ServerCore::tick() {
  uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof expirations) < 0) return;
  set_timer(false);  // whoever still waits sets it again
  if (!listening_) listen_events(EPOLLIN);
  for (auto it = clients_.begin(); it != clients_.end();) {
    Client& client = (it++)->second;  // settle may remove it
    if (client.unsent() == 0) continue;
    if (++client.stalled_ticks > kTicksPerStall) end(client, Counter::kClosedSlowReader);
    settle(client);
  }
}

std::vector<NamedCount> ServerCore::counters() const {
  std::vector<NamedCount> all;
  for (size_t i = 0; i < counters_.size(); ++i) {
    all.push_back({std::string(kCounterNames[i]), counters_[i]});
  }
  return all;
}

}  // namespace holdfast::control
