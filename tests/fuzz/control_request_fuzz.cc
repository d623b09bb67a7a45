// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a frame, and as a stream of frames: a checked request or a named
// refusal.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "dataplane/control/frame.hh"
#include "dataplane/control/messages.hh"

using namespace holdfast::control;

namespace {

void decode(std::string_view body) {
  const auto request = decode_request(body);
  if (!request) {
    if (request.error().error.message.empty()) std::abort();
    return;
  }
  // What was accepted survives a round trip.
  auto json = to_json(request->operation);
  json["id"] = request->id;
  json["op"] = operation_name(request->operation);
  const auto again =
      decode_request(json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  if (!again && !std::holds_alternative<Hello>(request->operation)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  FrameReader reader;
  std::string_view body;
  for (size_t at = 0; at < size; at += 7) {
    reader.append(bytes.substr(at, 7));
    FrameReader::Status status{};
    while ((status = reader.next(body)) == FrameReader::Status::kFrame) decode(body);
    if (status == FrameReader::Status::kTooLarge) return 0;
    if (reader.buffered() > kFrameHeaderBytes + kMaxFrameBytes + 7) std::abort();
  }
  return 0;
}
