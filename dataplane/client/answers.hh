// SPDX-License-Identifier: Apache-2.0
// What both clients of the control socket share: the connection's start, and reading what comes
// back.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/client/client_error.hh"
#include "dataplane/control/messages.hh"
#include "media/result.hh"
#include "media/wipe.hh"

namespace holdfast::control {

// A connected, non-blocking socket, which becomes the caller's. A UNIX socket connects at once or
// not at all: a server whose backlog is full refuses instead of hanging.
Result<int, ClientError> connect_socket(const std::string& path);

ClientError senseless_answer(const std::string& what);
ClientError connection_lost(const std::string& path);
ClientError answer_late(const std::string& path, uint64_t timeout_ms);

// A frame's body as one JSON object.
Result<nlohmann::json, ClientError> read_object(std::string_view body);
// The version of a server that greets as it must. Its refusals come in the greeting's place.
Result<std::string, ClientError> read_greeting(const nlohmann::json& greeting,
                                               const std::string& path);
// The request's body; over kMaxFrameBytes it is refused.
Result<media::WipedString, ClientError> write_request(uint64_t id, std::string_view op,
                                                      const nlohmann::json& params);
// Which request an answer is for. None: a refusal of a frame whose id could not be read.
Result<std::optional<uint64_t>, ClientError> answer_id(const nlohmann::json& answer);
// The answer's members without id and ok, or the refusal in it.
Result<nlohmann::json, ClientError> read_answer(nlohmann::json answer);

// What one request of call.list brought.
struct ListedCalls {
  std::vector<CallReport> calls;
  std::optional<uint64_t> next;  // where the next page begins; none: the list has ended
};
Result<ListedCalls, ClientError> read_list(const nlohmann::json& answer, uint64_t after);

}  // namespace holdfast::control
