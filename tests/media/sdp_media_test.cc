// SPDX-License-Identifier: Apache-2.0
// What one m= section asks of the relay: addresses, RTCP, hold, clocks.
#include "media/sdp_media.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::media {
namespace {

const std::string kHead = "v=0\r\no=- 1 1 IN IP4 198.18.1.10\r\ns=-\r\nc=IN IP4 198.18.1.10\r\n";

MediaList describe(const std::string& text) {
  const auto sdp = parse_sdp(text);
  EXPECT_TRUE(sdp) << text;
  if (!sdp) return {};
  auto media = describe_media(*sdp);
  EXPECT_TRUE(media) << text;
  return media ? *media : MediaList{};
}

std::string shown(const std::optional<SocketAddress>& address) {
  return address ? address->to_string() : "none";
}

struct Row {
  std::string name;
  std::string section;
  std::string remote;
  std::string remote_rtcp;
};

TEST(SdpMedia, FindsWhereMediaGoes) {
  const Row rows[] = {
      {"3605-2.1 the next port", "m=audio 4000 RTP/AVP 0", "198.18.1.10:4000", "198.18.1.10:4001"},
      {"3605-2.1 a lower port", "m=audio 54614 RTP/AVP 0\r\na=rtcp:54604", "198.18.1.10:54614",
       "198.18.1.10:54604"},
      {"3605-2.1 another address", "m=audio 4000 RTP/AVP 0\r\na=rtcp:5 IN IP4 198.18.1.11",
       "198.18.1.10:4000", "198.18.1.11:5"},
      {"3605-2.1 the first of two", "m=audio 4000 RTP/AVP 0\r\na=rtcp:5\r\na=rtcp:6",
       "198.18.1.10:4000", "198.18.1.10:5"},
      {"3605-2.1 of another family", "m=audio 4000 RTP/AVP 0\r\na=rtcp:5 IN IP6 2001:db8::1",
       "198.18.1.10:4000", "198.18.1.10:5"},
      {"8839 as browsers write it", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp:9 IN IP4 0.0.0.0",
       "198.18.1.10:9", "198.18.1.10:9"},
      {"a=rtcp:0 wants none", "m=audio 4000 RTP/AVP 0\r\na=rtcp:0", "198.18.1.10:4000", "none"},
      {"no port above the last", "m=audio 65535 RTP/AVP 0", "198.18.1.10:65535", "none"},
      {"5761-5.1.1 mux, and where RTCP goes without",
       "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:5", "198.18.1.10:4000", "198.18.1.10:5"},
      {"8866-5.7 the section's c=", "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::10",
       "[2001:db8::10]:4000", "[2001:db8::10]:4001"},
      {"8866-5.7 a name", "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 a.example", "none", "none"},
      {"3264-8.4 hold by address", "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0", "none", "none"},
      {"3264-6 refused", "m=audio 0 RTP/AVP 0\r\na=rtcp:nonsense", "none", "none"},
      {"T.38 has no RTCP", "m=image 4000 udptl t38", "198.18.1.10:4000", "none"},
  };
  for (const Row& row : rows) {
    const MediaList media = describe(kHead + row.section + "\r\n");
    ASSERT_EQ(media.size(), 1U) << row.name;
    EXPECT_EQ(shown(media[0].remote), row.remote) << row.name;
    EXPECT_EQ(shown(media[0].remote_rtcp), row.remote_rtcp) << row.name;
  }
  EXPECT_EQ(describe(kHead + "m=audio 1 RTP/AVP 0\r\nc=IN IP4 a.example\r\n")[0].host, "a.example");
}

TEST(SdpMedia, RefusesAnRtcpThatIsNoPort) {
  for (const char* value : {"", "x", "65536", "-1", "5 IN IP4", "5 IN IP4 300.1.1.1", "5 x"}) {
    const std::string text = kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp:" + value + "\r\n";
    const auto sdp = parse_sdp(text);
    ASSERT_TRUE(sdp) << value;
    const auto media = describe_media(*sdp);
    ASSERT_FALSE(media) << value;
    EXPECT_EQ(media.error(), SdpReject::sdp_bad_rtcp) << value;
  }
}

TEST(SdpMedia, KnowsTransports) {
  struct Proto {
    std::string_view proto;
    MediaTransport transport;
  };
  for (const auto& [proto, transport] :
       {Proto{"RTP/AVP", MediaTransport::rtp}, Proto{"rtp/avpf", MediaTransport::rtp},
        Proto{"RTP/SAVP", MediaTransport::srtp}, Proto{"RTP/SAVPF", MediaTransport::srtp},
        Proto{"UDP/TLS/RTP/SAVP", MediaTransport::dtls_srtp}, Proto{"UDPTL", MediaTransport::udptl},
        Proto{"TCP/MSRP", MediaTransport::other}, Proto{"RTP/AVPx", MediaTransport::other}})
    EXPECT_EQ(transport_from(proto), transport) << proto;
}

struct HoldRow {
  std::string name;
  std::string session;
  std::string section;
  SdpDirection direction;
  bool by_address;
};

TEST(SdpMedia, SeesHoldInBothStyles) {
  using enum SdpDirection;
  const HoldRow rows[] = {
      {"8866-6.7 none said", "", "", sendrecv, false},
      {"8866-6.7 the session's", "a=recvonly\r\n", "", recvonly, false},
      {"8866-6.7 the section's wins", "a=recvonly\r\n", "a=sendonly\r\n", sendonly, false},
      {"3264-8.4 inactive", "", "a=Inactive\r\n", inactive, false},
      {"3264-8.4 by address", "", "c=IN IP4 0.0.0.0\r\n", sendrecv, true},
      {"3264-8.4 by IPv6 address", "", "c=IN IP6 ::\r\n", sendrecv, true},
      {"both at once", "", "c=IN IP4 0.0.0.0\r\na=sendonly\r\n", sendonly, true},
  };
  for (const HoldRow& row : rows) {
    const MediaList media =
        describe(kHead + row.session + "m=audio 4000 RTP/AVP 0\r\n" + row.section);
    ASSERT_EQ(media.size(), 1U) << row.name;
    EXPECT_EQ(media[0].direction, row.direction) << row.name;
    EXPECT_EQ(media[0].held_by_address, row.by_address) << row.name;
  }
}

TEST(SdpMedia, ReadsTheOfferOfADeskClient) {
  // Optional SRTP on RTP/AVP, a lifetime and an MKI, RTCP below RTP, more payload types than fit.
  const MediaList media = describe(
      kHead +
      "m=audio 54614 RTP/AVP 114 111 112 115 116 4 8 0 97 13 118 101\r\n"
      "a=rtcp:54604\r\n"
      "a=candidate:1 1 UDP 2130706431 198.18.1.10 54614 typ host\r\n"
      "a=crypto:2 AES_CM_128_HMAC_SHA1_80 "
      "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^31|1:1\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:114 x-msrta/16000\r\n"
      "a=rtpmap:111 SIREN/16000\r\na=rtpmap:112 G7221/16000\r\na=rtpmap:115 x-msrta/8000\r\n"
      "a=rtpmap:116 AAL2-G726-32/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:99 unlisted/8000\r\n"
      "a=rtpmap:broken\r\na=ptime:20\r\n");
  ASSERT_EQ(media.size(), 1U);
  const MediaDescription& audio = media[0];
  EXPECT_EQ(audio.media, "audio");
  EXPECT_EQ(audio.transport, MediaTransport::rtp);
  EXPECT_TRUE(audio.crypto);
  EXPECT_EQ(shown(audio.remote), "198.18.1.10:54614");
  EXPECT_EQ(shown(audio.remote_rtcp), "198.18.1.10:54604");
  EXPECT_EQ(audio.telephone_event, 101);
  EXPECT_EQ(audio.ptime_ms, 20);
  ASSERT_EQ(audio.clocks.all().size(), kMaxDynamicClocks);
  EXPECT_EQ(audio.clocks.all()[0], (PayloadClock{114, 16000}));
  EXPECT_EQ(audio.clocks.all()[3], (PayloadClock{115, 8000}));
}

TEST(SdpMedia, FindsWhatIsOurs) {
  const MediaList media = describe(kHead +
                                   "m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n"
                                   "m=video 30000 RTP/AVP 31\r\nc=IN IP4 198.18.9.1\r\n");
  const auto ours = SocketAddress::parse("198.18.9.1:30000");
  EXPECT_EQ(media_of_ours(media, [&](const SocketAddress& a) { return a == *ours; }),
            std::vector<size_t>{2});
}

}  // namespace
}  // namespace holdfast::media
