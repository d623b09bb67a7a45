// SPDX-License-Identifier: Apache-2.0
// Captures as JSON: requests read strictly, answers leniently.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "dataplane/control/json_fields.hh"
#include "dataplane/control/messages.hh"
#include "media/base64.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
constexpr auto kMay = Fields::kMay;
constexpr auto kMust = Fields::kMust;

constexpr size_t kMaxName = 64;

CaptureFrame read_frame(const json& item, std::string& error) {
  CaptureFrame frame;
  Fields fields(item, "frames", error);
  fields.number("time_ns", frame.unix_ns, kMust);
  fields.number("leg", frame.leg, kMust);
  fields.flag("out", frame.out, kMust);
  fields.number("size", frame.size, kMust);
  std::string text;
  fields.text("data", text, kMust, kMaxFrameBytes);
  frame.bytes.resize(std::min<size_t>(text.size(), frame.size));
  const auto size = media::decode_base64(
      text, {reinterpret_cast<uint8_t*>(frame.bytes.data()), frame.bytes.size()});
  if (!size) fields.fail("data", "needs base64 of at most size bytes");
  frame.bytes.resize(size.value_or(0));
  return frame;
}

}  // namespace

json to_json(const CaptureStart& start) {
  json j = json::object();
  if (!start.calls.empty()) j["calls"] = start.calls;
  if (!start.legs.empty()) j["legs"] = start.legs;
  if (start.snap != kMaxSnapBytes) j["snap"] = start.snap;
  return j;
}

CaptureStart read_capture_start(Fields& fields) {
  CaptureStart start;
  if (const auto* calls = fields.list("calls", kMay, kMaxCaptureCalls)) {
    for (const auto& item : *calls) {
      const auto* key = item.get_ptr<const std::string*>();
      if (key == nullptr || !valid_call_key(*key)) {
        fields.fail("calls", "needs keys of 1 to 64 printable ASCII characters");
      } else {
        start.calls.push_back(*key);
      }
    }
  }
  if (const auto* legs = fields.list("legs", kMay, kMaxCaptureLegs)) {
    for (const auto& item : *legs) {
      if (!item.is_number_unsigned() || item.get<uint64_t>() > UINT32_MAX) {
        fields.fail("legs", "needs numbers of legs");
      } else {
        start.legs.push_back(item.get<uint32_t>());
      }
    }
  }
  if (fields.ok() && start.calls.empty() && start.legs.empty())
    fields.fail("calls", "or legs must name something");
  fields.number("snap", start.snap, kMay, kMinSnapBytes, kMaxSnapBytes);
  return start;
}

json to_json(const CaptureBegun& begun) {
  json j{{"capture", begun.capture}, {"legs", json::array()}};
  for (const auto& leg : begun.legs) {
    j["legs"].push_back({{"leg", leg.leg},
                         {"call", leg.call},
                         {"interface", leg.interface},
                         {"local", leg.local.to_string()}});
  }
  return j;
}

Result<CaptureBegun, std::string> capture_begun_from(const json& answer) {
  std::string error;
  CaptureBegun begun;
  Fields fields(answer, "", error);
  fields.number("capture", begun.capture, kMust);
  if (const auto* legs = fields.list("legs", kMust, kMaxCaptureLegs)) {
    for (const auto& item : *legs) {
      CaptureLeg leg;
      Fields members(item, "legs", error);
      members.number("leg", leg.leg, kMust);
      members.text("call", leg.call, kMust, kMaxCallKeyBytes);
      members.text("interface", leg.interface, kMust, kMaxName);
      members.address("local", leg.local, kMust);
      begun.legs.push_back(std::move(leg));
    }
  }
  if (!error.empty()) return error;
  return begun;
}

json to_json(const CapturePage& page) {
  json j{{"frames", json::array()},
         {"more", page.more},
         {"missed", page.missed},
         {"refused", page.refused}};
  for (const auto& frame : page.frames) {
    std::string data;
    media::append_base64({reinterpret_cast<const uint8_t*>(frame.bytes.data()), frame.bytes.size()},
                         data);
    j["frames"].push_back({{"time_ns", frame.unix_ns},
                           {"leg", frame.leg},
                           {"out", frame.out},
                           {"size", frame.size},
                           {"data", std::move(data)}});
  }
  if (!page.ended.empty()) j["ended"] = page.ended;
  return j;
}

Result<CapturePage, std::string> capture_page_from(const json& answer) {
  std::string error;
  CapturePage page;
  Fields fields(answer, "", error);
  if (const auto* frames = fields.list("frames", kMust, kMaxPageFrames)) {
    page.frames.reserve(frames->size());
    for (const auto& item : *frames) page.frames.push_back(read_frame(item, error));
  }
  fields.flag("more", page.more, kMay);
  fields.number("missed", page.missed, kMay);
  fields.number("refused", page.refused, kMay);
  fields.text("ended", page.ended, kMay, kMaxName);
  if (!error.empty()) return error;
  return page;
}

}  // namespace holdfast::control
