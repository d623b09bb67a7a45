// SPDX-License-Identifier: Apache-2.0
// SDP bodies: what is taken, what is refused by which name, and what is read from them.
#include "media/sdp.hh"

#include <gtest/gtest.h>

#include <string>

#include "media/sdp_limits.hh"

namespace holdfast::media {
namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

const std::string kHead = "v=0\r\no=- 1 1 IN IP4 198.18.1.10\r\ns=-\r\n";
const std::string kConnection = "c=IN IP4 198.18.1.10\r\n";
const std::string kAudio = "m=audio 4000 RTP/AVP 0\r\n";

struct Row {
  std::string name;
  std::string text;
};

TEST(Sdp, Accepts) {
  const Row rows[] = {
      {"8866-5 plain", kHead + kConnection + "t=0 0\r\n" + kAudio},
      {"8866-5 bare LF", "v=0\no=- 1 1 IN IP4 198.18.1.10\nc=IN IP4 198.18.1.10\nm=audio 1 x 0\n"},
      {"8866-5 last line without an end", kHead + kConnection + "m=audio 4000 RTP/AVP 0"},
      {"8866-5 blank lines at the end", kHead + kConnection + kAudio + "\r\n\r\n\n"},
      {"8866-5 no s=, no t=, no o=", "v=0\r\n" + kConnection + kAudio},
      {"8866-5 lines in an odd order", "v=0\r\nt=0 0\r\ns=x\r\n" + kConnection + kAudio},
      {"8866-5 no media at all", kHead},
      {"8866-5 empty values", kHead + "i=\r\nb=\r\n" + kConnection + kAudio},
      {"8866-5 unknown letters", kHead + "x=1\r\n" + kConnection + kAudio + "y=2\r\n"},
      {"8866-5.2 a user with blanks", "v=0\no=John Q. Doe 1 2 IN IP4 pc.example\n" + kConnection},
      {"8866-5.7 small letters and blanks", kHead + "c=in  ip4 198.18.1.10 \r\n" + kAudio},
      {"8866-5.7 unicast with a TTL", kHead + "c=IN IP4 198.18.1.10/127\r\n" + kAudio},
      {"8866-5.7 IPv6", kHead + "c=IN IP6 2001:db8::10\r\n" + kAudio},
      {"8866-5.7 a name", kHead + "c=IN IP4 phone-1.branch.example\r\n" + kAudio},
      {"3264-8.4 hold by address", kHead + "c=IN IP4 0.0.0.0\r\n" + kAudio},
      {"8866-5.14 two ports", kHead + kConnection + "m=audio 4000/2 RTP/AVP 0\r\n"},
      {"3264-6 refused without c= or formats", kHead + "m=audio 0 RTP/AVP\r\n"},
      {"as many lines as may be",
       kHead + kConnection + kAudio + repeat("a=x\r\n", kMaxSdpLines - 5)},
      {"as many m= lines as may be", kHead + kConnection + repeat(kAudio, kMaxSdpMedia)},
  };
  for (const Row& row : rows) {
    const auto sdp = parse_sdp(row.text);
    EXPECT_TRUE(sdp) << row.name << ": " << (sdp ? "" : name_of(sdp.error()));
  }
}

struct BadRow {
  SdpReject reject;
  std::string name;
  std::string text;
};

TEST(Sdp, RefusesByName) {
  using enum SdpReject;
  const std::string good = kHead + kConnection;
  const BadRow rows[] = {
      {sdp_empty, "nothing", ""},
      {sdp_empty, "only line ends", "\r\n\r\n\n"},
      {sdp_too_long, "beyond 64 KiB", good + "s=" + std::string(kMaxSdpBytes, 'x')},
      {sdp_too_many_lines, "513 lines", good + repeat("a=x\r\n", kMaxSdpLines - 3)},
      {sdp_too_many_lines, "1000 lines", kHead + repeat("b=1\n", 1000)},
      {sdp_too_many_media, "17 m= lines", good + repeat(kAudio, kMaxSdpMedia + 1)},
      {sdp_bad_line, "no =", good + "hello\r\n"},
      {sdp_bad_line, "a blank line inside", kHead + "\r\n" + kConnection},
      {sdp_bad_line, "8866-5 blank before =", good + "m =audio 1 RTP/AVP 0\r\n"},
      {sdp_bad_line, "8866-5 a capital letter", good + "M=audio 4000 RTP/AVP 0\r\n"},
      {sdp_bad_line, "NUL", good + std::string("a=x\0y\r\n", 7)},
      {sdp_bad_line, "8866-9 CR inside", good + "a=x\rm=audio 1 RTP/AVP 0\r\n"},
      {sdp_no_version, "8866-5.1 begins with o=", kAudio},
      {sdp_no_version, "8866-5.1 another version", "v=1\r\n" + kConnection},
      {sdp_no_version, "8866-5.1 more than 0", "v=0 0\r\n"},
      {sdp_repeated_line, "two v=", kHead + kHead},
      {sdp_repeated_line, "two o=", kHead + "o=- 1 1 IN IP4 1.2.3.4\r\n"},
      {sdp_repeated_line, "two session c=", good + kConnection},
      {sdp_repeated_line, "two media c=", good + kAudio + kConnection + kConnection},
      {sdp_bad_origin, "8866-5.2 five fields", "v=0\r\no=1 1 IN IP4 198.18.1.10\r\n"},
      {sdp_bad_origin, "8866-5.2 another net", "v=0\r\no=- 1 1 ATM IP4 198.18.1.10\r\n"},
      {sdp_bad_origin, "8866-5.2 empty", "v=0\r\no=\r\n"},
      {sdp_bad_media, "8866-5.14 only a kind", good + "m=audio\r\n"},
      {sdp_bad_media, "8866-5.14 no formats", good + "m=audio 4000 RTP/AVP\r\n"},
      {sdp_bad_media, "a kind too long", good + "m=" + std::string(65, 'a') + " 1 RTP/AVP 0\r\n"},
      {sdp_bad_port, "8866-5.14 too large", good + "m=audio 65536 RTP/AVP 0\r\n"},
      {sdp_bad_port, "8866-5.14 negative", good + "m=audio -1 RTP/AVP 0\r\n"},
      {sdp_bad_port, "8866-5.14 not a number", good + "m=audio RTP/AVP 0 8\r\n"},
      {sdp_bad_port, "8866-5.14 count 0", good + "m=audio 4000/0 RTP/AVP 0\r\n"},
      {sdp_bad_port, "8866-5.14 count empty", good + "m=audio 4000/ RTP/AVP 0\r\n"},
      {sdp_bad_address, "8866-5.7 empty", kHead + "c=\r\n"},
      {sdp_bad_address, "8866-5.7 no address", kHead + "c=IN IP4\r\n"},
      {sdp_bad_address, "8866-5.7 family and address differ", kHead + "c=IN IP6 198.18.1.10\r\n"},
      {sdp_bad_address, "8866-5.7 out of range", kHead + "c=IN IP4 300.1.2.3\r\n"},
      {sdp_bad_address, "8866-5.7 a word too many", kHead + "c=IN IP4 198.18.1.10 x\r\n"},
      {sdp_bad_address, "8866-5.7 another family", kHead + "c=IN IP5 198.18.1.10\r\n"},
      {sdp_bad_address, "8866-5.7 no name either", kHead + "c=IN IP4 a;reboot\r\n"},
      {sdp_bad_address, "8866-5.7 an odd suffix", kHead + "c=IN IP4 198.18.1.10/x\r\n"},
      {sdp_bad_address, "a name beyond 255", kHead + "c=IN IP4 " + std::string(256, 'a') + "\r\n"},
      {sdp_multicast, "8866-5.7 IPv4", kHead + "c=IN IP4 224.2.36.42/127/3\r\n"},
      {sdp_multicast, "8866-5.7 IPv6", kHead + "c=IN IP6 ff15::101/3\r\n"},
      {sdp_multicast, "919-7 broadcast", kHead + "c=IN IP4 255.255.255.255\r\n"},
      {sdp_no_connection, "8866-5.7 none", kHead + kAudio},
      {sdp_no_connection, "8866-5.7 only another section's", kHead + kAudio + kAudio + kConnection},
  };
  for (const BadRow& row : rows) {
    const auto sdp = parse_sdp(row.text);
    ASSERT_FALSE(sdp) << row.name;
    EXPECT_EQ(name_of(sdp.error()), name_of(row.reject)) << row.name;
    EXPECT_FALSE(text_of(sdp.error()).empty());
  }
}

TEST(Sdp, ShowsFieldsAsTheyCame) {
  const std::string text =
      "v=0\r\no=John Doe 77 3 IN IP4 pc.example\r\ns= \r\nc=IN IP4 198.18.1.10\r\n"
      "a=tool:x: y\r\nm=audio  4000/1 RTP/AVP 0 8 \r\nc=IN IP6 2001:db8::10\r\na=sendonly\r\n"
      "m=video 0 RTP/AVP 31\r\n";
  const auto sdp = parse_sdp(text);
  ASSERT_TRUE(sdp);
  EXPECT_EQ(sdp->origin()->user, "John Doe");
  EXPECT_EQ(sdp->origin()->session_id, "77");
  EXPECT_EQ(sdp->origin()->version, "3");
  ASSERT_EQ(sdp->session_lines().size(), 5U);
  EXPECT_EQ(sdp->session_lines()[2].value, " ");
  EXPECT_EQ(attribute_of(sdp->session_lines()[4]).name, "tool");
  EXPECT_EQ(attribute_of(sdp->session_lines()[4]).value, "x: y");
  ASSERT_EQ(sdp->media().size(), 2U);
  const SdpMedia& audio = sdp->media()[0];
  EXPECT_EQ(audio.port_text, "4000/1");
  EXPECT_EQ(audio.formats, "0 8 ");
  EXPECT_EQ(sdp->lines_of(audio).size(), 3U);
  EXPECT_EQ(attribute_of(sdp->lines_of(audio)[2]).name, "sendonly");
  EXPECT_EQ(sdp->connection_of(audio)->ip.to_string(), "2001:db8::10");
  EXPECT_EQ(sdp->connection_of(sdp->media()[1])->ip.to_string(), "198.18.1.10");
}

}  // namespace
}  // namespace holdfast::media
