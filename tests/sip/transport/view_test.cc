// SPDX-License-Identifier: Apache-2.0
// Views out of messages: what routing reads, torture messages among them; and what is relied on in
// Sofia-SIP's field parsers.
#include "sip/transport/view.hh"

#include <gtest/gtest.h>

#include "tests/sip/messages.hh"

namespace holdfast::sip {
namespace {

Message parsed(const std::string& text) {
  auto message = Message::parse(text, 65536);
  EXPECT_TRUE(message) << text;
  return message ? std::move(message).value() : Message::response(1, "");
}

const std::string kRegister =
    "REGISTER sip:centre.example.com;transport=tcp SIP/2.0\r\n"
    "Via: SIP / 2.0 / UDP [2001:db8::1]:5070 ;branch=z9hG4bK1;rport,\r\n"
    "  SIP/2.0/TCP host.example;received=198.18.1.1;rport=99\r\n"
    "Max-Forwards: 7\r\n"
    "f: \"A. <x>, \\\"B\\\"\" <sip:1001@centre.example.com>;tag=ft;x=y\r\n"
    "t: sip:1001@centre.example.com;tag=tt\r\n"
    "i: id@host\r\n"
    "CSeq: 4711   REGISTER\r\n"
    "Route: <sip:p1;lr>,\"P\" <sip:p2;lr>\r\n"
    "Path: <sip:below;lr>\r\n"
    "Max-Breadth: 9\r\n"
    "Proxy-Require: one, two\r\n"
    "Expires: 99999999999\r\n"
    "m: <sip:1001@198.18.1.21:5070;ob>;expires=60;q=0.25;+sip.instance=\"<urn:uuid:1>\";reg-id=2,"
    " sip:plain@198.18.1.22;q=1.0\r\n"
    "Content-Length: 0\r\n\r\n";

TEST(View, ReadsEveryFieldThatRoutingLooksAt) {
  const auto view = view_request(parsed(kRegister), from("198.18.1.21:5070"));
  ASSERT_TRUE(view) << name_of(view.error());
  EXPECT_EQ(view->method, Method::register_);
  EXPECT_EQ(view->uri.to_string(), "sip:centre.example.com;transport=tcp");
  ASSERT_EQ(view->via.size(), 2u);
  EXPECT_EQ(view->via[0].host, "2001:db8::1");
  EXPECT_EQ(view->via[0].port, 5070);
  EXPECT_EQ(view->via[0].branch, "z9hG4bK1");
  EXPECT_EQ(view->via[1].transport, Transport::tcp);
  EXPECT_EQ(view->via[1].received, "198.18.1.1");
  EXPECT_EQ(view->from.tag, "ft");
  EXPECT_EQ(view->from.uri.user, "1001");
  EXPECT_EQ(view->to.tag, "tt");
  EXPECT_EQ(view->to.uri.to_string(), "sip:1001@centre.example.com");
  EXPECT_EQ(view->call_id, "id@host");
  EXPECT_EQ(view->cseq, 4711u);
  ASSERT_EQ(view->route.size(), 2u);
  EXPECT_EQ(view->route[1].uri.host, "p2");
  ASSERT_EQ(view->path.size(), 1u);
  EXPECT_EQ(view->max_forwards, 7);
  EXPECT_EQ(view->max_breadth, 9);
  EXPECT_EQ(view->proxy_require, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(view->expires_s, UINT32_MAX);
  ASSERT_EQ(view->contacts.size(), 2u);
  EXPECT_EQ(view->contacts[0].uri.to_string(), "sip:1001@198.18.1.21:5070;ob");
  EXPECT_EQ(view->contacts[0].expires_s, 60u);
  EXPECT_EQ(view->contacts[0].q_milli, 250);
  EXPECT_EQ(view->contacts[0].instance, "<urn:uuid:1>");
  EXPECT_EQ(view->contacts[0].reg_id, 2u);
  EXPECT_EQ(view->contacts[1].q_milli, 1000);
}

TEST(View, AStarIsNoContact) {
  std::string text = kRegister;
  text.replace(text.find("m: <"), text.find("\r\nContent-Length") - text.find("m: <"),
               "Contact: *");
  const auto view = view_request(parsed(text), from("198.18.1.21:5070"));
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->contact_is_star);
  EXPECT_TRUE(view->contacts.empty());
}

TEST(View, EscapesOfAUriStayAsWritten) {
  std::string text = kRegister;
  text.replace(text.find("sip:plain@"), 10, "sip:%70l%61in@");
  const auto view = view_request(parsed(text), from("198.18.1.21:5070"));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->contacts[1].uri.user, "%70l%61in");
}

TEST(View, Rfc4475Section3_1_1_1Whitespace) {
  const auto view = view_request(
      parsed(
          "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
          "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
          "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n"
          "  tag = 98asjd8\r\n"
          "MaX-fOrWaRdS: 0068\r\n"
          "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
          "Content-Length   : 2\r\n"
          "cseq: 0009\r\n  INVITE\r\n"
          "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
          "s :\r\n"
          "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
          "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
          "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n"
          "  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n"
          " z9hG4bK30239\r\n\r\nv="),
      from("192.0.2.2:5060"));
  ASSERT_TRUE(view) << name_of(view.error());
  EXPECT_EQ(view->to.tag, "1918181833n");
  EXPECT_EQ(view->from.tag, "98asjd8");
  EXPECT_EQ(view->from.uri.to_string(), "sip:jdrosen@example.com");
  EXPECT_EQ(view->max_forwards, 68);
  EXPECT_EQ(view->cseq, 9u);
  ASSERT_EQ(view->via.size(), 3u);
  EXPECT_EQ(view->via[0].branch, "390skdjuw");
  EXPECT_EQ(view->via[1].transport, Transport::tcp);
  EXPECT_EQ(view->via[2].branch, "z9hG4bK30239");
  ASSERT_EQ(view->route.size(), 1u);
}

TEST(View, ReadsAnAnswer) {
  const auto view = view_response(
      parsed("SIP/2.0 183 Session Progress\r\n"
             "Via: SIP/2.0/UDP 198.18.2.2:5060;branch=z9hG4bKhf;rport=5060\r\n"
             "Via: SIP/2.0/UDP 198.18.1.21\r\n"
             "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
             "RSeq: 44\r\nRetry-After: 30 (busy);duration=9\r\n"
             "Record-Route: <sip:r1;lr>, <sip:r2;lr;hf=00>\r\n\r\n"));
  ASSERT_TRUE(view) << name_of(view.error());
  EXPECT_EQ(view->response.status, 183);
  EXPECT_EQ(view->response.retry_after_s, 30u);
  EXPECT_EQ(view->cseq.method, "INVITE");
  EXPECT_EQ(view->via[0].rport, 5060);
  EXPECT_EQ(view->record_route.size(), 2u);
  EXPECT_TRUE(view->is_reliable);
}

TEST(View, StampsWhereARequestCameFrom) {
  struct Row {
    const char* via;
    const char* want;
  };
  // RFC 3261 section 18.2.1 and RFC 3581 section 4, from 198.18.1.21:5070.
  const Row rows[] = {
      {"SIP/2.0/UDP 198.18.1.21:5070;branch=b", "SIP/2.0/UDP 198.18.1.21:5070;branch=b"},
      {"SIP/2.0/UDP phone;branch=b", "SIP/2.0/UDP phone;branch=b;received=198.18.1.21"},
      {"SIP/2.0/UDP 198.18.1.21:5070;rport;branch=b",
       "SIP/2.0/UDP 198.18.1.21:5070;branch=b;received=198.18.1.21;rport=5070"},
      {"SIP/2.0/UDP 9.9.9.9;received=1.2.3.4;rport=1",
       "SIP/2.0/UDP 9.9.9.9;received=198.18.1.21;rport=5070"},
      {"SIP/2.0/UDP 198.18.1.21;received=1.2.3.4", "SIP/2.0/UDP 198.18.1.21"},
  };
  for (const Row& row : rows) {
    Message message = Message::request("OPTIONS", "sip:a");
    message.push_back(Header::via, row.via);
    stamp_via(message, from("198.18.1.21:5070"));
    EXPECT_EQ(message.value(Header::via), row.want);
  }
}

TEST(View, UrisAreChangedWhereTheyStand) {
  EXPECT_EQ(with_uri("\"<x>\" <sip:a@b;p>;q=1", uri("sip:n@m")), "\"<x>\" <sip:n@m>;q=1");
  EXPECT_EQ(with_uri("sip:a@b;q=1", uri("sip:n@m;x=1")), "<sip:n@m;x=1>;q=1");
}

struct Field {
  const char* text;
  bool good;
};

TEST(Fields, Via) {
  for (const Field& row : {Field{"SIP/2.0/UDP a", true}, Field{"SIP/2.0/WSS a.invalid;rport", true},
                           Field{"SIP / 2.0 / TCP [::1]:1", true}, Field{"SIP/2.0/UDP", false},
                           Field{"", false}, Field{"SIP/2.0/UDP a:0", false},
                           Field{"SIP/2.0/UDP a:70000", false}, Field{"SIP/2.0/UDP a, b", false},
                           Field{"HTTP/1.1/TCP a", false}, Field{"SIP/2.0/UDP [::1", false}})
    EXPECT_EQ(parse_via(row.text).has_value(), row.good) << row.text;
}

TEST(Fields, CSeq) {
  EXPECT_EQ(parse_cseq("2147483647 INVITE")->number, 2147483647u);
  EXPECT_FALSE(parse_cseq("4294967297 INVITE"));
  EXPECT_FALSE(parse_cseq("2147483648 INVITE"));
  EXPECT_FALSE(parse_cseq("1"));
  EXPECT_FALSE(parse_cseq("1 IN VITE"));
  EXPECT_FALSE(parse_cseq("-1 INVITE"));
  EXPECT_EQ(parse_cseq("1 !odd-Method0_*+`.%indeed'~")->method, "!odd-Method0_*+`.%indeed'~");
}

TEST(Fields, Addresses) {
  for (const Field& row :
       {Field{"<sip:a@b>", true}, Field{"sip:a@b", true}, Field{"A B <tel:+1;ext=2>;tag=1", true},
        Field{"\"unclosed <sip:a@b>", false}, Field{"<sip:a@b", false}, Field{"", false},
        Field{"<>", false}, Field{"<<sip:a@b>>", false}})
    EXPECT_EQ(parse_name_address(row.text).has_value(), row.good) << row.text;
  EXPECT_EQ(parse_name_address("<sip:a@b>;TAG=x")->tag, "x");
}

}  // namespace
}  // namespace holdfast::sip
