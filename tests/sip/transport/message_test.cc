// SPDX-License-Identifier: Apache-2.0
// Messages taken apart and put together again: what is not touched stays byte for byte.
#include "sip/transport/message.hh"

#include <gtest/gtest.h>

#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

Message parsed(const std::string& text) {
  auto message = Message::parse(text, 65536);
  EXPECT_TRUE(message) << text;
  return message ? std::move(message).value() : Message::response(1, "");
}

const std::string kHead = "INVITE sip:a@b SIP/2.0\r\n";

TEST(Message, WhatIsNotTouchedStaysAsItCame) {
  const std::string text = kHead +
                           "v: SIP/2.0/UDP a;branch=z9hG4bK1 ,  SIP/2.0/UDP b\r\n"
                           "X-Odd:   spaces   \r\n"
                           "Subject: folded\r\n\t over\r\n  lines\r\n"
                           "ReCoRd-RoUtE: <sip:c;lr>\r\n"
                           "Empty:\r\n"
                           "Content-Length: 4\r\n\r\nbody";
  EXPECT_EQ(parsed(text).serialise(), text);
  EXPECT_EQ(parsed("\r\n\r\n" + text + "beyond").serialise(), text);
}

TEST(Message, LinesMayEndWithoutACarriageReturn) {
  const Message message = parsed("SIP/2.0 200\nVia: x\n\nbody");
  EXPECT_EQ(message.status(), 200);
  EXPECT_EQ(message.body(), "body");
  EXPECT_EQ(message.serialise(), "SIP/2.0 200 \r\nVia: x\r\nContent-Length: 4\r\n\r\nbody");
}

TEST(Message, EntriesAreSplitAtTheRightCommas) {
  const Message message = parsed(kHead +
                                 "Contact: \"a, \\\"b\" <sip:a,b@c?x=1,2>;p=\"q,r\" ,,<sip:d>\r\n"
                                 "m: sip:e\r\n\r\n");
  const auto entries = message.entries(Header::contact);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0], "\"a, \\\"b\" <sip:a,b@c?x=1,2>;p=\"q,r\"");
  EXPECT_EQ(entries[1], "<sip:d>");
  EXPECT_EQ(entries[2], "sip:e");
}

TEST(Message, TheTopmostEntryComesOffAlone) {
  Message message = parsed(kHead + "Via: one , two,three\r\nA: b\r\nv: four\r\n\r\n");
  message.pop_entry(Header::via);
  EXPECT_EQ(message.serialise(), kHead +
                                     "Via: two,three\r\nA: b\r\nv: four\r\n"
                                     "Content-Length: 0\r\n\r\n");
  message.pop_entry(Header::via);
  message.pop_entry(Header::via);
  EXPECT_EQ(message.entries(Header::via), std::vector<std::string_view>{"four"});
  message.pop_entry(Header::via);
  message.pop_entry(Header::via);
  EXPECT_FALSE(message.has(Header::via));
}

TEST(Message, EntriesAreReplacedWhereTheyStand) {
  Message message = parsed(kHead + "Contact: <sip:a>, <sip:b>\r\nX: y\r\nContact: <sip:c>\r\n\r\n");
  message.replace_entry(Header::contact, 2, "<sip:C>");
  message.replace_entry(Header::contact, 0, "<sip:AAA>");
  message.replace_entry(Header::contact, 9, "nothing");
  EXPECT_EQ(message.serialise(), kHead +
                                     "Contact: <sip:AAA>, <sip:b>\r\nX: y\r\nContact: <sip:C>\r\n"
                                     "Content-Length: 0\r\n\r\n");
  message.set_entries(Header::contact, {"<sip:d>", "<sip:e>"});
  EXPECT_EQ(message.serialise(), kHead +
                                     "Contact: <sip:d>\r\nContact: <sip:e>\r\nX: y\r\n"
                                     "Content-Length: 0\r\n\r\n");
}

TEST(Message, NewFieldsStandAboveTheirKind) {
  Message message = parsed(kHead + "From: f\r\nVia: old\r\n\r\n");
  message.push_front(Header::via, "new");
  message.push_front(Header::route, "r");
  EXPECT_EQ(message.serialise(),
            kHead + "Route: r\r\nFrom: f\r\nVia: new\r\nVia: old\r\nContent-Length: 0\r\n\r\n");
}

TEST(Message, ABodyTakesItsDescriptionAlong) {
  Message message = parsed(kHead +
                           "c: application/sdp\r\nContent-Disposition: session\r\n"
                           "l: 3\r\n\r\nabc");
  message.set_body("longer");
  EXPECT_EQ(message.serialise(), kHead +
                                     "c: application/sdp\r\nContent-Disposition: session\r\n"
                                     "Content-Length: 6\r\n\r\nlonger");
  message.set_body("");
  EXPECT_EQ(message.serialise(), kHead + "Content-Length: 0\r\n\r\n");
}

struct Bad {
  const char* name;
  std::string text;
};

class RejectedMessage : public testing::TestWithParam<Bad> {};

TEST_P(RejectedMessage, IsNamed) {
  const auto message = Message::parse(GetParam().text, 65536);
  ASSERT_FALSE(message);
  EXPECT_EQ(name_of(message.error()), GetParam().name);
  EXPECT_FALSE(text_of(message.error()).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rfc3261Section7, RejectedMessage,
    testing::Values(Bad{"bad_start_line", ""}, Bad{"bad_start_line", "\r\n\r\n"},
                    Bad{"no_header_end", "INVITE"}, Bad{"bad_start_line", "INVITE\r\n\r\n"},
                    Bad{"bad_start_line", "INVITE sip:a\r\n\r\n"},
                    Bad{"bad_start_line", "INVITE  SIP/2.0\r\n\r\n"},
                    Bad{"bad_start_line", "IN(ITE sip:a SIP/2.0\r\n\r\n"},
                    Bad{"wrong_version", "INVITE sip:a SIP/2.1\r\n\r\n"},
                    Bad{"wrong_version", "SIP/1.0 200 OK\r\n\r\n"},
                    Bad{"bad_start_line", "SIP/2.0 99 OK\r\n\r\n"},
                    Bad{"bad_start_line", "SIP/2.0 2000 OK\r\n\r\n"},
                    Bad{"bad_start_line", "SIP/2.0 700 OK\r\n\r\n"},
                    Bad{"no_header_end", kHead + "A: b\r\n"},
                    Bad{"bad_header_line", kHead + "no colon\r\n\r\n"},
                    Bad{"bad_header_line", kHead + ": no name\r\n\r\n"},
                    Bad{"bad_header_line", kHead + " begins folded\r\n\r\n"},
                    Bad{"bad_header_line", kHead + std::string("A: \0b\r\n\r\n", 9)},
                    Bad{"header_too_long", kHead + "A: " + std::string(20000, 'x') + "\r\n\r\n"},
                    Bad{"bad_content_length", kHead + "l: x\r\n\r\n"},
                    Bad{"bad_content_length", kHead + "l: 1\r\nContent-Length: 1\r\n\r\nab"},
                    Bad{"body_cut", kHead + "l: 9\r\n\r\nbody"},
                    Bad{"message_too_long", std::string(65537, 'x')}));

TEST(Message, FieldsAreBounded) {
  std::string text = kHead;
  for (size_t i = 0; i < kMaxHeaderFields; ++i) text += "A: b\r\n";
  EXPECT_TRUE(Message::parse(text + "\r\n", 65536));
  const auto message = Message::parse(text + "A: b\r\n\r\n", 65536);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error(), MessageReject::too_many_headers);
}

}  // namespace
}  // namespace holdfast::sip
