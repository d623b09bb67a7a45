// SPDX-License-Identifier: Apache-2.0
// Event handling of the control socket: accept, read, serve, write, close.
#include "dataplane/control/server_core.hh"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/reply_token.hh"

namespace holdfast::control {
namespace {

constexpr uint64_t kListenerId = 0;
constexpr uint64_t kTimerId = 1;
constexpr uint64_t kFirstClientId = 2;
constexpr int kEventsPerTurn = 64;
constexpr int kAcceptsPerTurn = 16;
constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kPauseOutputBytes = kMaxFrameBytes;  // above it, further requests wait
constexpr uint32_t kTicksPerStall = 4;

constexpr std::string_view kCounterNames[] = {
#define X(id, name) name,
    HOLDFAST_CONTROL_COUNTERS(X)
#undef X
};

std::string refusal(std::optional<uint64_t> id, const Error& error) {
  nlohmann::json j{{"ok", false},
                   {"error", {{"code", to_string(error.code)}, {"message", error.message}}}};
  j["id"] = id ? nlohmann::json(*id) : nlohmann::json();
  return dump_json(j);
}

std::string greeting() {
  return dump_json(
      {{"hello", "holdfast-dataplane"}, {"protocol", kProtocol}, {"version", kVersion}});
}

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
    queue(client, greeting());
    settle(client);
  }
}

void ServerCore::refuse_client(int fd) {
  count(Counter::kClosedTooMany);
  const auto frame = encode_frame(
      refusal(std::nullopt, {ErrorCode::kTooManyClients,
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

void ServerCore::on_client(Client& client, uint32_t events) {
  if ((events & EPOLLIN) != 0 && may_read(client)) {
    read_some(client);
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    end(client, Counter::kClosedByPeer);
  }
  settle(client);
}

bool ServerCore::may_read(const Client& client) const {
  return !client.dead && !client.closing && client.pending < options_.max_pending &&
         client.unsent() < kPauseOutputBytes;
}

void ServerCore::read_some(Client& client) {
  char bytes[kReadBytes];
  const ssize_t n = ::recv(client.fd.get(), bytes, sizeof bytes, 0);
  if (n > 0) {
    client.in.append({bytes, static_cast<size_t>(n)});
    serve_frames(client);
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    flush(client);
    end(client, Counter::kClosedByPeer);
  }
}

void ServerCore::serve_frames(Client& client) {
  std::string_view body;
  while (may_read(client)) {
    const auto status = client.in.next(body);
    if (status == FrameReader::Status::kNeedMore) return;
    if (status == FrameReader::Status::kTooLarge) {
      count(Counter::kClosedTooLarge);
      refuse(client.id, std::nullopt,
             {ErrorCode::kTooLarge,
              "a frame has at most " + std::to_string(kMaxFrameBytes) + " bytes"});
      client.closing = true;
      return;
    }
    serve(client, body);
  }
}

void ServerCore::serve(Client& client, std::string_view body) {
  const auto decoded = decode_request(body);
  if (!decoded) {
    const auto& [request_id, error] = decoded.error();
    count(error.code == ErrorCode::kBadJson ? Counter::kBadFrames : Counter::kBadRequests);
    return refuse(client.id, request_id, error);
  }
  count(Counter::kRequests);
  if (const auto* hello = std::get_if<Hello>(&decoded->operation)) {
    return greet(client, decoded->id, *hello);
  }
  if (!client.greeted) {
    return refuse(client.id, decoded->id,
                  {ErrorCode::kHelloFirst, "the first request must be hello"});
  }
  ++client.pending;
  handler_.handle(*decoded,
                  Reply(std::make_shared<Reply::Token>(weak_from_this(), client.id, decoded->id)));
}

void ServerCore::greet(Client& client, uint64_t request_id, const Hello& hello) {
  if (hello.protocol == kProtocol) {
    client.greeted = true;
    return answer(client.id, request_id, greeting());
  }
  count(Counter::kClosedProtocol);
  refuse(client.id, request_id,
         {ErrorCode::kWrongProtocol, "holdfast-dataplane " + std::string(kVersion) +
                                         " speaks protocol " + std::to_string(kProtocol) +
                                         ", the client " + std::to_string(hello.protocol) +
                                         "; install the same version of both"});
  client.closing = true;
}

void ServerCore::answer(uint64_t client_id, uint64_t request_id, std::string_view members) {
  const auto found = clients_.find(client_id);
  if (found == clients_.end() || found->second.dead) return count(Counter::kAnswersToGone);
  const std::string body =
      "{\"id\":" + std::to_string(request_id) + ",\"ok\":true," + std::string(members.substr(1));
  if (body.size() > kMaxFrameBytes) {
    return refuse(client_id, request_id, {ErrorCode::kInternal, "the answer does not fit a frame"});
  }
  count(Counter::kAnswers);
  queue(found->second, body);
}

void ServerCore::refuse(uint64_t client_id, std::optional<uint64_t> request_id,
                        const Error& error) {
  const auto found = clients_.find(client_id);
  if (found == clients_.end() || found->second.dead) return count(Counter::kAnswersToGone);
  count(Counter::kAnswers);
  count(Counter::kRefused);
  queue(found->second, refusal(request_id, error));
}

void ServerCore::release(uint64_t client_id) {
  const auto found = clients_.find(client_id);
  if (found != clients_.end() && found->second.pending > 0) --found->second.pending;
}

// Only notes what is to be sent and asks epoll to say when: an answer that comes outside on_ready()
// must not lead back into the handler.
void ServerCore::queue(Client& client, std::string_view body) {
  if (client.unsent() + body.size() > options_.max_output_bytes) {
    return end(client, Counter::kClosedSlowReader);
  }
  if (client.out_sent > 0) client.out.erase(0, client.out_sent);
  client.out_sent = 0;
  client.out += encode_frame(body);
  ask_for(client, client.interest | EPOLLOUT);
  set_timer(true);
}

void ServerCore::ask_for(Client& client, uint32_t interest) {
  if (interest == client.interest) return;
  client.interest = interest;
  epoll_event event{interest, {.u64 = client.id}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event);
}

void ServerCore::flush(Client& client) {
  while (!client.dead && client.unsent() > 0) {
    const ssize_t n = ::send(client.fd.get(), client.out.data() + client.out_sent, client.unsent(),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      client.out_sent += static_cast<size_t>(n);
      client.stalled_ticks = 0;
    } else if (errno != EINTR) {
      if (errno != EAGAIN) end(client, Counter::kClosedByPeer);
      return;
    }
  }
}

void ServerCore::end(Client& client, Counter why) {
  if (client.dead) return;
  client.dead = true;
  count(why);
}

// After every turn of a client: write, serve what had to wait, then ask for the right events or
// close.
void ServerCore::settle(Client& client) {
  flush(client);
  serve_frames(client);
  flush(client);
  if (client.dead || (client.closing && client.unsent() == 0)) {
    clients_.erase(client.id);
    return;
  }
  const bool unsent = client.unsent() > 0;
  if (unsent) set_timer(true);
  ask_for(client, (may_read(client) ? uint32_t{EPOLLIN} : 0U) | (unsent ? uint32_t{EPOLLOUT} : 0U));
}

std::vector<NamedCount> ServerCore::counters() const {
  std::vector<NamedCount> all;
  for (size_t i = 0; i < counters_.size(); ++i) {
    all.push_back({std::string(kCounterNames[i]), counters_[i]});
  }
  return all;
}

}  // namespace holdfast::control
