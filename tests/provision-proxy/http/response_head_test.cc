// SPDX-License-Identifier: Apache-2.0
// Heads of responses, line by line.
#include "provision-proxy/http/response_head.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::provision {
namespace {

using Step = ResponseHeadReader::Step;

TEST(ResponseHead, StatusLines) {
  const struct {
    std::string line;
    int minor, status;
    std::string reason;
  } rows[] = {
      {"HTTP/1.1 200 OK\r\n", 1, 200, "OK"},
      {"HTTP/1.0 404 Not Found\n", 0, 404, "Not Found"},
      {"HTTP/1.1 599 ", 1, 599, ""},
      {"HTTP/1.1 999", 1, 999, ""},
      {"HTTP/1.1 100 Continue", 1, 100, "Continue"},
      {"HTTP/1.1 200 \xc3\x9c"
       "ber",
       1, 200,
       "\xc3\x9c"
       "ber"},
  };
  for (const auto& row : rows) {
    const auto status = parse_status_line(row.line);
    ASSERT_TRUE(status) << row.line;
    EXPECT_EQ(status->minor, row.minor) << row.line;
    EXPECT_EQ(status->status, row.status) << row.line;
    EXPECT_EQ(status->reason, row.reason) << row.line;
  }
  for (const char* line :
       {"", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 x", "HTTP/1.1 20x OK",
        "HTTP/2 200", "HTTP/1.2 200 OK", "http/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 -20 OK",
        " HTTP/1.1 200 OK", "ICY 200 OK", "HTTP/1.1 200 a\rb", "HTTP/1.1\t200 OK"})
    EXPECT_FALSE(parse_status_line(line)) << line;
}

TEST(ResponseHead, FieldLines) {
  EXPECT_EQ(parse_field_line("A: b\r\n")->value, "b");
  EXPECT_EQ(parse_field_line("A:b")->value, "b");
  EXPECT_EQ(parse_field_line("A:")->value, "");
  EXPECT_EQ(parse_field_line("A: b: c ")->value, "b: c");
  for (const char* line : {"", ":", ": b", "A b", "A : b", " A: b", "A\t: b", "A(: b", "A: b\rc"})
    EXPECT_FALSE(parse_field_line(line)) << line;
  EXPECT_FALSE(parse_field_line(std::string_view("A: b\0c", 6)));
}

Step read(ResponseHeadReader& reader, const std::vector<std::string>& lines) {
  Step step = Step::more;
  for (const std::string& line : lines) step = reader.line(line);
  return step;
}

TEST(ResponseHead, WholeHead) {
  ResponseHeadReader reader;
  EXPECT_EQ(read(reader, {"HTTP/1.1 200 OK\r\n", "A: 1\r\n", "a: 2\r\n", "\r\n"}), Step::done);
  const ResponseHead head = reader.take();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason, "OK");
  EXPECT_EQ(head.fields.text(), "A: 1\r\na: 2\r\n");
}

TEST(ResponseHead, InterimResponsesAreForgotten) {  // RFC 9110, 15.2
  ResponseHeadReader reader;
  EXPECT_EQ(read(reader, {"HTTP/1.1 100 Continue", "A: 1", ""}), Step::interim);
  EXPECT_EQ(read(reader, {"HTTP/1.1 103 Early Hints", ""}), Step::interim);
  EXPECT_EQ(read(reader, {"HTTP/1.1 204 No Content", "B: 2", ""}), Step::done);
  EXPECT_EQ(reader.head().status, 204);
  EXPECT_EQ(reader.head().fields.text(), "B: 2\r\n");
}

TEST(ResponseHead, FoldedLinesAreOne) {  // RFC 9112, 5.2
  ResponseHeadReader reader;
  EXPECT_EQ(read(reader, {"HTTP/1.1 200 OK", "A: 1", "  2", "\t3 ", "B: 4", ""}), Step::done);
  EXPECT_EQ(reader.head().fields.text(), "A: 1 2 3\r\nB: 4\r\n");
}

TEST(ResponseHead, Refuses) {
  const std::vector<std::string> heads[] = {
      {"A: 1"},
      {""},
      {"HTTP/1.1 200 OK", " folded first"},
      {"HTTP/1.1 200 OK", "no colon", ""},
      {"HTTP/1.1 200 OK", "A : 1", ""},
      {"HTTP/1.1 200 OK", "", "A: 1"},
  };
  for (const auto& head : heads) {
    ResponseHeadReader reader;
    EXPECT_EQ(read(reader, head), Step::refused) << head.back();
    EXPECT_EQ(reader.line("HTTP/1.1 200 OK"), Step::refused);
  }
}

TEST(ResponseHead, Bounds) {
  ResponseHeadReader many;
  many.line("HTTP/1.1 200 OK");
  for (size_t i = 0; i < kMaxResponseFields; ++i) ASSERT_EQ(many.line("A: 1"), Step::more);
  EXPECT_EQ(many.line("A: 1"), Step::more);  // waits for what may be folded
  EXPECT_EQ(many.line(""), Step::refused);

  ResponseHeadReader big;
  big.line("HTTP/1.1 200 OK");
  EXPECT_EQ(big.line("A: 1"), Step::more);
  Step step = Step::more;
  for (size_t i = 0; i < kMaxResponseHeadBytes / 100 + 1 && step == Step::more; ++i)
    step = big.line(" " + std::string(100, 'x'));
  EXPECT_EQ(step, Step::refused);
}

}  // namespace
}  // namespace holdfast::provision
