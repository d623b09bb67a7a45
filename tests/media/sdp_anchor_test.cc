// SPDX-License-Identifier: Apache-2.0
// SDP rewritten so that media flows through us: what changes, and that nothing else does.
#include "media/sdp_anchor.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/sdp_limits.hh"

namespace holdfast::media {
namespace {

const std::string kOrigin = "v=0\r\no=- 7 1 IN IP4 198.18.1.10\r\n";
const std::string kHead = kOrigin + "s=-\r\nc=IN IP4 198.18.1.10\r\nt=0 0\r\n";

AnchorMedia to(const std::string& local, uint16_t rtcp_port = 0, bool mux = false) {
  return {MediaAction::anchor, *SocketAddress::parse(local), rtcp_port, mux};
}
const AnchorMedia kRefuse{MediaAction::refuse, {}, 0, false};
const AnchorMedia kPass{MediaAction::pass, {}, 0, false};
const AnchorMedia kOurs = to("198.18.2.1:30000");
const AnchorMedia kOurs6 = to("[2001:db8::1]:30000");

// With SRTP of ours.
const std::vector<std::string> kKeys = {"1 S1 inline:ours", "2 S2 inline:ours"};
AnchorMedia keyed(bool secure, std::span<const std::string> keys) {
  AnchorMedia made = kOurs;
  made.secure = secure;
  made.crypto = keys;
  return made;
}

Result<std::string, SdpReject> anchor(const std::string& text,
                                      const std::vector<AnchorMedia>& media) {
  const auto sdp = parse_sdp(text);
  EXPECT_TRUE(sdp) << text;
  if (!sdp) return sdp.error();
  AnchorPlan plan;
  plan.address = *IpAddress::parse("198.18.2.1");
  for (const AnchorMedia& each : media)
    if (each.action == MediaAction::anchor) plan.address = each.local.ip;
  plan.media = media;
  return anchor_sdp(*sdp, plan);
}

struct Row {
  std::string name;
  std::string before;
  std::vector<AnchorMedia> media;
  std::string after;
};

const std::string kHeadOurs =
    "v=0\r\no=- 7 1 IN IP4 198.18.2.1\r\ns=-\r\nc=IN IP4 198.18.2.1\r\nt=0 0\r\n";
const std::string kHeadOurs6 =
    "v=0\r\no=- 7 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n";

TEST(SdpAnchor, Rewrites) {
  const Row rows[] = {
      {"8866-5.14 the port, and nothing else of the line",
       kHead + "m=audio  4000 RTP/AVP 0  8 \r\na=x-own:1 2\r\n",
       {kOurs},
       kHeadOurs + "m=audio  30000 RTP/AVP 0  8 \r\na=x-own:1 2\r\n"},
      {"8866-5 bare LF in, CRLF out, blank lines at the end gone",
       "v=0\no=- 7 1 IN IP4 198.18.1.10\ns=-\nc=IN IP4 198.18.1.10\nt=0 0\nm=audio 4000 RTP/AVP 0"
       "\n\n",
       {kOurs},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\n"},
      {"8866-5.7 IPv4 to IPv6",
       kHead + "m=audio 4000 RTP/AVP 0\r\n",
       {kOurs6},
       kHeadOurs6 + "m=audio 30000 RTP/AVP 0\r\n"},
      {"8866-5.7 IPv6 to IPv4",
       "v=0\r\no=- 7 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\n"
       "m=audio 4000 RTP/AVP 0\r\n",
       {kOurs},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\n"},
      {"8866-5.7 c= in the section only",
       kOrigin + "m=audio 4000 RTP/AVP 0\r\ni=x\r\nc=IN IP4 a.example\r\n",
       {kOurs},
       "v=0\r\no=- 7 1 IN IP4 198.18.2.1\r\nm=audio 30000 RTP/AVP 0\r\ni=x\r\n"
       "c=IN IP4 198.18.2.1\r\n"},
      {"3605-2.1 a=rtcp becomes ours, in its order",
       kHead + "m=audio 54614 RTP/AVP 0\r\nb=AS:64\r\na=ptime:20\r\na=rtcp:54604 IN IP4 1.2.3.4"
               "\r\n",
       {kOurs},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\nb=AS:64\r\na=rtcp:30001\r\na=ptime:20\r\n"},
      {"3605-2.1 our RTCP is elsewhere",
       kHead + "m=audio 4000 RTP/AVP 0\r\nb=AS:64\r\n",
       {to("198.18.2.1:30000", 30007)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\nb=AS:64\r\na=rtcp:30007\r\n"},
      {"5761-5.1.1 mux is left out unless planned",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
       {kOurs},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\n"},
      {"5761-5.1.1 mux as planned",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
       {to("198.18.2.1:30000", 0, true)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=rtcp-mux\r\n"},
      {"5761-5.1.1 mux as planned stays in its place, once",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=ptime:20\r\na=RTCP-MUX\r\n",
       {to("198.18.2.1:30000", 0, true)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=rtcp-mux\r\na=ptime:20\r\n"},
      {"5761-5.1.1 mux is added where its writer had none",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\nm=image 5000 udptl t38\r\n",
       {to("198.18.2.1:30000", 0, true), to("198.18.2.1:30002", 0, true)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=ptime:20\r\na=rtcp-mux\r\n"
                   "m=image 30002 udptl t38\r\n"},
      {"8035-3 with mux, a=rtcp is the port to fall back to",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp:4000\r\na=rtcp-mux\r\n"
               "m=video 5000 RTP/AVP 31\r\na=rtcp:5009\r\na=rtcp-mux\r\n",
       {to("198.18.2.1:30000", 0, true), to("198.18.2.1:30002", 30009, true)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=rtcp-mux\r\nm=video 30002 RTP/AVP 31\r\n"
                   "a=rtcp:30009\r\na=rtcp-mux\r\n"},
      {"8858-4 who will have mux only is one of two that are asked",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n",
       {to("198.18.2.1:30000", 0, true)},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=rtcp-mux\r\n"},
      {"8839-5 ICE goes; 4568 keys, 5763 fingerprints and the rest stay",
       kHead + "a=ice-lite\r\na=group:BUNDLE 0\r\na=group:LS 0\r\nm=audio 4000 RTP/AVP 0\r\n"
               "a=candidate:1 1 UDP 2130706431 198.18.1.10 4000 typ host\r\na=ice-ufrag:x\r\n"
               "a=remote-candidates:1 198.18.1.10 4000\r\na=end-of-candidates\r\na=mid:0\r\n"
               "a=altc:1 IP4 198.18.1.10 4000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
               "inline:k|2^31|1:1\r\na=cryptoscale:1 client x\r\na=setup:actpass\r\n",
       {kOurs},
       kHeadOurs + "a=group:LS 0\r\nm=audio 30000 RTP/AVP 0\r\na=mid:0\r\n"
                   "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:k|2^31|1:1\r\n"
                   "a=cryptoscale:1 client x\r\na=setup:actpass\r\n"},
      {"3264-8.4 hold by direction",
       kHead + "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
       {kOurs},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\na=sendonly\r\n"},
      {"3264-8.4 hold by the session's address",
       kOrigin + "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n",
       {kOurs},
       "v=0\r\no=- 7 1 IN IP4 198.18.2.1\r\nc=IN IP4 0.0.0.0\r\nm=audio 30000 RTP/AVP 0\r\n"},
      {"3264-8.4 hold by address, to IPv6",
       kOrigin + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n",
       {kOurs6},
       "v=0\r\no=- 7 1 IN IP6 2001:db8::1\r\nm=audio 30000 RTP/AVP 0\r\nc=IN IP6 ::\r\n"},
      {"3264-8.4 one held, one not",
       kHead + "m=audio 4000 RTP/AVP 0\r\nm=video 5000 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n",
       {kOurs, to("198.18.2.1:30002")},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\nm=video 30002 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n"},
      {"3264-6 port 0 stays 0 whatever the plan",
       kHead + "m=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 0\r\n",
       {kOurs, to("198.18.2.1:30002")},
       kHeadOurs + "m=audio 0 RTP/AVP 0\r\nm=audio 30002 RTP/AVP 0\r\n"},
      {"3264-6 refused by policy",
       kHead + "m=audio 4000 RTP/AVP 0\r\nm=video 5000/2 RTP/AVP 31\r\nc=IN IP4 198.18.1.11\r\n"
               "a=rtcp:5\r\na=mid:1\r\n",
       {kOurs, kRefuse},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 198.18.2.1\r\n"
                   "a=mid:1\r\n"},
      {"a section that passes keeps the session's c=, and its ICE",
       kHead + "a=ice-ufrag:x\r\nm=audio 4000 RTP/AVP 0\r\nb=AS:1\r\n"
               "m=video 5000 RTP/AVP 31\r\na=candidate:x\r\na=rtcp:5\r\n",
       {kOurs, kPass},
       "v=0\r\no=- 7 1 IN IP4 198.18.2.1\r\ns=-\r\nc=IN IP4 198.18.1.10\r\nt=0 0\r\n"
       "a=ice-ufrag:x\r\nm=audio 30000 RTP/AVP 0\r\nc=IN IP4 198.18.2.1\r\nb=AS:1\r\n"
       "m=video 5000 RTP/AVP 31\r\na=candidate:x\r\na=rtcp:5\r\n"},
      {"all pass",
       kHead + "m=audio 4000 RTP/AVP 0\r\n",
       {kPass},
       kHead + "m=audio 4000 RTP/AVP 0\r\n"},
      {"4568-7 our keys in, theirs out, SAVP for AVP",
       kHead + "m=audio 4000  rtp/avpf  0\r\na=crypto:1 S inline:theirs\r\na=ptime:20\r\n",
       {keyed(true, kKeys)},
       kHeadOurs + "m=audio 30000  RTP/SAVPF  0\r\na=ptime:20\r\n"
                   "a=crypto:1 S1 inline:ours\r\na=crypto:2 S2 inline:ours\r\n"},
      {"4568-7 AVP for SAVP, and no keys",
       kHead + "m=audio 4000 RTP/SAVP 0\r\na=Crypto:1 S inline:theirs\r\na=crypto:2 x\r\n",
       {keyed(false, {})},
       kHeadOurs + "m=audio 30000 RTP/AVP 0\r\n"},
      {"the protocol that it is stays as it is written, optional keys on AVP",
       kHead + "m=audio 4000 Rtp/Avp 0\r\n",
       {keyed(false, kKeys)},
       kHeadOurs + "m=audio 30000 Rtp/Avp 0\r\n"
                   "a=crypto:1 S1 inline:ours\r\na=crypto:2 S2 inline:ours\r\n"},
      {"4568 a refused line tells no keys",
       kHead + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 S inline:theirs\r\na=mid:1\r\n"
               "m=audio 5000 RTP/AVP 0\r\n",
       {kRefuse, to("198.18.2.1:30002")},
       kHeadOurs + "m=audio 0 RTP/SAVP 0\r\na=mid:1\r\nm=audio 30002 RTP/AVP 0\r\n"},
      {"T.38 has no SRTP",
       kHead + "m=image 4000 udptl t38\r\n",
       {keyed(true, kKeys)},
       kHeadOurs + "m=image 30000 udptl t38\r\n"},
      {"T.38 gets no a=rtcp",
       kHead + "m=image 4000 udptl t38\r\na=rtcp:4001\r\n",
       {to("198.18.2.1:30000", 30007)},
       kHeadOurs + "m=image 30000 udptl t38\r\n"},
  };
  for (const Row& row : rows) {
    const auto after = anchor(row.before, row.media);
    ASSERT_TRUE(after) << row.name << ": " << name_of(after.error());
    EXPECT_EQ(*after, row.after) << row.name;
    const auto again = anchor(*after, row.media);
    ASSERT_TRUE(again) << row.name;
    EXPECT_EQ(*again, *after) << row.name << ", anchored twice";
  }
}

TEST(SdpAnchor, TwoAddressesOfOursGetTwoConnections) {
  const auto after =
      anchor(kHead + "m=audio 4000 RTP/AVP 0\r\nm=video 5000 RTP/AVP 31\r\ni=x\r\nb=AS:1\r\n",
             {to("198.18.2.1:30000"), to("198.18.2.2:30002")});
  ASSERT_TRUE(after);
  EXPECT_NE(after->find("m=video 30002 RTP/AVP 31\r\ni=x\r\nc=IN IP4 198.18.2.2\r\nb=AS:1\r\n"),
            std::string::npos)
      << *after;
}

TEST(SdpAnchor, RefusesWhatDoesNotFitByName) {
  struct BadRow {
    SdpReject reject;
    std::string name;
    std::vector<AnchorMedia> media;
  };
  const BadRow rows[] = {
      {SdpReject::sdp_plan_mismatch, "no plan for the second line", {kOurs}},
      {SdpReject::sdp_plan_mismatch, "one too many", {kOurs, kRefuse, kRefuse}},
      {SdpReject::sdp_plan_mismatch,
       "no local address",
       {AnchorMedia{MediaAction::anchor, {}, 0, false}, kRefuse}},
      {SdpReject::sdp_plan_mismatch, "no port for RTCP", {to("198.18.2.1:65535"), kRefuse}},
      {SdpReject::sdp_port_count, "8866-5.14 two ports", {kOurs, kOurs}},
  };
  for (const BadRow& row : rows) {
    const auto after =
        anchor(kHead + "m=audio 4000 RTP/AVP 0\r\nm=audio 5000/2 RTP/AVP 0\r\n", row.media);
    ASSERT_FALSE(after) << row.name;
    EXPECT_EQ(name_of(after.error()), name_of(row.reject)) << row.name;
  }
}

TEST(SdpAnchor, GrowsByNoMoreThanItsBound) {
  // The worst case: bare LF throughout, and in every section a c=, an a=rtcp and keys to add.
  const std::vector<std::string> keys(6, std::string(100, 'k'));
  std::string text = "v=0\no=- 7 1 IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1\n";
  std::vector<AnchorMedia> media;
  for (size_t i = 0; i < kMaxSdpMedia; ++i) {
    text += "m=audio 1 RTP/AVP 0\n";
    media.push_back(
        to("[2001:db8:ffff:ffff:ffff:ffff:ffff:fff" + std::to_string(i % 2) + "]:30000", 60000));
    media.back().secure = true;
    media.back().crypto = keys;
  }
  for (size_t i = kMaxSdpMedia + 3; i < kMaxSdpLines; ++i) text += "a=\n";
  const auto after = anchor(text, media);
  ASSERT_TRUE(after);
  EXPECT_GT(after->size(), text.size() + 11'000);
  EXPECT_LE(after->size(), text.size() + kMaxAnchorGrowthBytes);
}

TEST(SdpAnchor, PolicyChoosesPerKind) {
  struct PolicyRow {
    std::string name;
    std::string line;
    MediaAction action;
  };
  MediaPolicy policy;
  policy.video = MediaAction::pass;
  policy.fax = MediaAction::anchor;
  policy.other = MediaAction::anchor;  // cannot be: nothing relays it
  const PolicyRow rows[] = {
      {"audio", "m=audio 4000 RTP/AVP 0", MediaAction::anchor},
      {"3711 audio", "m=AUDIO 4000 RTP/SAVP 0", MediaAction::anchor},
      {"video", "m=video 4000 RTP/AVPF 31", MediaAction::pass},
      {"4103 text", "m=text 4000 RTP/AVP 98", MediaAction::anchor},
      {"T.38", "m=image 4000 udptl t38", MediaAction::anchor},
      {"5764 DTLS", "m=audio 4000 UDP/TLS/RTP/SAVPF 0", MediaAction::refuse},
      {"4975 MSRP", "m=message 4000 TCP/MSRP *", MediaAction::refuse},
      {"8866-5.14 two ports", "m=audio 4000/2 RTP/AVP 0", MediaAction::refuse},
      {"3264-6 refused", "m=video 0 RTP/AVP 31", MediaAction::refuse},
  };
  for (const PolicyRow& row : rows) {
    const std::string text = kHead + row.line + "\r\n";
    const auto sdp = parse_sdp(text);
    ASSERT_TRUE(sdp) << row.name;
    const auto media = describe_media(*sdp);
    ASSERT_TRUE(media) << row.name;
    EXPECT_EQ(action_for((*media)[0], policy), row.action) << row.name;
  }
}

}  // namespace
}  // namespace holdfast::media
