// SPDX-License-Identifier: Apache-2.0
// Keys and checkpoints as JSON: requests read strictly, answers leniently.
#include <array>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/key_texts.hh"
#include "dataplane/control/messages.hh"
#include "media/base64.hh"
#include "media/srtp/checkpoint.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
constexpr auto kMay = Fields::kMay;
constexpr auto kMust = Fields::kMust;

constexpr size_t kMaxSuiteName = 64;
constexpr size_t kMaxWhy = 1024;
constexpr size_t kMaxKeyText = 128;  // 62 bytes for the longest key with its salt
constexpr std::string_view kKey = kKeyMember;

std::optional<media::SrtpMasterKey> read_master(Fields& fields, media::SrtpSuite suite) {
  std::string text;
  text.reserve(kMaxKeyText);
  fields.text(kKey, text, kMust, kMaxKeyText);
  std::array<uint8_t, media::kMaxSrtpMasterBytes> bytes{};
  const auto size = media::decode_base64(text, bytes);
  auto master = media::SrtpMasterKey::from_bytes(suite, std::span(bytes).first(size.value_or(0)));
  media::wipe(text);
  media::wipe(bytes);
  if (!master)
    fields.fail(kKey, "needs base64 of key and salt, " +
                          std::to_string(media::traits_of(suite).master_bytes()) +
                          " bytes for this suite");
  return master;
}

void read_mki(Fields& fields, media::SrtpMki& mki) {
  const bool given = fields.has("mki");
  fields.number("mki", mki.value, kMay);
  fields.number("mki_bytes", mki.bytes, given ? kMust : kMay, 1, media::kMaxMkiBytes);
  if (!given && mki.bytes != 0) fields.fail("mki", "is missing beside mki_bytes");
  if (mki.bytes != 0 && mki.bytes < 8 && mki.value >> (8 * mki.bytes) != 0)
    fields.fail("mki", "does not fit mki_bytes");
}

std::optional<media::SdesKey> read_key(Fields& srtp, std::string_view direction,
                                       std::string& error) {
  const auto* object = srtp.object(direction, kMay);
  if (object == nullptr) return std::nullopt;
  Fields fields(*object, srtp.path(direction), error);
  std::string name;
  fields.text("suite", name, kMust, kMaxSuiteName);
  const auto suite = media::srtp_suite_from(name);
  if (!suite) fields.fail("suite", "needs the name of a suite that we carry");
  auto master = suite ? read_master(fields, *suite) : std::nullopt;
  if (!master) return std::nullopt;
  media::SdesKey key{std::move(*master), media::kMaxSrtpLifetime, {}};
  fields.number("lifetime_packets", key.lifetime_packets, kMay, 1, media::kMaxSrtpLifetime);
  read_mki(fields, key.mki);
  fields.refuse_others();
  return key;
}

json to_json(const media::SdesKey& key) {
  std::string text;
  media::append_base64(key.master.bytes(), text);
  json j{{"suite", media::traits_of(key.master.suite()).name}};
  j[kKey] = text;
  media::wipe(text);
  if (key.lifetime_packets != media::kMaxSrtpLifetime) j["lifetime_packets"] = key.lifetime_packets;
  if (key.mki.bytes != 0) {
    j["mki"] = key.mki.value;
    j["mki_bytes"] = key.mki.bytes;
  }
  return j;
}

}  // namespace

SharedSrtp read_srtp(Fields& fields, std::string& error) {
  const auto* object = fields.object("srtp", kMay);
  if (object == nullptr) return nullptr;
  Fields srtp(*object, fields.path("srtp"), error);
  auto read = std::make_shared<LegSrtp>();
  read->in = read_key(srtp, "in", error);
  read->out = read_key(srtp, "out", error);
  srtp.refuse_others();
  return read;
}

json to_json(const LegSrtp& srtp) {
  json j = json::object();
  if (srtp.in) j["in"] = to_json(*srtp.in);
  if (srtp.out) j["out"] = to_json(*srtp.out);
  return j;
}

std::string read_checkpoint(Fields& fields) {
  std::string text;
  fields.text("srtp_checkpoint", text, kMay, media::kMaxCheckpointText);
  if (!text.empty() && !media::checkpoint_from_text(text))
    fields.fail("srtp_checkpoint", "needs what srtp.checkpoints gave");
  return text;
}

json to_json(const CheckpointList& list) {
  json j{{"limit", list.limit}};
  if (list.after != 0) j["after"] = list.after;
  return j;
}

CheckpointList read_checkpoint_list(Fields& fields) {
  CheckpointList list;
  fields.number("after", list.after, kMay);
  fields.number("limit", list.limit, kMay, 1, kMaxPageCheckpoints);
  return list;
}

json to_json(const CheckpointPage& page) {
  json legs = json::array();
  for (const LegCheckpoint& leg : page.legs)
    legs.push_back({{"call", leg.call}, {"leg", leg.leg}, {"checkpoint", leg.checkpoint}});
  json j{{"legs", std::move(legs)}};
  if (page.next) j["next"] = *page.next;
  return j;
}

Result<CheckpointPage, std::string> checkpoint_page_from(const json& answer) {
  std::string error;
  CheckpointPage page;
  Fields fields(answer, "", error);
  if (const auto* legs = fields.list("legs", kMust, kMaxPageCheckpoints)) {
    for (const auto& item : *legs) {
      LegCheckpoint leg;
      Fields members(item, "legs", error);
      members.text("call", leg.call, kMust, kMaxCallKeyBytes);
      members.number("leg", leg.leg, kMust);
      members.text("checkpoint", leg.checkpoint, kMust, media::kMaxCheckpointText);
      page.legs.push_back(std::move(leg));
    }
  }
  fields.number("next", page.next, kMay);
  if (!error.empty()) return error;
  return page;
}

json to_json(const SrtpReport& srtp) {
  json j = json::object();
  if (!srtp.in.empty()) j["in"] = srtp.in;
  if (!srtp.out.empty()) j["out"] = srtp.out;
  return j;
}

SrtpReport read_srtp_report(const json& object, const std::string& path, std::string& error) {
  SrtpReport srtp;
  Fields fields(object, path, error);
  fields.text("in", srtp.in, kMay, kMaxSuiteName);
  fields.text("out", srtp.out, kMay, kMaxSuiteName);
  return srtp;
}

json to_json(const SrtpEngineStatus& status) {
  return {{"engine", status.name}, {"why", status.why}, {"legs", status.legs}};
}

SrtpEngineStatus read_srtp_status(const json& object, const std::string& path, std::string& error) {
  SrtpEngineStatus status;
  Fields fields(object, path, error);
  fields.text("engine", status.name, kMay, kMaxSuiteName);
  fields.text("why", status.why, kMay, kMaxWhy);
  fields.number("legs", status.legs, kMay);
  return status;
}

}  // namespace holdfast::control
