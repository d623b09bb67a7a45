// SPDX-License-Identifier: Apache-2.0
// Where the SDP of a body is found, and where it is rather left alone.
#include "sip/anchor/sdp_part.hh"

#include <gtest/gtest.h>

namespace holdfast::sip {
namespace {

using Kind = SdpPart::Kind;

struct Case {
  const char* what;
  std::string type;
  std::string body;
  Kind kind;
  std::string sdp;  // found
};

const std::string kPart = "Content-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n";

TEST(SdpPart, IsFoundOrNot) {
  const std::string type = "multipart/mixed; boundary=b";
  const Case cases[] = {
      {"plain", "application/sdp", "v=0\r\n", Kind::sdp, "v=0\r\n"},
      {"any case, parameters", "Application/SDP ; charset=utf-8", "v=0", Kind::sdp, "v=0"},
      {"no body", "application/sdp", "", Kind::none, ""},
      {"another type", "application/sdpfrag", "v=0", Kind::none, ""},
      {"no type", "", "v=0", Kind::none, ""},
      {"one part", type, "--b\r\n" + kPart + "\r\n--b--\r\n", Kind::sdp, "v=0\r\ns=-\r\n"},
      {"preamble and epilogue", type, "hello\r\n--b\r\n" + kPart + "\r\n--b--\r\nbye\r\n",
       Kind::sdp, "v=0\r\ns=-\r\n"},
      {"second of two", type,
       "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\n" + kPart + "\r\n--b--", Kind::sdp,
       "v=0\r\ns=-\r\n"},
      {"a part without header fields", type, "--b\r\n\r\nx\r\n--b\r\n" + kPart + "\r\n--b--",
       Kind::sdp, "v=0\r\ns=-\r\n"},
      {"quoted boundary, other parameters first", "multipart/mixed;type=\"x\"; Boundary=\"a b\"",
       "--a b\r\n" + kPart + "\r\n--a b--", Kind::sdp, "v=0\r\ns=-\r\n"},
      {"bare LF", type, "--b\nContent-Type: application/sdp\n\nv=0\ns=-\n\n--b--\n", Kind::sdp,
       "v=0\ns=-\n"},
      {"compact form, 8bit", type,
       "--b\r\nc: application/sdp\r\nContent-Transfer-Encoding: 8BIT\r\n\r\nv=0\r\n\r\n--b--",
       Kind::sdp, "v=0\r\n"},
      {"boundary that begins a longer line", type,
       "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--bb\r\n\r\n--b--", Kind::sdp,
       "v=0\r\n--bb\r\n"},
      {"no SDP in it", type, "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--", Kind::none, ""},
      {"two SDPs", type, "--b\r\n" + kPart + "\r\n--b\r\n" + kPart + "\r\n--b--", Kind::not_simple,
       ""},
      {"base64", type,
       "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w\r\n"
       "--b--",
       Kind::not_simple, ""},
      {"a length of its own", type,
       "--b\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0\r\n--b--",
       Kind::not_simple, ""},
      {"nested", type,
       "--b\r\nContent-Type: multipart/alternative;boundary=c\r\n\r\n--c--\r\n--b--",
       Kind::not_simple, ""},
      {"no end", type, "--b\r\n" + kPart, Kind::not_simple, ""},
      {"no delimiter at all", type, "v=0\r\n", Kind::not_simple, ""},
      {"no boundary named", "multipart/mixed", "--b\r\n" + kPart + "\r\n--b--", Kind::not_simple,
       ""},
      {"boundary without its quote", "multipart/mixed;boundary=\"b", "--b--", Kind::not_simple, ""},
      {"no empty line", type, "--b\r\nContent-Type: application/sdp\r\n--b--", Kind::not_simple,
       ""},
      {"another multipart", "multipart/alternative;boundary=b", "--b\r\n" + kPart + "\r\n--b--",
       Kind::none, ""},
  };
  for (const Case& each : cases) {
    const SdpPart part = find_sdp(each.type, each.body);
    EXPECT_EQ(part.kind, each.kind) << each.what;
    if (part.kind == Kind::sdp)
      EXPECT_EQ(each.body.substr(part.begin, part.size), each.sdp) << each.what;
    else
      EXPECT_EQ(part.size, 0u) << each.what;
  }
}

TEST(SdpPart, IsReplacedInItsPlace) {
  const std::string body = "--b\r\n" + kPart + "\r\n--b--\r\n";
  const SdpPart part = find_sdp("multipart/mixed;boundary=b", body);
  EXPECT_EQ(replace_sdp(body, part, "v=1\r\n"),
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n\r\n--b--\r\n");
}

TEST(SdpPart, ManyPartsAreBounded) {
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += "--b\r\n\r\n";
  EXPECT_EQ(find_sdp("multipart/mixed;boundary=b", body).kind, Kind::not_simple);
}

}  // namespace
}  // namespace holdfast::sip
