// SPDX-License-Identifier: Apache-2.0
// Keys and checkpoints survive the wire, and what had keys in it is wiped.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dataplane/control/frame.hh"
#include "dataplane/control/key_texts.hh"
#include "dataplane/control/messages.hh"
#include "media/srtp/checkpoint.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

#define KEY_TEXT "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bxcg=="

media::SdesKey some_key(media::SrtpSuite suite, uint8_t first, media::SrtpMki mki = {}) {
  std::array<uint8_t, media::kMaxSrtpMasterBytes> bytes{first, 2, 3};
  const auto used = std::span(bytes).first(media::traits_of(suite).master_bytes());
  return {std::move(*media::SrtpMasterKey::from_bytes(suite, used)), 1000, mki};
}

TEST(SrtpJson, KeysSurviveTheWireAndAreWiped) {
  auto srtp = std::make_shared<LegSrtp>();
  srtp->in.emplace(some_key(media::SrtpSuite::aes_256_cm_hmac_sha1_32, 1, {UINT64_MAX, 8}));
  srtp->out.emplace(some_key(media::SrtpSuite::aead_aes_256_gcm, 7));
  CallAdd add{"call 1", {}};
  add.legs[0].interface = add.legs[1].interface = "lan";
  add.legs[1].srtp = srtp;
  add.legs[1].srtp_checkpoint = media::advance_checkpoint("").value();
  auto body = to_json(Operation(add));
  body["id"] = 9;
  body["op"] = operation_name(add);
  const auto request = decode_request(body.dump());
  ASSERT_TRUE(request) << request.error().error.message;
  const auto& read = std::get<CallAdd>(request->operation);
  EXPECT_EQ(read.legs[0].srtp, nullptr);
  const LegSrtp& legs = *read.legs[1].srtp;
  EXPECT_TRUE(legs.in->master.same_as(srtp->in->master));
  EXPECT_TRUE(legs.out->master.same_as(srtp->out->master));
  EXPECT_EQ(legs.in->mki, srtp->in->mki);
  EXPECT_EQ(legs.out->lifetime_packets, 1000U);
  EXPECT_EQ(read.legs[1].srtp_checkpoint, add.legs[1].srtp_checkpoint);

  wipe_keys(body);
  EXPECT_EQ(body["legs"][1]["srtp"]["in"]["key"], "");
  EXPECT_EQ(body["legs"][1]["srtp"]["out"]["key"], "");
  EXPECT_EQ(body["call"], "call 1");

  LegUpdate update;
  update.clear_srtp = true;
  body = to_json(Operation(update));
  EXPECT_TRUE(body["srtp"].is_null());
}

TEST(SrtpJson, CheckpointsSurviveTheWire) {
  const CheckpointPage page{{{"a", 1, "AQ=="}, {"b", UINT32_MAX, "Ag=="}}, 7};
  const auto read = checkpoint_page_from(to_json(page));
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->legs.size(), 2U);
  EXPECT_EQ(read->legs[1].call, "b");
  EXPECT_EQ(read->legs[1].leg, UINT32_MAX);
  EXPECT_EQ(read->legs[1].checkpoint, "Ag==");
  EXPECT_EQ(read->next, 7U);
  EXPECT_FALSE(checkpoint_page_from(json{{"legs", {{{"leg", 1}}}}}));
}

TEST(KeyTexts, StandBesideTheText) {
  struct Row {
    const char *text, *masked;
  };
  const Row rows[] = {
      {R"({"key":"QUJD","call":"key"})", R"({"key":"#0","call":"key"})"},
      {R"({"call":"key","keys":["key",1,{"key" : "QQ=="}],"a":{"key":"QUJD"}})",
       R"({"call":"key","keys":["key",1,{"key" : "#0"}],"a":{"key":"#1"}})"},
      {R"({"call":"\"key\":\"QUJD\"","key":"#1"})", R"({"call":"\"key\":\"QUJD\"","key":"#0"})"},
      {R"({"key":"QU\u004aD"})", R"({"key":"QU\u004aD"})"},
      {R"({"key":"","key":7,"k":"key"})", R"({"key":"","key":7,"k":"key"})"},
      {R"({"key":"QUJD)", R"({"key":"QUJD)"},
      {R"("key":"QUJD","\)", R"("key":"#0","\)"},
      {"", ""},
  };
  for (const Row& row : rows) {
    KeyTexts keys;
    EXPECT_EQ(keys.take_out(row.text), row.masked);
    EXPECT_EQ(keys.put_back(row.masked), media::WipedString(row.text));
    const auto whole = json::parse(row.text, nullptr, false);
    auto value = json::parse(row.masked, nullptr, false);
    keys.put_back(value);
    EXPECT_TRUE(whole.is_discarded() ? value.is_discarded() || value.is_string() : value == whole)
        << row.text;
  }
}

TEST(KeyTexts, OfAValueThatIsWritten) {
  json value{{"legs", {{{"key", "QUJD"}}, {{"key", "QQ=="}}}}, {"key", 7}};
  const json whole = value;
  KeyTexts keys;
  keys.take_out(value);
  EXPECT_EQ(value["legs"][0]["key"], "#0");
  EXPECT_EQ(json::parse(keys.put_back(value.dump())), whole);
  keys.put_back(value);
  EXPECT_EQ(value, whole);
  // What is no key stays where it is, and so does all beside it.
  json strange{{"a", {{"key", "#0"}}}, {"b", {{"key", "\"QUJD"}}}};
  const json before = strange;
  KeyTexts none;
  none.take_out(strange);
  EXPECT_EQ(strange, before);
  EXPECT_EQ(json::parse(none.put_back(strange.dump())), before);
}

// What a client has sent, and what the server has read, is in no buffer any more.
TEST(SrtpJson, FramesThatWereTakenAreWiped) {
  FrameReader reader;
  const std::string frame = encode_frame("{\"key\":\"" KEY_TEXT "\"}");
  reader.append(frame + frame.substr(0, 2));
  std::string_view body;
  ASSERT_EQ(reader.next(body), FrameReader::Status::kFrame);
  const char* const at = body.data();
  EXPECT_NE(std::string_view(at, body.size()).find(KEY_TEXT), std::string_view::npos);
  ASSERT_EQ(reader.next(body), FrameReader::Status::kNeedMore);
  EXPECT_EQ(std::string_view(at, frame.size() - 4).find("key"), std::string_view::npos);
  reader.append(frame.substr(2));
  ASSERT_EQ(reader.next(body), FrameReader::Status::kFrame);
  EXPECT_EQ(body, frame.substr(4));
}

}  // namespace
}  // namespace holdfast::control
