// SPDX-License-Identifier: Apache-2.0
// The connection's start, and reading what comes back.
#include "dataplane/client/answers.hh"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/key_texts.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
using Kind = ClientError::Kind;

ClientError no_connection(const std::string& path, int why) {
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

ClientError senseless_answer(const std::string& what) {
  return {Kind::kBadAnswer, "the dataplane's answer makes no sense: " + what, std::nullopt};
}

ClientError connection_lost(const std::string& path) {
  return {Kind::kUnreachable, "holdfast-dataplane closed the connection: " + path, std::nullopt};
}

ClientError answer_late(const std::string& path, uint64_t timeout_ms) {
  return {Kind::kTimeout,
          "holdfast-dataplane did not answer within " + std::to_string(timeout_ms) + " ms: " + path,
          std::nullopt};
}

Result<int, ClientError> connect_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return no_connection(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return no_connection(path, errno);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int why = errno;
  ::close(fd);
  return no_connection(path, why);
}

Result<json, ClientError> read_object(std::string_view body) {
  auto message = parse_json(body);
  if (!message || !message->is_object()) return senseless_answer("no JSON object");
  return std::move(*message);
}

Result<std::string, ClientError> read_greeting(const json& greeting, const std::string& path) {
  if (greeting.contains("error")) return refusal_of(greeting);
  std::string name, version, wrong;
  uint32_t protocol = 0;
  Fields fields(greeting, "greeting", wrong);
  fields.text("hello", name, Fields::kMust, 64);
  fields.number("protocol", protocol, Fields::kMust);
  fields.text("version", version, Fields::kMust, 64);
  if (!wrong.empty() || name != "holdfast-dataplane") {
    return senseless_answer(path + " is not the socket of holdfast-dataplane");
  }
  if (protocol == kProtocol) return version;
  return ClientError{Kind::kBadAnswer,
                     "holdfast-dataplane " + version + " speaks protocol " +
                         std::to_string(protocol) + ", this program " + std::to_string(kProtocol) +
                         "; install the same version of both",
                     ErrorCode::kWrongProtocol};
}

Result<media::WipedString, ClientError> write_request(uint64_t id, std::string_view op,
                                                      const json& params) {
  json request = params.is_object() ? params : json::object();
  request["id"] = id;
  request["op"] = op;
  KeyTexts keys;
  keys.take_out(request);
  media::WipedString body = keys.put_back(dump_json(request));
  wipe_keys(request);
  if (body.size() <= kMaxFrameBytes) return body;
  return ClientError{Kind::kRefused, "the request is over 1 MiB", ErrorCode::kTooLarge};
}

Result<std::optional<uint64_t>, ClientError> answer_id(const json& answer) {
  const auto id = answer.find("id");
  const auto ok = answer.find("ok");
  if (ok == answer.end() || !ok->is_boolean() || id == answer.end())
    return senseless_answer("no id or no ok");
  if (id->is_null()) return std::optional<uint64_t>();
  if (id->is_number_unsigned()) return std::optional(id->get<uint64_t>());
  return senseless_answer("another id");
}

Result<json, ClientError> read_answer(json answer) {
  if (!answer["ok"].get<bool>()) return refusal_of(answer);
  answer.erase("id");
  answer.erase("ok");
  return answer;
}

Result<ListedCalls, ClientError> read_list(const json& answer, uint64_t after) {
  ListedCalls list;
  std::string wrong;
  Fields fields(answer, "", wrong);
  fields.number("next", list.next, Fields::kMay, after + 1);
  if (const auto* calls = fields.list("calls", Fields::kMust, kMaxPageCalls)) {
    for (const auto& item : *calls) {
      auto report = call_report_from(item);
      if (!report) return senseless_answer(report.error());
      list.calls.push_back(std::move(report).value());
    }
  }
  if (!wrong.empty()) return senseless_answer(wrong);
  return list;
}

}  // namespace holdfast::control
