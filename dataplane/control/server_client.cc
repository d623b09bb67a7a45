// SPDX-License-Identifier: Apache-2.0
// One client of the control socket: read, serve, write, close.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/reply_token.hh"
#include "dataplane/control/server_core.hh"

namespace holdfast::control {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kPauseOutputBytes = kMaxFrameBytes;  // above it, further requests wait

}  // namespace

std::string refusal_body(std::optional<uint64_t> id, const Error& error) {
  nlohmann::json j{{"ok", false},
                   {"error", {{"code", to_string(error.code)}, {"message", error.message}}}};
  j["id"] = id ? nlohmann::json(*id) : nlohmann::json();
  return dump_json(j);
}

std::string greeting_body() {
  return dump_json(
      {{"hello", "holdfast-dataplane"}, {"protocol", kProtocol}, {"version", kVersion}});
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
    return answer(client.id, request_id, greeting_body());
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
  queue(found->second, refusal_body(request_id, error));
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
    const uint64_t id = client.id;
    clients_.erase(id);
    handler_.on_client_gone(id);
    return;
  }
  const bool unsent = client.unsent() > 0;
  if (unsent) set_timer(true);
  ask_for(client, (may_read(client) ? uint32_t{EPOLLIN} : 0U) | (unsent ? uint32_t{EPOLLOUT} : 0U));
}

}  // namespace holdfast::control
