// SPDX-License-Identifier: Apache-2.0
// Requests read strictly, reports that survive the way to the client, pages that fit a frame.
#include "dataplane/control/messages.hh"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "dataplane/control/frame.hh"
#include "tests/environment.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

#define KEY_TEXT "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bxcg=="

struct Case {
  const char* body;   // without id
  const char* error;  // the message; empty when it is good
};

class Decode : public testing::TestWithParam<Case> {};
TEST_P(Decode, HasThisAnswer) {
  const std::string body = "{\"id\":1," + std::string(GetParam().body) + "}";
  const auto request = decode_request(body);
  EXPECT_EQ(request ? "" : request.error().error.message, GetParam().error) << body;
  if (!request) {
    EXPECT_EQ(request.error().id, 1U);
  }
}

#define ADD(leg)                                                            \
  "\"op\":\"call.add\",\"call\":\"a\",\"legs\":[{\"interface\":\"lan\"" leg \
  "},{\"interface\":\"wan\"}]"
#define KEY_AND(members) "{\"suite\":\"AEAD_AES_128_GCM\",\"key\":\"" KEY_TEXT "\"," members "}"
#define KEY "{\"suite\":\"aead_aes_128_gcm\",\"key\":\"" KEY_TEXT "\"}"
#define UPDATE(members) "\"op\":\"leg.update\",\"leg\":1," members
const Case kCases[] = {
    {ADD(""), ""},
    {ADD(",\"family\":6"), ""},
    {ADD(",\"family\":5"), "legs[0].family needs 4 or 6"},
    {ADD(",\"family\":0"), "legs[0].family needs 4 or 6"},
    {ADD(",\"family\":6,\"remote\":\"198.18.1.10:4000\""), "legs[0].family is not that of remote"},
    {ADD(",\"remote\":\"198.18.1.10:4000\",\"remote_rtcp\":\"198.18.1.10:3990\""), ""},
    {ADD(",\"remote\":\"[2001:db8::1]:4000\""), ""},
    {ADD(",\"remote\":\"phone:4000\""),
     "legs[0].remote needs an address and a port, 198.18.1.10:4000 or [2001:db8::1]:4000"},
    {ADD(",\"remote\":\"198.18.1.10:0\""),
     "legs[0].remote needs a unicast address and a port from 1 to 65535"},
    {ADD(",\"remote\":\"224.0.0.1:4000\""),
     "legs[0].remote needs a unicast address and a port from 1 to 65535"},
    {ADD(",\"remote\":\"0.0.0.0:4000\""),
     "legs[0].remote needs a unicast address and a port from 1 to 65535"},
    {ADD(",\"remote\":\"198.18.1.10:65535\""),
     "legs[0].remote has no port above it for RTCP; give remote_rtcp"},
    {ADD(",\"remote\":\"198.18.1.10:65535\",\"rtcp_mux\":true"), ""},
    {ADD(",\"remote\":\"198.18.1.10:4000\",\"remote_rtcp\":\"[::1]:4001\""),
     "legs[0].remote_rtcp needs the family of remote"},
    {ADD(",\"remote_rtcp\":\"198.18.1.10:4001\""), "legs[0].remote_rtcp needs remote beside it"},
    {ADD(",\"media\":\"video\""), ""},
    {ADD(",\"media\":\"image\""), "legs[0].media needs audio, video or fax"},
    {ADD(",\"payload\":\"rtp\""), ""},
    {ADD(",\"payload\":\"tcp\""), "legs[0].payload needs rtp or udptl"},
    {ADD(",\"payload\":\"udptl\""), "legs need one payload: a relay turns no fax into sound"},
    {ADD(",\"dscp\":63"), ""},
    {ADD(",\"dscp\":64"), "legs[0].dscp needs a whole number from 0 to 63"},
    {ADD(",\"dscp\":-1"), "legs[0].dscp needs a whole number from 0 to 63"},
    {ADD(",\"dscp\":1.0"), "legs[0].dscp needs a whole number from 0 to 63"},
    {ADD(",\"dscp\":null"), "legs[0].dscp needs a whole number from 0 to 63"},
    {ADD(",\"rtcp_mux\":1"), "legs[0].rtcp_mux needs true or false"},
    {ADD(",\"learn\":\"lock\""), ""},
    {ADD(",\"learn\":\"strict\""), "legs[0].learn strict needs a remote"},
    {ADD(",\"learn\":\"never\""), "legs[0].learn needs lock or strict"},
    {ADD(",\"local_port\":20000"), ""},
    {ADD(",\"local_port\":20001"), "legs[0].local_port needs an even port from 2 to 65534"},
    {ADD(",\"local_port\":0"), "legs[0].local_port needs an even port from 2 to 65534"},
    {ADD(",\"local_port\":65536"), "legs[0].local_port needs a whole number from 0 to 65535"},
    {ADD(",\"clock_rates\":[{\"payload_type\":96,\"hz\":48000}]"), ""},
    {ADD(",\"clock_rates\":[{\"payload_type\":128,\"hz\":1}]"),
     "legs[0].clock_rates.payload_type needs a whole number from 0 to 127"},
    {ADD(",\"clock_rates\":[{\"payload_type\":0}]"), "legs[0].clock_rates.hz is missing"},
    {ADD(",\"clock_rates\":[1,2,3,4,5]"), "legs[0].clock_rates needs a list of at most 4"},
    {ADD(",\"clock_rates\":[1]"), "legs[0].clock_rates needs an object"},
    {ADD(",\"srtp\":{}"), ""},
    {ADD(",\"srtp\":null"), "legs[0].srtp needs an object"},
    {ADD(",\"srtp\":{\"in\":" KEY "}"), ""},
    {ADD(",\"srtp\":{\"on\":" KEY "}"), "legs[0].srtp.on is not a member of this operation"},
    {ADD(",\"payload\":\"udptl\",\"srtp\":{}"), "legs[0].srtp protects RTP, not UDPTL"},
    {ADD(",\"sealed\":true"), ""},
    {ADD(",\"sealed\":1"), "legs[0].sealed needs true or false"},
    {ADD(",\"srtp\":{},\"sealed\":true"), "legs[0].sealed is RTP without keys of ours"},
    {UPDATE("\"srtp\":{},\"sealed\":true"), "sealed is RTP without keys of ours"},
    {ADD(",\"srtp\":{\"in\":{}}"), "legs[0].srtp.in.suite is missing"},
    {ADD(",\"srtp\":{\"in\":{\"suite\":\"F8_128_HMAC_SHA1_80\",\"key\":\"c2VjcmV0\"}}"),
     "legs[0].srtp.in.suite needs the name of a suite that we carry"},
    {ADD(",\"srtp\":{\"in\":{\"suite\":\"AEAD_AES_128_GCM\",\"key\":\"c2VjcmV0\"}}"),
     "legs[0].srtp.in.key needs base64 of key and salt, 28 bytes for this suite"},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"mki\":256,\"mki_bytes\":1") "}"),
     "legs[0].srtp.out.mki does not fit mki_bytes"},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"mki\":255,\"mki_bytes\":1") "}"), ""},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"mki\":255") "}"),
     "legs[0].srtp.out.mki_bytes is missing"},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"mki_bytes\":1") "}"),
     "legs[0].srtp.out.mki is missing beside mki_bytes"},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"mki\":0,\"mki_bytes\":9") "}"),
     "legs[0].srtp.out.mki_bytes needs a whole number from 1 to 8"},
    {ADD(",\"srtp\":{\"out\":" KEY_AND("\"lifetime_packets\":0") "}"),
     "legs[0].srtp.out.lifetime_packets needs a whole number from 1 to 281474976710656"},
    {ADD(",\"srtp_checkpoint\":\"AA==\""),
     "legs[0].srtp_checkpoint needs what srtp.checkpoints gave"},
    {UPDATE("\"srtp\":null"), ""},
    {UPDATE("\"srtp\":{\"in\":" KEY "}"), ""},
    {UPDATE("\"srtp\":[]"), "srtp needs an object"},
    {"\"op\":\"srtp.checkpoints\",\"after\":1,\"limit\":2048", ""},
    {"\"op\":\"srtp.checkpoints\",\"limit\":0", "limit needs a whole number from 1 to 2048"},
    {ADD(",\"dcsp\":1"), "legs[0].dcsp is not a member of this operation"},
    {ADD("") ",\"resume\":true", ""},
    {ADD("") ",\"resume\":1", "resume needs true or false"},
    {ADD("") ",\"emergency\":true", ""},
    {ADD("") ",\"emergency\":1", "emergency needs true or false"},
    {"\"op\":\"call.add\",\"call\":\"a\"", "legs is missing"},
    {"\"op\":\"call.add\",\"call\":\"a\",\"legs\":[]", "legs needs two legs"},
    {"\"op\":\"call.add\",\"call\":\"a\",\"legs\":[{},{}]", "legs[0].interface is missing"},
    {"\"op\":\"call.add\",\"call\":\"a\",\"legs\":[1,2]", "legs[0] needs an object"},
    {"\"op\":\"call.delete\",\"call\":\"a b\"", ""},
    {"\"op\":\"call.delete\",\"call\":\"\"", "call needs 1 to 64 printable ASCII characters"},
    {"\"op\":\"call.delete\",\"call\":\"a\\nb\"", "call needs 1 to 64 printable ASCII characters"},
    {"\"op\":\"call.delete\",\"call\":\"\\u00e4\"",
     "call needs 1 to 64 printable ASCII characters"},
    {"\"op\":\"call.delete\"", "call is missing"},
    {"\"op\":\"call.delete\",\"call\":1", "call needs text of at most 64 bytes"},
    {"\"op\":\"leg.update\",\"leg\":4294967295,\"relearn\":true,\"dscp\":0", ""},
    {"\"op\":\"leg.update\",\"leg\":4294967296", "leg needs a whole number from 0 to 4294967295"},
    {"\"op\":\"leg.update\"", "leg is missing"},
    {UPDATE("\"remote\":null"), ""},
    {UPDATE("\"remote\":\"198.18.1.10:4000\",\"remote_rtcp\":null"), ""},
    {UPDATE("\"remote\":null,\"remote_rtcp\":\"198.18.1.10:4001\""),
     "remote_rtcp needs remote beside it"},
    {UPDATE("\"remote\":null,\"learn\":\"strict\""), "learn strict needs a remote"},
    {UPDATE("\"remote\":\"\""),
     "remote needs an address and a port, 198.18.1.10:4000 or [2001:db8::1]:4000"},
    {UPDATE("\"rtcp_mux\":false,\"learn\":\"strict\""), ""},
    {UPDATE("\"rtcp_mux\":null"), "rtcp_mux needs true or false"},
    {UPDATE("\"learn\":\"never\""), "learn needs lock or strict"},
    {UPDATE("\"learn\":null"), "learn needs text of at most 16 bytes"},
    {UPDATE("\"clock_rates\":[]"), ""},
    {UPDATE("\"clock_rates\":[{\"payload_type\":96}]"), "clock_rates.hz is missing"},
    {UPDATE("\"clock_rates\":null"), "clock_rates needs a list of at most 4"},
    {UPDATE("\"local_port\":20000"), "local_port is not a member of this operation"},
    {"\"op\":\"call.list\"", ""},
    {"\"op\":\"call.list\",\"limit\":256,\"after\":18446744073709551615,\"finished\":true", ""},
    {"\"op\":\"call.list\",\"limit\":257", "limit needs a whole number from 1 to 256"},
    {"\"op\":\"call.list\",\"limit\":0", "limit needs a whole number from 1 to 256"},
    {"\"op\":\"minute.list\"", ""},
    {"\"op\":\"minute.list\",\"after\":7,\"epoch\":18446744073709551615,\"limit\":1024", ""},
    {"\"op\":\"minute.list\",\"limit\":1025", "limit needs a whole number from 1 to 1024"},
    {"\"op\":\"status\"", ""},
    {"\"op\":\"status\",\"verbose\":true", "verbose is not a member of this operation"},
    {"\"op\":\"\"", "there is no operation of this name in protocol 1"},
    {"\"op\":1", "op needs text of at most 64 bytes"},
};
#undef ADD
#undef UPDATE
INSTANTIATE_TEST_SUITE_P(Requests, Decode, testing::ValuesIn(kCases));

TEST(Messages, ARequestSurvivesTheWire) {
  CallAdd add{"call 1", {}};
  add.legs[0] = {"lan",
                 4,
                 SocketAddress::parse("198.18.1.10:4000"),
                 SocketAddress::parse("198.18.1.10:3990"),
                 true,
                 0,
                 {{96, 48000}},
                 Learn::kStrict,
                 20000,
                 IpAddress::parse("198.18.1.2"),
                 Media::kFax,
                 Payload::kUdptl};
  add.legs[1].interface = "wan";
  add.legs[1].payload = Payload::kUdptl;
  CallAdd sealed{"sealed", {}};
  sealed.legs[0].interface = sealed.legs[1].interface = "lan";
  sealed.legs[0].sealed = true;
  auto sealed_body = to_json(Operation(sealed));
  sealed_body["id"] = 8;
  sealed_body["op"] = operation_name(sealed);
  const auto sealed_read = decode_request(sealed_body.dump());
  ASSERT_TRUE(sealed_read);
  EXPECT_TRUE(std::get<CallAdd>(sealed_read->operation).legs[0].sealed);
  EXPECT_FALSE(std::get<CallAdd>(sealed_read->operation).legs[1].sealed);
  auto body = to_json(Operation(add));
  body["id"] = 9;
  body["op"] = operation_name(add);
  const auto request = decode_request(body.dump());
  ASSERT_TRUE(request) << request.error().error.message;
  EXPECT_EQ(request->id, 9U);
  const auto& read = std::get<CallAdd>(request->operation);
  EXPECT_EQ(read.call, add.call);
  EXPECT_EQ(read.legs[0].remote, add.legs[0].remote);
  EXPECT_EQ(read.legs[0].remote_rtcp, add.legs[0].remote_rtcp);
  EXPECT_EQ(read.legs[0].dscp, 0);
  EXPECT_EQ(read.legs[0].local_address, add.legs[0].local_address);
  EXPECT_EQ(read.legs[0].media, Media::kFax);
  EXPECT_EQ(read.legs[0].payload, Payload::kUdptl);
  EXPECT_EQ(read.legs[1].media, Media::kAudio);
  EXPECT_EQ(read.legs[0].learn, Learn::kStrict);
  EXPECT_EQ(read.legs[0].local_port, 20000);
  EXPECT_EQ(read.legs[0].clock_rates.at(0).hz, 48000U);
  EXPECT_TRUE(read.legs[0].rtcp_mux);
  EXPECT_EQ(read.legs[1].remote, std::nullopt);
}

TEST(Messages, AnUpdateSurvivesTheWire) {
  LegUpdate update;
  update.leg = 7;
  update.clear_remote = update.clear_remote_rtcp = true;
  update.rtcp_mux = false;
  update.media = Media::kVideo;
  update.learn = Learn::kLock;
  update.sealed = false;
  update.clock_rates = {{96, 48000}};
  auto body = to_json(Operation(update));
  EXPECT_TRUE(body["remote"].is_null());
  body["id"] = 1;
  body["op"] = operation_name(update);
  const auto request = decode_request(body.dump());
  ASSERT_TRUE(request) << request.error().error.message;
  const auto& read = std::get<LegUpdate>(request->operation);
  EXPECT_TRUE(read.clear_remote && read.clear_remote_rtcp);
  EXPECT_FALSE(read.remote || read.remote_rtcp || read.dscp || read.relearn);
  EXPECT_EQ(read.rtcp_mux, false);
  EXPECT_EQ(read.sealed, false);
  EXPECT_EQ(read.media, Media::kVideo);
  EXPECT_EQ(read.learn, Learn::kLock);
  EXPECT_EQ(read.clock_rates.value().at(0).hz, 48000U);
}

CallReport full_report() {
  StreamReport stream;
  stream.ssrc = 0xffffffff;
  stream.expected = UINT64_MAX;
  stream.last_ext_seq = UINT32_MAX;
  stream.loss_runs = {{"1", 2}, {"60", 1}};
  stream.strays = 3;
  stream.lost_by_us = 8;
  stream.dscp_in_first = 63;
  stream.unmarked = UINT64_MAX;
  stream.remarked = 5;
  stream.active = true;
  LegReport leg;
  leg.leg = UINT32_MAX;
  leg.interface = "lan";
  leg.local = *SocketAddress::parse("[2001:db8::2]:20000");
  leg.local_rtcp = *SocketAddress::parse("[2001:db8::2]:20001");
  leg.learned_source = SocketAddress::parse("[2001:db8::9]:4000");
  leg.next_hop = {"resolved", MacAddress::parse("02:00:00:00:00:01"), IpAddress::parse("fe80::1")};
  leg.media = Media::kVideo;
  leg.payload = Payload::kUdptl;
  leg.mark = {34, 4};
  leg.rtcp_mark = {std::nullopt, 3};  // as it came
  leg.rx = {3, 480};
  leg.drops = {{"wrong_source", 5}};
  leg.rtcp_sent = 4;
  leg.joined_received = 2;
  leg.joined_sent = 1;
  leg.streams = {stream};
  leg.streams_left_out = 9;
  leg.folded = {9, UINT64_MAX, 90, 10, 1, 4, 11, 12};
  leg.unaccounted_packets = 7;
  leg.far_end = {{1, 2, 3, 0.25, -4, 1, 65540, 16, 2.0, 40.125}, {2, 1, 3, 0, 9, 4, 0, 0, {}, {}}};
  leg.far_end[0].round_trip_by_xr = true;
  leg.far_end[0].voip = VoipMetrics{0.125, 0.25, 0.5, 1, 300, 20000, 60, 80, 93, 4.25, 4.0};
  leg.far_end[0].statistics = StatisticsSums{5, 65535};
  leg.far_end[1].voip = VoipMetrics{};  // without what the endpoint does not know
  leg.far_end_ignored = {{"unknown_ssrc", 6}};
  leg.srtp = SrtpReport{"AEAD_AES_128_GCM", ""};
  return {"call", 1, 2, {leg, leg}};
}

TEST(Messages, AReportSurvivesTheWire) {
  const auto wire = to_json(full_report());
  const auto read = call_report_from(wire);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(to_json(*read), wire);
  EXPECT_EQ(wire["legs"][0]["streams"][0]["ssrc"], "0xffffffff");
  EXPECT_EQ(read->legs[1].streams[0].expected, UINT64_MAX);
  EXPECT_EQ(read->legs[1].streams[0].strays, 3U);
  EXPECT_EQ(read->legs[1].folded.lost, 10U);
  EXPECT_EQ(read->legs[1].media, Media::kVideo);
  EXPECT_EQ(read->legs[1].payload, Payload::kUdptl);
  EXPECT_EQ(read->legs[1].mark.dscp, 34);
  EXPECT_EQ(read->legs[1].rtcp_mark.dscp, std::nullopt);
  EXPECT_EQ(read->legs[1].streams[0].unmarked, UINT64_MAX);
  EXPECT_EQ(read->legs[1].unaccounted_packets, 7U);
  EXPECT_EQ(read->legs[1].joined_received, 2U);
  EXPECT_EQ(read->legs[1].joined_sent, 1U);
  EXPECT_EQ(read->legs[1].far_end[0].cumulative_lost, -4);
  EXPECT_EQ(read->legs[1].far_end[0].lost_beyond(), 0U);
  EXPECT_EQ(read->legs[1].far_end[1].lost_beyond(), 5U);
  EXPECT_EQ(read->legs[1].far_end[1].round_trip_ms, std::nullopt);
  EXPECT_TRUE(read->legs[1].far_end[0].round_trip_by_xr);
  EXPECT_EQ(read->legs[1].far_end[0].voip->r_factor, 93);
  EXPECT_EQ(read->legs[1].far_end[0].statistics->duplicates, 65535U);
  EXPECT_EQ(read->legs[1].far_end[1].voip->mos_lq, std::nullopt);
  EXPECT_EQ(read->legs[1].next_hop.gateway, IpAddress::parse("fe80::1"));
  EXPECT_EQ(read->legs[1].srtp->in, "AEAD_AES_128_GCM");
  EXPECT_EQ(read->legs[1].srtp->out, "");

  StatusReport status;
  status.version = "1";
  status.ports = {PortStatus{
      "lan", "owned", "null", "", "up", 10, 5, 3, 1, 6, {{"runt", 2}}, {}, 4, {100, 7, 3}}};
  status.refused = {{"no_free_port", 2}};
  status.lcores = {{1, 2, 0.5, 0}};
  status.warnings = {"w"};
  status.control = {{"accepted", 1}};
  status.resumed = {7, 1, 1500};
  status.srtp = {"ipsec-mb 1.3 (AVX2)", "the CPU has AES-NI", 12};
  status.minutes_kept = 5;
  status.minutes_dropped = 6;
  const auto again = status_report_from(to_json(status));
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(to_json(*again), to_json(status));
  EXPECT_TRUE(again->ports[0].balanced());
  EXPECT_EQ(again->ports[0].joined, 4U);
  EXPECT_EQ(again->srtp.legs, 12U);
}

TEST(Messages, MinutesSurviveTheWireAndFitAFrame) {
  MinuteRecord record;
  record.call = std::string(kMaxCallKeyBytes, '"');  // the longest as JSON
  record.number = record.minute_s = record.expected = record.received = record.lost =
      record.duplicates = UINT64_MAX;
  record.leg = record.jitter_max = record.clock_hz = record.longest_loss_run = UINT32_MAX;
  record.interface = "eleven-long";
  record.ssrc = 0;
  MinutePage page{UINT64_MAX, UINT64_MAX, true, UINT64_MAX, {}};
  page.records.assign(kMaxPageMinutes, record);
  page.records[1].ssrc.reset();
  const auto wire = to_json(page);
  EXPECT_LT(wire.dump().size() + 256, kMaxFrameBytes);
  const auto read = minute_page_from(wire);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(to_json(*read), wire);
  EXPECT_EQ(read->records[0].ssrc, 0U);
  EXPECT_EQ(read->records[1].ssrc, std::nullopt);
  EXPECT_FALSE(minute_page_from(json::object()));
}

TEST(Messages, CumulativeLossHas32BitsAndASign) {
  for (const auto& [value, good] :
       std::initializer_list<std::pair<json, bool>>{{-8388608, true},
                                                    {INT32_MIN, true},
                                                    {INT32_MAX, true},
                                                    {int64_t{INT32_MAX} + 1, false},
                                                    {int64_t{INT32_MIN} - 1, false},
                                                    {UINT64_MAX, false},
                                                    {1.5, false},
                                                    {"1", false}}) {
    auto wire = to_json(full_report());
    wire["legs"][0]["far_end"][0]["cumulative_lost"] = value;
    EXPECT_EQ(bool(call_report_from(wire)), good) << value;
  }
}

TEST(Messages, AClientToleratesNewMembersButNotWrongOnes) {
  auto wire = to_json(full_report());
  wire["new"] = 1;
  wire["legs"][0]["new"] = {1, 2};
  EXPECT_TRUE(call_report_from(wire));
  wire["legs"][0]["leg"] = -1;
  EXPECT_EQ(call_report_from(wire).error(), "legs.leg needs a whole number from 0 to 4294967295");
  EXPECT_FALSE(call_report_from(nlohmann::json::array()));
  EXPECT_FALSE(status_report_from(nlohmann::json::object()));
  wire = to_json(full_report());
  for (const char* ssrc : {"", "0x", "1234", "0xg", "0x123456789", "0x-1"}) {
    wire["legs"][0]["streams"][0]["ssrc"] = ssrc;
    EXPECT_FALSE(call_report_from(wire)) << ssrc;
  }
}

// The most that a report can carry still fits a frame, alone in a page.
TEST(Messages, TheLargestReportFitsAFrame) {
  auto report = full_report();
  auto stream = report.legs[0].streams[0];
  stream.loss_runs.clear();
  for (uint64_t i = 0; i < 1000; ++i)
    stream.loss_runs.push_back({std::to_string(UINT32_MAX - i), UINT64_MAX});
  stream.expected = stream.received = stream.lost = stream.duplicates = UINT64_MAX;
  for (auto& leg : report.legs) leg.streams.assign(100, stream);
  const auto wire = to_json(report);
  EXPECT_EQ(wire["legs"][0]["streams"].size(), kMaxStreams);
  EXPECT_EQ(wire["legs"][0]["streams_left_out"], 9 + 100 - kMaxStreams);
  CallPage page(CallList{});
  EXPECT_TRUE(page.add(report, 1));
  EXPECT_LT(page.to_json().size() + 256, kMaxFrameBytes);
}

TEST(CallPage, EndsByCountOrByBytesAndSaysWhereToGoOn) {
  CallPage small(CallList{0, 2, false});
  EXPECT_EQ(json::parse(small.to_json()), json::parse("{\"calls\":[]}"));
  EXPECT_TRUE(small.add(full_report(), 4));
  EXPECT_TRUE(small.add(full_report(), 9));
  EXPECT_FALSE(json::parse(small.to_json()).contains("next")) << "full, but nothing was left out";
  EXPECT_FALSE(small.add(full_report(), 12));
  EXPECT_EQ(json::parse(small.to_json())["next"], 9);

  auto wide = full_report();
  wide.legs[0].streams.resize(64);
  CallPage large(CallList{0, 256, false});
  uint64_t taken = 0;
  while (large.add(wide, taken + 1)) ++taken;
  EXPECT_GT(taken, 10U);
  EXPECT_LT(taken, 256U);
  const auto page = json::parse(large.to_json());
  EXPECT_EQ(page["next"], taken);
  EXPECT_EQ(page["calls"].size(), taken);
  EXPECT_LT(large.to_json().size() + 64, kMaxFrameBytes);
}

TEST(Frame, ComesTogetherFromAnyPieces) {
  const std::string stream = encode_frame("one") + encode_frame("") + encode_frame("three");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::vector<std::string> bodies;
    for (size_t at = 0; at < stream.size(); at += piece) {
      reader.append(std::string_view(stream).substr(at, piece));
      std::string_view body;
      while (reader.next(body) == FrameReader::Status::kFrame) bodies.emplace_back(body);
    }
    EXPECT_EQ(bodies, (std::vector<std::string>{"one", "", "three"})) << piece;
    EXPECT_EQ(reader.buffered(), 0U);
  }
}

// meson runs this test at the top of the source tree.
TEST(ErrorCodes, StandInTheContract) {
  std::ifstream file(test::environment("HOLDFAST_SOURCE_ROOT") + "/docs/control-socket.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (uint8_t i = 0; i <= static_cast<uint8_t>(ErrorCode::kInternal); ++i) {
    const ErrorCode code{i};
    const auto row =
        "| `" + std::string(to_string(code)) + "` | " + std::string(meaning(code)) + " |";
    EXPECT_NE(page.find(row), std::string::npos) << "docs/control-socket.md lacks: " << row;
  }
}

TEST(ErrorCodes, NamesAreUniqueAndReadBack) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(ErrorCode::kInternal); ++i) {
    EXPECT_EQ(error_code_from(to_string(ErrorCode{i})), ErrorCode{i});
  }
  EXPECT_EQ(error_code_from("nonsense"), std::nullopt);
}

}  // namespace
}  // namespace holdfast::control
