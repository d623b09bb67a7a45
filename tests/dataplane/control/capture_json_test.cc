// SPDX-License-Identifier: Apache-2.0
// Captures on the wire: strict requests, pages that fit a frame, every byte as it was.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

struct Case {
  const char* members;
  const char* error;  // empty when it is good
};
class CaptureRequests : public testing::TestWithParam<Case> {};
TEST_P(CaptureRequests, HaveThisAnswer) {
  const auto request =
      decode_request("{\"id\":1,\"op\":\"capture." + std::string(GetParam().members) + "}");
  EXPECT_EQ(request ? "" : request.error().error.message, GetParam().error) << GetParam().members;
}
const Case kCases[] = {
    {R"(start","calls":["a","b c"],"legs":[4294967295],"snap":64)", ""},
    {R"(start","legs":[1])", ""},
    {R"(start")", "calls or legs must name something"},
    {R"(start","calls":[],"legs":[])", "calls or legs must name something"},
    {R"(start","calls":"a")", "calls needs a list of at most 16"},
    {R"(start","calls":[""])", "calls needs keys of 1 to 64 printable ASCII characters"},
    {R"(start","calls":[1])", "calls needs keys of 1 to 64 printable ASCII characters"},
    {R"(start","legs":[4294967296])", "legs needs numbers of legs"},
    {R"(start","legs":[-1])", "legs needs numbers of legs"},
    {R"(start","legs":["1"])", "legs needs numbers of legs"},
    {R"(start","legs":[1],"snap":63)", "snap needs a whole number from 64 to 65535"},
    {R"(start","legs":[1],"seconds":3)", "seconds is not a member of this operation"},
    {R"(read","capture":18446744073709551615)", ""},
    {R"(read")", "capture is missing"},
    {R"(read","capture":1,"wait":true)", "wait is not a member of this operation"},
    {R"(stop","capture":1)", ""},
    {R"(stop","capture":-1)", "capture needs a whole number from 0 to 18446744073709551615"},
};
INSTANTIATE_TEST_SUITE_P(Rows, CaptureRequests, testing::ValuesIn(kCases));

TEST(CaptureJson, ARequestSurvivesTheWire) {
  CaptureStart start{{"a", "b"}, {7, 9}, 96};
  json wire = to_json(Operation(start));
  wire["id"] = 1;
  wire["op"] = operation_name(Operation(start));
  const auto read = decode_request(wire.dump());
  ASSERT_TRUE(read) << read.error().error.message;
  const auto& again = std::get<CaptureStart>(read->operation);
  EXPECT_EQ(again.calls, start.calls);
  EXPECT_EQ(again.legs, start.legs);
  EXPECT_EQ(again.snap, 96);
}

TEST(CaptureJson, TheFullestPageFitsAFrame) {
  std::string every(kMaxPageFrameBytes / kMaxPageFrames, '\0');
  std::iota(every.begin(), every.end(), '\x80');
  CaptureFrame frame{UINT64_MAX, UINT32_MAX, false, UINT32_MAX, every};
  CapturePage page{{}, true, UINT64_MAX, UINT64_MAX, "call_ended"};
  page.frames.assign(kMaxPageFrames, frame);
  const json wire = to_json(page);
  EXPECT_LT(wire.dump().size() + 256, kMaxFrameBytes);
  const auto read = capture_page_from(json::parse(wire.dump()));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(to_json(*read), wire);
  EXPECT_EQ(read->frames.back().bytes, every);
  EXPECT_FALSE(capture_page_from(json::object()));
}

TEST(CaptureJson, AFrameThatCannotBeIsRefused) {
  const json good{{"time_ns", 1U}, {"leg", 1U}, {"out", true}, {"size", 3U}, {"data", "AAAA"}};
  const auto page_of = [](const json& frame) {
    json page = json::object();
    page["frames"].push_back(frame);
    return page;
  };
  const auto read = capture_page_from(page_of(good));
  EXPECT_TRUE(read) << read.error();
  for (const auto& [key, value] :
       {std::pair<const char*, json>{"size", 2U}, {"data", "A"}, {"data", "AA=A"}, {"out", 1}}) {
    json bad = good;
    bad[key] = value;
    EXPECT_FALSE(capture_page_from(page_of(bad))) << key;
  }
}

TEST(CaptureJson, WhatBeganSurvivesTheWire) {
  const CaptureBegun begun{3,
                           {{7, "a", "lan", *SocketAddress::parse("198.18.1.2:20000")},
                            {8, "a", "wan", *SocketAddress::parse("[2001:db8:2::2]:20002")}}};
  const auto read = capture_begun_from(to_json(begun));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(to_json(*read), to_json(begun));
  EXPECT_FALSE(capture_begun_from({{"capture", 1U}, {"legs", json::array({{{"leg", 1U}}})}}));
}

}  // namespace
}  // namespace holdfast::control
