// SPDX-License-Identifier: Apache-2.0
// What bodies take of a link, by table: codecs, packet times, families, b=AS, what is not counted.
#include "media/sdp_bandwidth.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::media {
namespace {

const std::string k4 = "v=0\r\no=- 1 1 IN IP4 198.18.1.10\r\ns=-\r\nc=IN IP4 198.18.1.10\r\n";
const std::string k6 = "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\n";

MediaDemand demand(const std::string& text, const MediaPolicy& policy = {},
                   std::span<const uint32_t> trailer_bytes = {}) {
  const auto sdp = parse_sdp(text);
  EXPECT_TRUE(sdp) << text;
  if (!sdp) return {};
  const auto media = describe_media(*sdp);
  EXPECT_TRUE(media) << text;
  return media ? sum_of(demands_of_lines(*sdp, *media, policy), trailer_bytes) : MediaDemand{};
}

struct Row {
  const char* name;
  std::string body;
  uint32_t overhead_bytes;
  uint32_t kbit;
};

TEST(SdpBandwidth, OfABody) {
  const std::string g729 = "m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n";
  const Row rows[] = {
      {"G.711 20 ms", k4 + "m=audio 4000 RTP/AVP 0\r\n", 0, 80},
      {"with Ethernet", k4 + "m=audio 4000 RTP/AVP 0\r\n", 18, 88},  // 87.2
      {"with a VLAN tag", k4 + "m=audio 4000 RTP/AVP 0\r\n", 22, 89},
      {"G.711 30 ms", k4 + "m=audio 4000 RTP/AVP 8\r\na=ptime:30\r\n", 0, 75},
      {"G.711 10 ms", k4 + "m=audio 4000 RTP/AVP 8\r\na=ptime:10\r\n", 0, 96},
      {"G.711 over IPv6", k6 + "m=audio 4000 RTP/AVP 0\r\n", 0, 88},
      {"G.729 with events", k4 + g729, 0, 24},
      {"G.723.1 has frames of 30 ms", k4 + "m=audio 4000 RTP/AVP 4\r\n", 0, 18},
      {"the dearest that is offered", k4 + "m=audio 4000 RTP/AVP 18 0 13\r\n", 0, 80},
      {"b=AS below the dearest", k4 + "m=audio 4000 RTP/AVP 18 0\r\nb=AS:30\r\n", 0, 30},
      {"b=AS that no codec can keep to", k4 + "m=audio 4000 RTP/AVP 0\r\nb=AS:1\r\n", 0, 80},
      {"Opus that says its rate",
       k4 + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
            "a=fmtp:96 useinbandfec=1;maxaveragebitrate=24000\r\n",
       0, 40},
      {"rtpmap of another spelling", k4 + "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 G729/8000\r\n", 0,
       24},
      {"an unknown codec", k4 + "m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 new/8000\r\n", 0, 80},
      {"events alone", k4 + "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n", 0,
       80},
      {"a packet time beyond reason", k4 + "m=audio 4000 RTP/AVP 0\r\na=ptime:60000\r\n", 0, 66},
      {"video by b=AS", k4 + g729 + "m=video 4002 RTP/AVP 98\r\nb=AS:384\r\n", 0, 408},
      {"video without", k4 + g729 + "m=video 4002 RTP/AVP 98\r\n", 0, 1048},
      {"refused video", k4 + g729 + "m=video 0 RTP/AVP 98\r\nb=AS:384\r\n", 0, 24},
      {"nothing in use", k4 + "m=audio 0 RTP/AVP 0\r\n", 0, 0},
      {"on hold it keeps its place", k4 + "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n", 0, 80},
      {"a lie stays bounded", k4 + "m=video 4002 RTP/AVP 98\r\nb=AS:4294967295\r\n", 0, 100000},
  };
  for (const Row& row : rows)
    EXPECT_EQ(kbit_of(demand(row.body), row.overhead_bytes), row.kbit) << row.name;
}

TEST(SdpBandwidth, WhatSrtpAddsToEachLine) {
  const uint32_t trailers[] = {16, 10, 10};
  const std::string lines =
      "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/SAVP 98\r\nb=AS:960\r\n"
      "m=image 4004 udptl t38\r\n";
  EXPECT_EQ(demand(k4 + lines).bits_per_s, 80'000u + 960'000u + 80'000u);
  EXPECT_EQ(demand(k4 + lines, {}, trailers).bits_per_s,
            80'000u + 50 * 16 * 8 + 960'000u + 100 * 10 * 8 + 80'000u)
      << "none in UDPTL";
  EXPECT_EQ(demand(k4 + lines, {}, {trailers, 1}).bits_per_s, 1'126'400u) << "the others are plain";
  // b=AS has it in it where the line has SRTP, and where not SRTP comes on top.
  const std::string secure = k4 + "m=audio 4000 RTP/SAVP 18 0\r\nb=AS:60\r\n";
  EXPECT_EQ(demand(secure, {}, {trailers + 1, 1}).bits_per_s, 60'000u);
  EXPECT_EQ(demand(secure).bits_per_s, 56'000u);
  const std::string plain = k4 + "m=audio 4000 RTP/AVP 18 0\r\nb=AS:60\r\n";
  EXPECT_EQ(demand(plain, {}, {trailers + 1, 1}).bits_per_s, 64'000u);
}

TEST(SdpBandwidth, WhatThePolicyRefusesTakesNothing) {
  MediaPolicy policy;
  policy.video = policy.fax = MediaAction::refuse;
  const std::string body = k4 +
                           "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 98\r\nb=AS:384\r\n"
                           "m=image 4004 udptl t38\r\n";
  EXPECT_EQ(kbit_of(demand(body, policy), 0), 80u);
  policy.fax = MediaAction::anchor;
  EXPECT_EQ(kbit_of(demand(body, policy), 0), 160u);
}

}  // namespace
}  // namespace holdfast::media
