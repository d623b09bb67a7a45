// SPDX-License-Identifier: Apache-2.0
// The gate: what it makes of good heads, every refusal by name, its limits, and cuts anywhere.
#include "provision-proxy/http/request_head.hh"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace holdfast::provision {
namespace {

const std::string kHost = "Host: h\r\n";

std::string head(const std::string& line, const std::string& fields = kHost) {
  return line + "\r\n" + fields + "\r\n";
}
std::string get(const std::string& fields) {
  return head("GET /a HTTP/1.1", kHost + fields);
}

std::string verdict_text(const HeadVerdict& verdict) {
  if (verdict.state == HeadState::done) return "done";
  return verdict.state == HeadState::need_more ? "need more"
                                               : std::string(name_of(verdict.refusal));
}

std::string parsed(const std::string& bytes) {
  RequestHead out;
  return verdict_text(parse_request_head(bytes, out));
}

TEST(RequestHead, AcceptsAPhonesRequest) {
  const std::string bytes =
      "GET /0004f282e824.cfg?x=1 HTTP/1.1\r\n"
      "Host: provision.lab.voip:8088\r\n"
      "User-Agent:  FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application \t\r\n"
      "X-Empty:\r\n"
      "accept: */*\r\n"
      "Accept: text/xml\r\n"
      "\r\n";
  const std::string stream = bytes + "GET /next";
  RequestHead out;
  ASSERT_EQ(verdict_text(parse_request_head(stream, out)), "done");
  EXPECT_EQ(out.method, "GET");
  EXPECT_EQ(out.method_kind, Method::get);
  EXPECT_EQ(out.target, "/0004f282e824.cfg?x=1");
  EXPECT_EQ(out.path, "/0004f282e824.cfg");
  EXPECT_EQ(out.host, "provision.lab.voip:8088");
  EXPECT_EQ(out.minor, 1);
  EXPECT_EQ(out.framing, Framing::none);
  EXPECT_EQ(out.content_length, 0U);
  EXPECT_EQ(out.head_bytes, bytes.size());
  EXPECT_TRUE(out.keep_alive);
  EXPECT_FALSE(out.expect_continue || out.unexpected_body || out.path_escaped);
  ASSERT_EQ(out.fields().size(), 5U);
  EXPECT_EQ(out.fields()[1].name, "User-Agent");
  EXPECT_EQ(out.fields()[1].value,
            "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application");
  EXPECT_EQ(out.find("x-empty"), "");
  EXPECT_EQ(out.find("ACCEPT"), "*/*");
  EXPECT_EQ(out.find("Cookie"), std::nullopt);
}

// The kind of method, the minor version, framing, and what is set of the rest.
std::string meaning(const RequestHead& head) {
  static const char* const kMethods[] = {"get",    "head",    "put",  "post",
                                         "delete", "options", "other"};
  std::string text = kMethods[static_cast<size_t>(head.method_kind)];
  text += " 1." + std::to_string(head.minor);
  if (head.framing == Framing::length) text += " length " + std::to_string(head.content_length);
  if (head.framing == Framing::chunked) text += " chunked";
  if (head.keep_alive) text += " keep";
  if (head.expect_continue) text += " expect";
  if (head.unexpected_body) text += " unexpected";
  return text;
}

TEST(RequestHead, SaysWhatAHeadMeans) {
  const struct {
    std::string name, bytes, wanted;
  } rows[] = {
      {"9112 9.3 persistent by default", get(""), "get 1.1 keep"},
      {"9112 9.3 close", get("Connection: close\r\n"), "get 1.1"},
      {"9110 7.6.1 options in a list", get("Connection: TE ,\tClose\r\n"), "get 1.1"},
      {"9112 9.3 close wins", get("Connection: keep-alive\r\nConnection: close\r\n"), "get 1.1"},
      {"9112 9.3 HTTP/1.0 closes", head("GET /a HTTP/1.0"), "get 1.0"},
      {"9112 9.3 HTTP/1.0 keep-alive",
       head("GET /a HTTP/1.0", kHost + "connection: Keep-Alive\r\n"), "get 1.0 keep"},
      {"9112 6.2 a length", head("PUT /a HTTP/1.1", kHost + "Content-Length: 42\r\n"),
       "put 1.1 length 42 keep"},
      {"9110 8.6 the greatest length",
       head("POST /a HTTP/1.1", kHost + "Content-Length: 9223372036854775807\r\n"),
       "post 1.1 length 9223372036854775807 keep"},
      {"9112 7.1 chunked", head("POST /a HTTP/1.1", kHost + "Transfer-Encoding: Chunked\r\n"),
       "post 1.1 chunked keep"},
      {"9112 6.3 POST without a body", head("POST /a HTTP/1.1"), "post 1.1 keep"},
      {"9110 9.3.1 GET with a body", get("Content-Length: 1\r\n"),
       "get 1.1 length 1 keep unexpected"},
      {"9110 9.3.1 GET with a length of 0", get("Content-Length: 0\r\n"), "get 1.1 length 0 keep"},
      {"9110 9.3.2 HEAD with a body",
       head("HEAD /a HTTP/1.1", kHost + "Transfer-Encoding: chunked\r\n"),
       "head 1.1 chunked keep unexpected"},
      {"9110 10.1.1 Expect",
       head("PUT /a HTTP/1.1", kHost + "Expect: 100-Continue\r\nContent-Length: 3\r\n"),
       "put 1.1 length 3 keep expect"},
      {"9110 10.1.1 Expect of HTTP/1.0 is ignored",
       head("PUT /a HTTP/1.0", kHost + "Expect: 100-continue\r\nContent-Length: 3\r\n"),
       "put 1.0 length 3"},
      {"9110 9.3.5 DELETE", head("DELETE /a HTTP/1.1"), "delete 1.1 keep"},
      {"9110 9.3.7 OPTIONS", head("OPTIONS /a HTTP/1.1"), "options 1.1 keep"},
      {"9110 9.1 another token", head("M-SEARCH /a HTTP/1.1"), "other 1.1 keep"},
      {"9110 9.1 methods are case-sensitive", head("get /a HTTP/1.1"), "other 1.1 keep"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    RequestHead out;
    ASSERT_EQ(verdict_text(parse_request_head(row.bytes, out)), "done");
    EXPECT_EQ(meaning(out), row.wanted);
  }
}

// A head is used for one request after the other: nothing of the last one may stay.
TEST(RequestHead, KeepsNothingOfTheHeadBefore) {
  RequestHead out;
  parse_request_head(head("PUT http://h/%61 HTTP/1.0", kHost + "Content-Length: 7\r\nX: y\r\n"),
                     out);
  ASSERT_EQ(out.content_length, 7U);
  ASSERT_TRUE(out.path_escaped);
  const std::string next = get("");
  ASSERT_EQ(parse_request_head(next, out).state, HeadState::done);
  EXPECT_EQ(out.content_length, 0U);
  EXPECT_EQ(out.framing, Framing::none);
  EXPECT_EQ(out.form, TargetForm::origin);
  EXPECT_EQ(out.fields().size(), 1U);
  EXPECT_EQ(out.minor, 1);
  EXPECT_FALSE(out.path_escaped);
}

struct Refused {
  std::string refusal, bytes;
};

std::vector<Refused> refused_rows() {
  std::string many;
  for (size_t i = 0; i < kMaxHeadFields; ++i) many += "X: y\r\n";
  const auto host = [](const std::string& value) {
    return head("GET /a HTTP/1.1", "Host: " + value + "\r\n");
  };
  return {
      {"head_too_large", "GET /a HTTP/1.1\r\nX: " + std::string(kMaxHeadBytes, 'x')},
      {"head_too_many_fields", get(many)},
      {"head_nul", get(std::string("X: \0\r\n", 6))},
      {"head_nul", std::string("GET\0/", 5)},
      {"head_bare_cr", "\rGET"},
      {"head_bare_cr", "GET /a HTTP/1.1\rH"},
      {"head_bare_cr", "GET /a HTTP/1.1\r\nHost: h\r\n\rX"},
      {"head_bare_lf", "\nGET"},
      {"head_bare_lf", "GET /a HTTP/1.1\r\nHost: h\r\n\n"},
      {"head_bare_lf", "GET /a HTTP/1.1\r\nHost\n"},
      {"head_control_byte", get("X: \x7f\r\n")},
      {"head_control_byte", "GET /a\tHTTP/1.1\r\n"},
      {"head_method_malformed", "\x16\x03\x01"},  // TLS where plain text is spoken
      {"head_method_malformed", " /a HTTP/1.1\r\n"},
      {"head_method_malformed", "GET/a HTTP/1.1\r\n"},
      {"head_method_malformed", std::string(kMaxMethodBytes + 1, 'A')},
      {"head_method_connect", "CONNECT "},
      {"head_method_trace", "TRACE "},
      {"head_request_line_malformed", "GET\r\n"},
      {"head_request_line_malformed", "GET /a\r\n"},
      {"head_request_line_malformed", "GET /a \r\n"},
      {"head_request_line_malformed", "GET  "},
      {"head_version_malformed", "GET /a http/1.1\r\n"},
      {"head_version_malformed", "GET /a HTTP/1.1 \r\n"},
      {"head_version_malformed", "GET /a HTTP/1.10\r\n"},
      {"head_version_malformed", "GET /a HTTP/11"},
      {"head_version_malformed", "GET /a  HTTP/1.1\r\n"},
      {"head_version_unsupported", "GET /a HTTP/1.2\r\n"},
      {"head_version_unsupported", "GET /a HTTP/2.0\r\n"},
      {"head_version_unsupported", "GET /a HTTP/0.9\r\n"},
      {"head_target_too_long", "GET /" + std::string(kMaxTargetBytes, 'a')},
      {"head_target_form", "GET a "},
      {"head_target_form", "OPTIONS * "},
      {"head_target_form", "GET ftp://h/a "},
      {"head_target_authority", head("GET http://i/a HTTP/1.1")},
      {"head_target_authority", head("GET http://h:80/a HTTP/1.1")},
      {"head_target_authority", head("GET http://u@h/a HTTP/1.1")},
      {"head_target_non_ascii", "GET /\xc3\xa4 "},
      {"head_target_fragment", "GET /a#b "},
      {"head_target_backslash", "GET /a\\b "},
      {"head_target_nul", "GET /a%00 "},
      {"head_target_escaped_control", "GET /a%0d%0aX:%20y "},
      {"head_target_bad_escape", "GET /a%4 "},
      {"head_target_double_escape", "GET /%252e%252e/a "},
      {"head_target_overlong", "GET /%c0%ae%c0%ae/a "},
      {"head_target_dot_segments", "GET /../a "},
      {"head_target_two_slashes", "GET /%2fh/a "},
      {"head_obs_fold", get("X: y\r\n z\r\n")},
      {"head_obs_fold", head("GET /a HTTP/1.1", " " + kHost)},
      {"head_field_no_colon", get("X\r\n")},
      {"head_field_name_empty", get(": y\r\n")},
      {"head_field_name_bytes", get("X(: y\r\n")},
      {"head_field_name_bytes", get("\xc3\xa4: y\r\n")},
      {"head_space_before_colon", get("X : y\r\n")},
      {"head_field_lookalike", get("content_length: 3\r\n")},
      {"head_host_missing", head("GET /a HTTP/1.1", "")},
      {"head_target_authority", head("GET http://h/a HTTP/1.0", "")},
      {"head_host_missing", head("GET http://h/a HTTP/1.1", "")},
      {"head_host_twice", get(kHost)},
      {"head_host_invalid", host("")},
      {"head_host_invalid", host("u@h")},
      {"head_content_length_twice", get("Content-Length: 0\r\nContent-Length: 0\r\n")},
      {"head_content_length_malformed", get("Content-Length: 1 1\r\n")},
      {"head_content_length_malformed", get("Content-Length: \xb2\r\n")},
      {"head_content_length_overflow", get("Content-Length: 9223372036854775808\r\n")},
      {"head_content_length_overflow", get("Content-Length: 1" + std::string(40, '0') + "\r\n")},
      {"head_transfer_encoding_twice", get("Transfer-Encoding: chunked\r\n"
                                           "Transfer-Encoding: chunked\r\n")},
      {"head_transfer_encoding_unknown", get("Transfer-Encoding: gzip\r\n")},
      {"head_transfer_encoding_http_1_0",
       head("POST /a HTTP/1.0", kHost + "Transfer-Encoding: chunked\r\n")},
      {"head_two_framings", get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
      {"head_connection_option", get("Connection: close, host\r\n")},
      {"head_connection_option", get("Connection: User-Agent\r\n")},
      {"head_expectation_unknown", get("Expect: 200-ok\r\n")},
  };
}

TEST(RequestHead, RefusesByName) {
  std::set<std::string> seen;
  for (const Refused& row : refused_rows()) {
    SCOPED_TRACE(row.bytes.substr(0, 60));
    EXPECT_EQ(parsed(row.bytes), row.refusal);
    seen.insert(row.refusal);
  }
#define HOLDFAST_X(name, status, text)                         \
  EXPECT_TRUE(seen.contains(#name)) << #name << " has no row"; \
  EXPECT_EQ(name_of(GateRefusal::name), #name);                \
  EXPECT_EQ(status_of(GateRefusal::name), status);             \
  EXPECT_EQ(text_of(GateRefusal::name), text);
  HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
}

// Whatever a longer input gives is what its beginnings led to.
TEST(RequestHead, AVerdictComesOnceAndStays) {
  std::vector<std::string> inputs;
  for (const Refused& row : refused_rows()) inputs.push_back(row.bytes);
  inputs.push_back(get("X: y\r\n") + "GET /b");
  RequestHead out;
  for (const std::string& bytes : inputs) {
    SCOPED_TRACE(bytes.substr(0, 60));
    const HeadVerdict whole = parse_request_head(bytes, out);
    bool settled = false;
    // The long ones in steps: each prefix is parsed anew.
    const size_t step = bytes.size() > 4096 ? 97 : 1;
    for (size_t size = 0; size <= bytes.size(); size += step) {
      const HeadVerdict verdict = parse_request_head(bytes.substr(0, size), out);
      if (verdict.state != HeadState::need_more) settled = true;
      if (!settled) continue;
      ASSERT_EQ(verdict, whole) << "after " << size << " bytes";
    }
  }
}

TEST(RequestHead, LimitsAreReachedAndNotPassed) {
  // "GET /aaa HTTP/1.1"
  EXPECT_EQ(parsed(head("GET /" + std::string(kMaxTargetBytes - 1, 'a') + " HTTP/1.1")), "done");
  EXPECT_EQ(parsed(head(std::string(kMaxMethodBytes, 'A') + " /a HTTP/1.1")), "done");

  std::string fields = kHost;
  for (size_t i = 1; i < kMaxHeadFields; ++i) fields += "X: y\r\n";
  EXPECT_EQ(parsed(head("GET /a HTTP/1.1", fields)), "done");

  const std::string start = "GET /a HTTP/1.1\r\n" + kHost + "X: ";
  const std::string full = start + std::string(kMaxHeadBytes - start.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(full.size(), kMaxHeadBytes);
  EXPECT_EQ(parsed(full), "done");
  EXPECT_EQ(parsed(full + "body"), "done");
  EXPECT_EQ(parsed(full.substr(0, kMaxHeadBytes - 1)), "need more");
  EXPECT_EQ(parsed(start + std::string(kMaxHeadBytes - start.size() - 3, 'x') + "\r\n\r\n"),
            "head_too_large");
}

TEST(RequestHead, SkipsOneEmptyLine) {
  RequestHead out;
  const std::string bytes = "\r\n" + get("");
  ASSERT_EQ(verdict_text(parse_request_head(bytes, out)), "done");
  EXPECT_EQ(out.head_bytes, bytes.size());
  EXPECT_EQ(parsed("\r\n\r\n"), "head_request_line_malformed");
  EXPECT_EQ(parsed(""), "need more");
  EXPECT_EQ(parsed("\r"), "need more");
}

}  // namespace
}  // namespace holdfast::provision
