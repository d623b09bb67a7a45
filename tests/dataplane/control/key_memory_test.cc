// SPDX-License-Identifier: Apache-2.0
// A request with keys is written by the client and read by the server, and no memory that either
// gives back has a key in it: each block is searched when it is freed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dataplane/client/answers.hh"
#include "dataplane/control/frame.hh"
#include "dataplane/control/key_texts.hh"
#include "dataplane/control/messages.hh"
#include "tests/freed_memory.hh"

namespace {

// The master key as it is, and as base64; a part of it is a leak too.
constexpr char kBytes[] = "0123456789abcdefghijklmnopqr";
constexpr char kText[] = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bxcg==";
constexpr size_t kPart = 12;

}  // namespace

namespace holdfast::control {
namespace {

using nlohmann::json;

Operation request_with_keys() {
  const auto bytes = std::span(reinterpret_cast<const uint8_t*>(kBytes), sizeof kBytes - 1);
  auto srtp = std::make_shared<LegSrtp>();
  for (auto* key : {&srtp->in, &srtp->out})
    key->emplace(media::SdesKey{
        *media::SrtpMasterKey::from_bytes(media::SrtpSuite::aead_aes_128_gcm, bytes), 1000, {}});
  CallAdd add{"call 1", {}};
  for (LegSpec& leg : add.legs) {
    leg.interface = "lan";
    leg.srtp = srtp;
  }
  return add;
}

class KeyMemory : public testing::Test {
 protected:
  test::FreedMemory freed{{{kBytes, kPart}, {kText, kPart}}};
};

TEST_F(KeyMemory, WhatTheLibraryReadsOrWritesItselfIsFound) {
  { auto read = json::parse(std::string("{\"key\":\"") + kText + "\"}"); }
  EXPECT_GT(freed.seen(), 0u) << "or this test sees nothing";
}

TEST_F(KeyMemory, NoneOfTheClientsOrTheServersHasAKey) {
  {
    const Operation operation = request_with_keys();
    json params = to_json(operation);
    auto body = write_request(7, operation_name(operation), params);
    wipe_keys(params);
    ASSERT_TRUE(body);
    EXPECT_EQ(std::string_view(*body).find('#'), std::string_view::npos);
    size_t keys = 0;
    for (size_t at = 0; (at = body->find(kText, at)) != std::string::npos; ++at) ++keys;
    EXPECT_EQ(keys, 4u);
    media::WipedString frame;
    append_frame(frame, *body);
    FrameReader reader;
    for (const char each : frame) reader.append(std::string_view(&each, 1));
    std::string_view arrived;
    ASSERT_EQ(reader.next(arrived), FrameReader::Status::kFrame);
    const auto request = decode_request(arrived);
    ASSERT_TRUE(request) << request.error().error.message;
    const auto& add = std::get<CallAdd>(request->operation);
    const auto& sent = std::get<CallAdd>(operation);
    for (size_t i = 0; i < add.legs.size(); ++i) {
      EXPECT_TRUE(add.legs[i].srtp->in->master.same_as(sent.legs[i].srtp->in->master));
      EXPECT_TRUE(add.legs[i].srtp->out->master.same_as(sent.legs[i].srtp->out->master));
    }
  }
  EXPECT_EQ(freed.seen(), 0u);
}

TEST_F(KeyMemory, NorARequestThatIsRefused) {
  const Operation operation = request_with_keys();
  json params = to_json(operation);
  params["surplus"] = true;
  auto body = write_request(7, operation_name(operation), params);
  wipe_keys(params);
  ASSERT_TRUE(body);
  EXPECT_FALSE(decode_request(*body));
  EXPECT_FALSE(decode_request(std::string_view(*body).substr(0, body->size() - 1)));
  EXPECT_EQ(freed.seen(), 0u);
}

}  // namespace
}  // namespace holdfast::control
