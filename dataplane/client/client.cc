// SPDX-License-Identifier: Apache-2.0
// The control client: connection, greeting, requests, paging.
#include "dataplane/client/client.hh"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dataplane/control/frame.hh"
#include "dataplane/control/json_fields.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Kind = ClientError::Kind;

constexpr size_t kReadBytes = 64 * 1024;

ClientError protocol_error(const std::string& what) {
  return {Kind::kBadAnswer, "the dataplane's answer makes no sense: " + what, std::nullopt};
}

ClientError no_connection(const std::string& path) {
  const int why = errno;
  const std::string reason = path + ": " + std::strerror(why);
  if (why == EACCES || why == EPERM) {
    return {Kind::kUnreachable, "no permission to talk to holdfast-dataplane (be root): " + reason,
            std::nullopt};
  }
  if (why == EAGAIN) {  // its backlog is full
    return {Kind::kUnreachable, "holdfast-dataplane is too busy to take a client: " + reason,
            std::nullopt};
  }
  return {Kind::kUnreachable, "holdfast-dataplane is not running: " + reason, std::nullopt};
}

ClientError refusal_of(const json& answer) {
  ClientError refusal{Kind::kRefused, "the dataplane refused without a reason", std::nullopt};
  const auto error = answer.find("error");
  if (error == answer.end() || !error->is_object()) return refusal;
  std::string code, message, wrong;
  Fields fields(*error, "error", wrong);
  fields.text("code", code, Fields::kMay, 64);
  fields.text("message", message, Fields::kMay, 4096);
  refusal.code = error_code_from(code);
  if (!message.empty()) refusal.message = message;
  if (!code.empty()) refusal.message += " (" + code + ")";
  return refusal;
}

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
  ClientError lost() const {
    return {Kind::kUnreachable, "holdfast-dataplane closed the connection: " + path_, std::nullopt};
  }

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
    return ClientError{Kind::kTimeout,
                       "holdfast-dataplane did not answer within " +
                           std::to_string(timeout_.count()) + " ms: " + path_,
                       std::nullopt};
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
    if (status == FrameReader::Status::kTooLarge) return protocol_error("a frame over 1 MiB");
    if (status == FrameReader::Status::kFrame) {
      auto message = parse_json(body);
      if (!message || !message->is_object()) return protocol_error("no JSON object");
      return std::move(*message);
    }
    if (auto late = wait(POLLIN, deadline)) return *late;
    char bytes[kReadBytes];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
      in_.append({bytes, static_cast<size_t>(n)});
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
      return lost();
    }
  }
}

// The server speaks first. Its refusals (too many clients) come in the greeting's place.
std::optional<ClientError> DataplaneClient::Connection::greet() {
  const auto greeting = receive(Clock::now() + timeout_);
  if (!greeting) return greeting.error();
  if (greeting->contains("error")) return refusal_of(*greeting);
  std::string name, wrong;
  uint32_t protocol = 0;
  Fields fields(*greeting, "greeting", wrong);
  fields.text("hello", name, Fields::kMust, 64);
  fields.number("protocol", protocol, Fields::kMust);
  fields.text("version", version, Fields::kMust, 64);
  if (!wrong.empty() || name != "holdfast-dataplane") {
    return protocol_error(path_ + " is not the socket of holdfast-dataplane");
  }
  if (protocol != kProtocol) {
    return ClientError{Kind::kBadAnswer,
                       "holdfast-dataplane " + version + " speaks protocol " +
                           std::to_string(protocol) + ", this program " +
                           std::to_string(kProtocol) + "; install the same version of both",
                       ErrorCode::kWrongProtocol};
  }
  const Operation hello = Hello{kProtocol, "holdfast " + std::string(kVersion)};
  const auto answer = call(operation_name(hello), to_json(hello));
  if (!answer) return answer.error();
  return std::nullopt;
}

Result<json, ClientError> DataplaneClient::Connection::exchange(std::string_view op,
                                                                const json& params) {
  const auto deadline = Clock::now() + timeout_;
  json request = params;
  request["id"] = ++last_id_;
  request["op"] = op;
  const std::string body = dump_json(request);
  if (body.size() > kMaxFrameBytes) {
    return ClientError{Kind::kRefused, "the request is over 1 MiB", ErrorCode::kTooLarge};
  }
  if (auto error = send(encode_frame(body), deadline)) return *error;
  auto answer = receive(deadline);
  if (!answer) return answer.error();
  // A refusal without an id is of the frame itself, and this is the only one under way.
  const auto id = answer->find("id");
  const auto ok = answer->find("ok");
  const bool ours = id != answer->end() && (id->is_null() || *id == last_id_);
  if (!ours || ok == answer->end() || !ok->is_boolean()) return protocol_error("another id");
  if (!ok->get<bool>()) return refusal_of(*answer);
  answer->erase("id");
  answer->erase("ok");
  return answer;
}

Result<json, ClientError> DataplaneClient::Connection::call(std::string_view op,
                                                            const json& params) {
  if (broken_) return *broken_;
  auto answer = exchange(op, params.is_object() ? params : json::object());
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
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return no_connection(path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // Non-blocking: with the server's backlog full, connect says EAGAIN at once instead of hanging.
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return no_connection(path);
  auto connection = std::make_unique<Connection>(fd, path, timeout);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return no_connection(path);
  }
  if (auto error = connection->greet()) return *error;
  return std::unique_ptr<DataplaneClient>(new DataplaneClient(std::move(connection)));
}

Result<json, ClientError> DataplaneClient::call(std::string_view op, const json& params) {
  return connection_->call(op, params);
}

}  // namespace holdfast::control
