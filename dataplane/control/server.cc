// SPDX-License-Identifier: Apache-2.0
// The public face of the control server, and the replies it hands out.
#include "dataplane/control/server.hh"

#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/reply_token.hh"
#include "dataplane/control/server_core.hh"

namespace holdfast::control {

std::shared_ptr<ServerCore> Reply::Token::redeem() {
  if (answered) return nullptr;
  answered = true;
  auto server = core.lock();
  if (server) server->release(client_id);
  return server;
}

Reply::Token::~Token() {
  const auto server = redeem();
  if (!server) return;
  server->count(Counter::kUnanswered);
  server->refuse(client_id, request_id, {ErrorCode::kInternal, "the request was left unanswered"});
}

void Reply::send_object(const std::string& object) {
  if (const auto server = token_->redeem()) {
    server->answer(token_->client_id, token_->request_id, object);
  }
}

void Reply::send(const CallReport& report) {
  send_object(dump_json(to_json(report)));
}
void Reply::send(const LegReport& report) {
  send_object(dump_json(to_json(report)));
}
void Reply::send(const CallPage& page) {
  send_object(page.to_json());
}
void Reply::send(const StatusReport& report) {
  send_object(dump_json(to_json(report)));
}
void Reply::send(const MinutePage& page) {
  send_object(dump_json(to_json(page)));
}
void Reply::send(const CaptureBegun& begun) {
  send_object(dump_json(to_json(begun)));
}
void Reply::send(const CapturePage& page) {
  send_object(dump_json(to_json(page)));
}
void Reply::send(const CheckpointPage& page) {
  send_object(dump_json(to_json(page)));
}

uint64_t Reply::client() const {
  return token_->client_id;
}

void Reply::fail(ErrorCode code, std::string message) {
  if (const auto server = token_->redeem()) {
    server->refuse(token_->client_id, token_->request_id, {code, std::move(message)});
  }
}

Result<std::unique_ptr<ControlServer>, std::string> ControlServer::listen(
    const std::string& path, ControlHandler& handler, const ServerOptions& options) {
  auto listener = Listener::open(path);
  if (!listener) return listener.error();
  auto core = std::make_shared<ServerCore>(std::move(listener).value(), handler, options);
  if (auto wrong = core->start(); !wrong.empty()) return wrong;
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(core)));
}

ControlServer::ControlServer(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}
ControlServer::~ControlServer() = default;

int ControlServer::epoll_fd() const {
  return core_->epoll_fd();
}
void ControlServer::on_ready() {
  core_->on_ready();
}
size_t ControlServer::clients() const {
  return core_->clients();
}
std::vector<NamedCount> ControlServer::counters() const {
  return core_->counters();
}

}  // namespace holdfast::control
