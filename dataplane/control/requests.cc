// SPDX-License-Identifier: Apache-2.0
// Requests: JSON to checked values on the server's side, values to JSON on the client's.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/key_texts.hh"
#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
constexpr auto kMay = Fields::kMay;
constexpr auto kMust = Fields::kMust;

constexpr size_t kMaxInterfaceName = 11;
constexpr size_t kMaxClientName = 64;
constexpr uint64_t kMaxDscp = 63;
constexpr std::string_view kRtpName = "rtp", kUdptlName = "udptl";
constexpr std::string_view kMediaNames[] = {"audio", "video", "fax"};

void read_call(Fields& fields, std::string& call) {
  fields.text("call", call, kMust, kMaxCallKeyBytes);
  if (fields.ok() && !valid_call_key(call)) {
    fields.fail("call", "needs 1 to 64 printable ASCII characters");
  }
}

// A place to send media to: one host, a port that is there, and one for RTCP.
void check_remote(Fields& fields, std::string_view key, const std::optional<SocketAddress>& a) {
  if (!a) return;
  if (a->ip.is_multicast() || a->ip.is_unspecified() || a->port == 0) {
    fields.fail(key, "needs a unicast address and a port from 1 to 65535");
  }
}

void check_remotes(Fields& fields, const std::optional<SocketAddress>& remote,
                   const std::optional<SocketAddress>& remote_rtcp, bool rtcp_mux) {
  check_remote(fields, "remote", remote);
  check_remote(fields, "remote_rtcp", remote_rtcp);
  if (remote && remote_rtcp && remote->ip.family != remote_rtcp->ip.family) {
    fields.fail("remote_rtcp", "needs the family of remote");
  }
  if (remote && remote->port == 65535 && !remote_rtcp && !rtcp_mux) {
    fields.fail("remote", "has no port above it for RTCP; give remote_rtcp");
  }
}

void read_clock_rates(Fields& fields, std::vector<ClockRate>& rates, std::string& error) {
  const auto* list = fields.list("clock_rates", kMay, kMaxClockRates);
  if (list == nullptr) return;
  rates.clear();
  for (const auto& item : *list) {
    Fields rate(item, fields.path("clock_rates"), error);
    ClockRate read;
    rate.number("payload_type", read.payload_type, kMust, 0, 127);
    rate.number("hz", read.hz, kMust, 1, 1'000'000);
    rate.refuse_others();
    rates.push_back(read);
  }
}

Media read_media(Fields& fields) {
  std::string word(to_string(Media::kAudio));
  fields.text("media", word, kMay, 16);
  const auto media = media_from(word);
  if (!media) fields.fail("media", "needs audio, video or fax");
  return media.value_or(Media::kAudio);
}

Payload read_payload(Fields& fields) {
  std::string payload(kRtpName);
  fields.text("payload", payload, kMay, 16);
  if (payload != kRtpName && payload != kUdptlName) fields.fail("payload", "needs rtp or udptl");
  return payload == kUdptlName ? Payload::kUdptl : Payload::kRtp;
}

Learn read_learn(Fields& fields) {
  std::string learn = "lock";
  fields.text("learn", learn, kMay, 16);
  if (learn != "lock" && learn != "strict") fields.fail("learn", "needs lock or strict");
  return learn == "strict" ? Learn::kStrict : Learn::kLock;
}

LegSpec read_leg_spec(const json& item, const std::string& path, std::string& error) {
  LegSpec leg;
  Fields fields(item, path, error);
  fields.text("interface", leg.interface, kMust, kMaxInterfaceName);
  fields.flag("rtcp_mux", leg.rtcp_mux, kMay);
  fields.address("remote", leg.remote, kMay);
  fields.address("remote_rtcp", leg.remote_rtcp, kMay);
  check_remotes(fields, leg.remote, leg.remote_rtcp, leg.rtcp_mux);
  if (leg.remote_rtcp && !leg.remote) fields.fail("remote_rtcp", "needs remote beside it");

  fields.number("family", leg.family, kMay);
  const bool given = item.is_object() && item.contains("family");
  if (given && leg.family != 4 && leg.family != 6) fields.fail("family", "needs 4 or 6");
  if (given && leg.remote && leg.remote->ip.family != leg.family) {
    fields.fail("family", "is not that of remote");
  }
  leg.media = read_media(fields);
  leg.payload = read_payload(fields);
  fields.number("dscp", leg.dscp, kMay, 0, kMaxDscp);
  read_clock_rates(fields, leg.clock_rates, error);

  leg.learn = read_learn(fields);
  if (leg.learn == Learn::kStrict && !leg.remote) fields.fail("learn", "strict needs a remote");

  const bool chosen = item.is_object() && item.contains("local_port");
  fields.number("local_port", leg.local_port, kMay);
  if (chosen && (leg.local_port == 0 || leg.local_port % 2 != 0)) {
    fields.fail("local_port", "needs an even port from 2 to 65534");
  }
  fields.address("local_address", leg.local_address, kMay);
  leg.srtp = read_srtp(fields, error);
  leg.srtp_checkpoint = read_checkpoint(fields);
  if (leg.srtp && leg.payload != Payload::kRtp) fields.fail("srtp", "protects RTP, not UDPTL");
  fields.flag("sealed", leg.sealed, kMay);
  if (leg.sealed && (leg.srtp || leg.payload != Payload::kRtp))
    fields.fail("sealed", "is RTP without keys of ours");
  fields.refuse_others();
  return leg;
}

Operation read_hello(Fields& fields, std::string&) {
  Hello hello;
  fields.number("protocol", hello.protocol, kMust);
  fields.text("client", hello.client, kMay, kMaxClientName);
  return hello;
}

Operation read_call_add(Fields& fields, std::string& error) {
  CallAdd add;
  read_call(fields, add.call);
  fields.flag("resume", add.resume, kMay);
  fields.flag("emergency", add.emergency, kMay);
  const auto* legs = fields.list("legs", kMust, add.legs.size());
  if (legs == nullptr) return add;
  if (legs->size() != add.legs.size()) {
    fields.fail("legs", "needs two legs");
    return add;
  }
  for (size_t i = 0; i < add.legs.size(); ++i) {
    add.legs[i] = read_leg_spec((*legs)[i], "legs[" + std::to_string(i) + "]", error);
  }
  if (add.legs[0].payload != add.legs[1].payload)
    fields.fail("legs", "need one payload: a relay turns no fax into sound");
  return add;
}

Operation read_leg_update(Fields& fields, std::string& error) {
  LegUpdate update;
  fields.number("leg", update.leg, kMust);
  update.clear_remote = fields.is_null("remote");
  update.clear_remote_rtcp = fields.is_null("remote_rtcp");
  if (!update.clear_remote) fields.address("remote", update.remote, kMay);
  if (!update.clear_remote_rtcp) fields.address("remote_rtcp", update.remote_rtcp, kMay);
  check_remotes(fields, update.remote, update.remote_rtcp, /*rtcp_mux=*/true);
  if (update.clear_remote && update.remote_rtcp)
    fields.fail("remote_rtcp", "needs remote beside it");
  if (fields.has("media")) update.media = read_media(fields);
  fields.number("dscp", update.dscp, kMay, 0, kMaxDscp);
  fields.flag("relearn", update.relearn, kMay);
  fields.flag("rtcp_mux", update.rtcp_mux, kMay);
  if (fields.has("learn")) update.learn = read_learn(fields);
  if (update.learn == Learn::kStrict && update.clear_remote)
    fields.fail("learn", "strict needs a remote");
  if (fields.has("clock_rates")) {
    update.clock_rates.emplace();
    read_clock_rates(fields, *update.clock_rates, error);
  }
  update.clear_srtp = fields.is_null("srtp");
  if (!update.clear_srtp) update.srtp = read_srtp(fields, error);
  fields.flag("sealed", update.sealed, kMay);
  if (update.srtp && update.sealed == true) fields.fail("sealed", "is RTP without keys of ours");
  return update;
}

Operation read_call_delete(Fields& fields, std::string&) {
  CallDelete del;
  read_call(fields, del.call);
  return del;
}

Operation read_call_list(Fields& fields, std::string&) {
  CallList list;
  fields.number("after", list.after, kMay);
  fields.number("limit", list.limit, kMay, 1, kMaxPageCalls);
  fields.flag("finished", list.finished, kMay);
  return list;
}

Operation read_minute_list(Fields& fields, std::string&) {
  MinuteList list;
  fields.number("after", list.after, kMay);
  fields.number("epoch", list.epoch, kMay);
  fields.number("limit", list.limit, kMay, 1, kMaxPageMinutes);
  return list;
}

Operation read_capture_start(Fields& fields, std::string&) {
  return control::read_capture_start(fields);
}

Operation read_checkpoints(Fields& fields, std::string&) {
  return read_checkpoint_list(fields);
}

template <typename T>
Operation read_capture(Fields& fields, std::string&) {
  T named;
  fields.number("capture", named.capture, kMust);
  return named;
}

Operation read_status(Fields&, std::string&) {
  return StatusGet{};
}

// In the order of Operation's alternatives.
struct OperationRow {
  std::string_view name;
  Operation (*read)(Fields& fields, std::string& error);
};
constexpr OperationRow kOperations[] = {
    {"hello", read_hello},
    {"call.add", read_call_add},
    {"leg.update", read_leg_update},
    {"call.delete", read_call_delete},
    {"call.list", read_call_list},
    {"status", read_status},
    {"minute.list", read_minute_list},
    {"capture.start", read_capture_start},
    {"capture.read", read_capture<CaptureRead>},
    {"capture.stop", read_capture<CaptureStop>},
    {"srtp.checkpoints", read_checkpoints},
};
static_assert(std::size(kOperations) == std::variant_size_v<Operation>);

const char* learn_name(Learn learn) {
  return learn == Learn::kStrict ? "strict" : "lock";
}

json to_json(const std::vector<ClockRate>& rates) {
  json j = json::array();
  for (const auto& rate : rates)
    j.push_back({{"payload_type", rate.payload_type}, {"hz", rate.hz}});
  return j;
}

json leg_spec_to_json(const LegSpec& leg) {
  json j{{"interface", leg.interface}};
  if (leg.family != 0) j["family"] = leg.family;
  if (leg.remote) j["remote"] = leg.remote->to_string();
  if (leg.remote_rtcp) j["remote_rtcp"] = leg.remote_rtcp->to_string();
  if (leg.rtcp_mux) j["rtcp_mux"] = true;
  if (leg.media != Media::kAudio) j["media"] = to_string(leg.media);
  if (leg.payload == Payload::kUdptl) j["payload"] = kUdptlName;
  if (leg.dscp) j["dscp"] = *leg.dscp;
  if (!leg.clock_rates.empty()) j["clock_rates"] = to_json(leg.clock_rates);
  if (leg.learn == Learn::kStrict) j["learn"] = learn_name(leg.learn);
  if (leg.local_port != 0) j["local_port"] = leg.local_port;
  if (leg.local_address) j["local_address"] = leg.local_address->to_string();
  if (leg.srtp) j["srtp"] = to_json(*leg.srtp);
  if (leg.sealed) j["sealed"] = true;
  if (!leg.srtp_checkpoint.empty()) j["srtp_checkpoint"] = leg.srtp_checkpoint;
  return j;
}

struct ToJson {
  json operator()(const Hello& o) const { return {{"protocol", o.protocol}, {"client", o.client}}; }
  json operator()(const CallAdd& o) const {
    json j{{"call", o.call}, {"legs", json::array()}};
    for (const LegSpec& leg : o.legs) j["legs"].push_back(leg_spec_to_json(leg));  // moves keys
    if (o.resume) j["resume"] = true;
    if (o.emergency) j["emergency"] = true;
    return j;
  }
  json operator()(const LegUpdate& o) const {
    json j{{"leg", o.leg}};
    if (o.clear_remote) j["remote"] = nullptr;
    if (o.clear_remote_rtcp) j["remote_rtcp"] = nullptr;
    if (o.remote) j["remote"] = o.remote->to_string();
    if (o.remote_rtcp) j["remote_rtcp"] = o.remote_rtcp->to_string();
    if (o.media) j["media"] = to_string(*o.media);
    if (o.dscp) j["dscp"] = *o.dscp;
    if (o.relearn) j["relearn"] = true;
    if (o.rtcp_mux) j["rtcp_mux"] = *o.rtcp_mux;
    if (o.learn) j["learn"] = learn_name(*o.learn);
    if (o.clock_rates) j["clock_rates"] = to_json(*o.clock_rates);
    if (o.srtp) j["srtp"] = to_json(*o.srtp);
    if (o.clear_srtp) j["srtp"] = nullptr;
    if (o.sealed) j["sealed"] = *o.sealed;
    return j;
  }
  json operator()(const CallDelete& o) const { return {{"call", o.call}}; }
  json operator()(const CallList& o) const {
    json j{{"limit", o.limit}};
    if (o.after != 0) j["after"] = o.after;
    if (o.finished) j["finished"] = true;
    return j;
  }
  json operator()(const StatusGet&) const { return json::object(); }
  json operator()(const MinuteList& o) const {
    json j{{"limit", o.limit}, {"after", o.after}};
    if (o.epoch) j["epoch"] = *o.epoch;
    return j;
  }
  json operator()(const CaptureStart& o) const { return control::to_json(o); }
  json operator()(const CaptureRead& o) const { return {{"capture", o.capture}}; }
  json operator()(const CaptureStop& o) const { return {{"capture", o.capture}}; }
  json operator()(const CheckpointList& o) const { return control::to_json(o); }
};

Result<Request, RequestError> read_request(const json& message) {
  std::string error;
  Fields fields(message, "", error);
  std::optional<uint64_t> id;
  fields.number("id", id, kMust);
  std::string name;
  fields.text("op", name, kMust, 64);
  if (!error.empty()) return RequestError{id, {ErrorCode::kBadRequest, error}};

  const auto* row = std::find_if(std::begin(kOperations), std::end(kOperations),
                                 [&](const auto& o) { return o.name == name; });
  if (row == std::end(kOperations)) {
    return RequestError{id,
                        {ErrorCode::kUnknownOp, "there is no operation of this name in protocol " +
                                                    std::to_string(kProtocol)}};
  }
  Request request{*id, row->read(fields, error)};
  // A hello of another protocol may say more; it is to learn that the number is wrong.
  if (!std::holds_alternative<Hello>(request.operation)) fields.refuse_others();
  if (!error.empty()) return RequestError{id, {ErrorCode::kBadRequest, error}};
  return request;
}

}  // namespace

std::string_view to_string(Media media) {
  return kMediaNames[static_cast<size_t>(media)];
}

std::optional<Media> media_from(std::string_view word) {
  const auto* name = std::find(std::begin(kMediaNames), std::end(kMediaNames), word);
  if (name == std::end(kMediaNames)) return std::nullopt;
  return static_cast<Media>(name - std::begin(kMediaNames));
}

bool valid_call_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxCallKeyBytes &&
         std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string_view operation_name(const Operation& operation) {
  return kOperations[operation.index()].name;
}

json to_json(const Operation& operation) {
  return std::visit(ToJson{}, operation);
}

Result<Request, RequestError> decode_request(std::string_view body) {
  KeyTexts keys;
  auto message = parse_json(keys.take_out(body));
  if (!message || !message->is_object()) {
    return RequestError{std::nullopt,
                        {ErrorCode::kBadJson, "the frame is not one JSON object in UTF-8, nested " +
                                                  std::to_string(kMaxJsonDepth) + " deep at most"}};
  }
  keys.put_back(*message);
  auto request = read_request(*message);
  wipe_keys(*message);
  return request;
}

}  // namespace holdfast::control
