// SPDX-License-Identifier: Apache-2.0
// Header lines to heads and framings.
#include "provision-proxy/upstream/head_reader.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

using Line = HeadReader::Line;

Line feed(HeadReader& reader, std::string_view lines) {
  Line last = Line::more;
  while (!lines.empty()) {
    const auto end = lines.find('\n') + 1;
    last = reader.line(lines.substr(0, end));
    if (last == Line::bad || last == Line::too_large) break;
    lines.remove_prefix(end);
  }
  return last;
}

struct Row {
  const char* lines;
  Line end;
  BodyFraming framing = BodyFraming::none;
  uint64_t length = 0;
  bool to_head = false;
};

TEST(HeadReader, FindsTheFraming) {  // RFC 9112 section 6.3
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\n\r\n", Line::final, BodyFraming::close},
      {"HTTP/1.1 200\r\n\r\n", Line::final, BodyFraming::close},
      {"HTTP/1.0 404 Not Found\n\n", Line::final, BodyFraming::close},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Line::final, BodyFraming::length, 0},
      {"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n", Line::final, BodyFraming::length, 42},
      {"HTTP/1.1 200 OK\r\nContent-Length: 42, 42\r\n\r\n", Line::final, BodyFraming::length, 42},
      {"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n", Line::final, BodyFraming::none, 0, true},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n", Line::final, BodyFraming::none},
      {"HTTP/1.1 304 Not Modified\r\n\r\n", Line::final, BodyFraming::none},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: ChunKed\r\n\r\n", Line::final, BodyFraming::chunked},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       Line::bad},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n", Line::final,
       BodyFraming::chunked},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", Line::bad},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 4, 5\r\n\r\n", Line::bad},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Line::bad},
      {"HTTP/2 200\r\n\r\n", Line::bad},
      {"ICY 200 OK\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Line::bad},
      {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", Line::bad},
      {"HTTP/1.1 100 Continue\r\n\r\n", Line::interim},
      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
       Line::final, BodyFraming::length, 1},
      {"HTTP/1.1 200 OK\r\n\r\nX-Trailer: 1\r\n", Line::trailer, BodyFraming::close},
  };
  for (const auto& row : rows) {
    HeadReader reader(row.to_head);
    EXPECT_EQ(feed(reader, row.lines), row.end) << row.lines << reader.problem();
    EXPECT_EQ(reader.problem().empty(), row.end != Line::bad) << row.lines;
    if (row.end == Line::bad) continue;
    EXPECT_EQ(reader.framing(), row.framing) << row.lines;
    EXPECT_EQ(reader.content_length(), row.length) << row.lines;
  }
}

TEST(HeadReader, RefusesNul) {
  HeadReader reader(false);
  reader.line("HTTP/1.1 200 OK\r\n");
  reader.line(std::string_view("A: b\0c\r\n", 8));
  EXPECT_EQ(reader.line("\r\n"), Line::bad);
}

TEST(HeadReader, IsBounded) {
  HeadReader fields(false);
  Line last = fields.line("HTTP/1.1 200 OK\r\n");
  size_t lines = 1;
  while (last == Line::more && lines < 100'000) {
    last = fields.line("A: b\r\n");
    ++lines;
  }
  EXPECT_EQ(last, Line::too_large);
  EXPECT_EQ(lines, kMaxResponseFields + 1);

  HeadReader bytes(false);
  bytes.line("HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(bytes.line("A: " + std::string(65'400, 'b') + "\r\n"), Line::more);
  EXPECT_EQ(bytes.line("C: " + std::string(200, 'd') + "\r\n"), Line::too_large);

  HeadReader interims(false);  // endless 1xx
  Line end = Line::more;
  for (int i = 0; i < 100'000 && end != Line::too_large; ++i)
    end = feed(interims, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(end, Line::too_large);
}

}  // namespace
}  // namespace holdfast::provision
