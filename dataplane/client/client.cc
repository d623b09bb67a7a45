// SPDX-License-Identifier: Apache-2.0
// The control client: connection, greeting, requests, paging.
#include "dataplane/client/client.hh"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "dataplane/client/answers.hh"
#include "dataplane/control/frame.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Kind = ClientError::Kind;

constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

class DataplaneClient::Connection {
 public:
  Connection(int fd, std::string path, std::chrono::milliseconds timeout)
      : fd_(fd), path_(std::move(path)), timeout_(timeout) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::optional<ClientError> greet();
  Result<json, ClientError> call(std::string_view op, const json& params);
  std::string version;

 private:
  std::optional<ClientError> send(std::string_view frame, Clock::time_point deadline);
  Result<json, ClientError> receive(Clock::time_point deadline);
  Result<json, ClientError> exchange(std::string_view op, const json& params);
  std::optional<ClientError> wait(short events, Clock::time_point deadline);

  int fd_;
  std::string path_;
  std::chrono::milliseconds timeout_;
  FrameReader in_;
  uint64_t last_id_ = 0;
  std::optional<ClientError> broken_;  // the stream is out of step; every later call says so
};

std::optional<ClientError> DataplaneClient::Connection::wait(short events,
                                                             Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll{fd_, events, 0};
    const int n = ::poll(&poll, 1, left > 0 ? static_cast<int>(left) : 0);
    if (n > 0) return std::nullopt;
    if (n < 0 && errno == EINTR) continue;
    return answer_late(path_, static_cast<uint64_t>(timeout_.count()));
  }
}

std::optional<ClientError> DataplaneClient::Connection::send(std::string_view frame,
                                                             Clock::time_point deadline) {
  while (!frame.empty()) {
    const ssize_t n = ::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      frame.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (auto late = wait(POLLOUT, deadline)) return late;
    } else if (errno != EINTR) {
      return std::nullopt;  // the server closed; its last frame, still to be read, says why
    }
  }
  return std::nullopt;
}

Result<json, ClientError> DataplaneClient::Connection::receive(Clock::time_point deadline) {
  std::string_view body;
  for (;;) {
    const auto status = in_.next(body);
    if (status == FrameReader::Status::kTooLarge) return senseless_answer("a frame over 1 MiB");
    if (status == FrameReader::Status::kFrame) return read_object(body);
    if (auto late = wait(POLLIN, deadline)) return *late;
    char bytes[kReadBytes];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
      in_.append({bytes, static_cast<size_t>(n)});
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
      return connection_lost(path_);
    }
  }
}

// The server speaks first. Its refusals (too many clients) come in the greeting's place.
std::optional<ClientError> DataplaneClient::Connection::greet() {
  const auto greeting = receive(Clock::now() + timeout_);
  if (!greeting) return greeting.error();
  auto greeted = read_greeting(*greeting, path_);
  if (!greeted) return greeted.error();
  version = std::move(greeted).value();
  const Operation hello = Hello{kProtocol, "holdfast " + std::string(kVersion)};
  const auto answer = call(operation_name(hello), to_json(hello));
  if (!answer) return answer.error();
  return std::nullopt;
}

Result<json, ClientError> DataplaneClient::Connection::exchange(std::string_view op,
                                                                const json& params) {
  const auto deadline = Clock::now() + timeout_;
  const auto body = write_request(++last_id_, op, params);
  if (!body) return body.error();
  media::WipedString frame;
  append_frame(frame, *body);
  if (auto error = send(frame, deadline)) return *error;
  auto answer = receive(deadline);
  if (!answer) return answer.error();
  const auto id = answer_id(*answer);
  if (!id) return id.error();
  // A refusal without an id is of the frame itself, and this is the only one under way.
  if (id->value_or(last_id_) != last_id_) return senseless_answer("another id");
  return read_answer(std::move(answer).value());
}

Result<json, ClientError> DataplaneClient::Connection::call(std::string_view op,
                                                            const json& params) {
  if (broken_) return *broken_;
  auto answer = exchange(op, params);
  if (!answer && answer.error().kind != Kind::kRefused) broken_ = answer.error();
  return answer;
}

DataplaneClient::DataplaneClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
DataplaneClient::~DataplaneClient() = default;

const std::string& DataplaneClient::server_version() const {
  return connection_->version;
}

Result<std::unique_ptr<DataplaneClient>, ClientError> DataplaneClient::connect(
    const std::string& path, std::chrono::milliseconds timeout) {
  const auto fd = connect_socket(path);
  if (!fd) return fd.error();
  auto connection = std::make_unique<Connection>(*fd, path, timeout);
  if (auto error = connection->greet()) return *error;
  return std::unique_ptr<DataplaneClient>(new DataplaneClient(std::move(connection)));
}

Result<json, ClientError> DataplaneClient::call(std::string_view op, const json& params) {
  return connection_->call(op, params);
}

}  // namespace holdfast::control
