// SPDX-License-Identifier: Apache-2.0
// The chunked coding: bodies that come out whole however they are cut, refusals by name, limits.
#include "provision-proxy/http/chunked.hh"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "provision-proxy/http/request_limits.hh"

namespace holdfast::provision {
namespace {

constexpr uint64_t kMaxBody = 64;

struct Decoded {
  std::string body;
  std::string end;  // "done", "need more" or a refusal's name
  size_t consumed = 0;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view bytes, size_t step, uint64_t max_body = kMaxBody) {
  ChunkedDecoder decoder(max_body);
  Decoded decoded;
  std::string_view input = bytes.substr(0, step);
  for (;;) {
    const auto got = decoder.step(input);
    EXPECT_LE(got.consumed, input.size());
    EXPECT_EQ(got.data.empty(), got.state != ChunkedDecoder::State::data);
    decoded.body.append(got.data);
    decoded.consumed += got.consumed;
    EXPECT_EQ(decoder.body_bytes(), decoded.body.size());
    switch (got.state) {
      case ChunkedDecoder::State::data:
        input.remove_prefix(got.consumed);
        continue;
      case ChunkedDecoder::State::need_more:
        EXPECT_EQ(got.consumed, input.size());
        if (decoded.consumed == bytes.size()) {
          decoded.end = "need more";
          return decoded;
        }
        input = bytes.substr(decoded.consumed, step);
        continue;
      case ChunkedDecoder::State::done:
        decoded.end = "done";
        break;
      case ChunkedDecoder::State::refused:
        decoded.end = name_of(decoder.refusal());
        break;
    }
    // An end is an end.
    const auto after = decoder.step("0\r\n\r\n");
    EXPECT_EQ(after.state, got.state);
    EXPECT_EQ(after.consumed, 0U);
    return decoded;
  }
}

struct Row {
  std::string name, bytes, body, end;
};

std::vector<Row> rows() {
  std::string trailers;
  for (size_t i = 0; i < kMaxTrailerFields; ++i) trailers += "T: v\r\n";
  const std::string x64(64, 'x');
  return {
      {"7.1 empty body", "0\r\n\r\n", "", "done"},
      {"7.1 one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", "done"},
      {"7.1 two chunks, data like framing", "7\r\n0\r\n\r\n5\r\r\n1\r\n\n\r\n0\r\n\r\n",
       "0\r\n\r\n5\r\n", "done"},
      {"7.1 digits of either case", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
       "01234567890123456789", "done"},
      {"7.1 16 digits", "0000000000000001\r\nx\r\n0000000000000000\r\n\r\n", "x", "done"},
      {"7.1 what follows stays", "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "x", "done"},
      {"7.1 cut in the size", "1", "", "need more"},
      {"7.1 cut in the data", "5\r\nhel", "hel", "need more"},
      {"7.1 cut before the last line", "1\r\nx\r\n0\r\n", "x", "need more"},
      {"7.1 the whole of what is taken", "40\r\n" + x64 + "\r\n0\r\n\r\n", x64, "done"},
      {"7.1.1 extensions are ignored", "1;a\r\nx\r\n0;a=b ; c = \"d;e\"\r\n\r\n", "x", "done"},
      {"7.1.2 trailers are dropped", "0\r\nT: v\r\nEmpty:\r\n\r\n", "", "done"},
      {"7.1.2 as many trailers as may be", "0\r\n" + trailers + "\r\n", "", "done"},

      {"7.1 no size", "\r\n", "", "chunk_size_malformed"},
      {"7.1 sign", "+1\r\nx", "", "chunk_size_malformed"},
      {"7.1 0x", "0x1\r\nx", "", "chunk_size_malformed"},
      {"7.1 no digit", "g\r\n", "", "chunk_size_malformed"},
      {"7.1 blank before the size", " 1\r\nx", "", "chunk_size_malformed"},
      {"7.1 blank behind the size", "1 \r\nx", "", "chunk_size_malformed"},
      {"7.1.1 BWS before the first ;", "1 ;a\r\nx", "", "chunk_size_malformed"},
      {"7.1 NUL", std::string("1\0\r\n", 4), "", "chunk_size_malformed"},
      {"7.1 17 digits", "00000000000000001\r\nx", "", "chunk_size_malformed"},
      {"2.2 LF behind the size", "1\nx", "", "chunk_bare_lf"},
      {"2.2 LF for a size", "\n", "", "chunk_bare_lf"},
      {"2.2 LF behind the data", "1\r\nx\n", "x", "chunk_bare_lf"},
      {"2.2 LF in an extension", "1;a\nx", "", "chunk_bare_lf"},
      {"2.2 LF for an extension", "1;\n", "", "chunk_bare_lf"},
      {"2.2 LF at the end", "0\r\n\n", "", "chunk_bare_lf"},
      {"2.2 LF in a trailer's name", "0\r\nT\n", "", "chunk_bare_lf"},
      {"2.2 LF behind a trailer", "0\r\nT: v\n", "", "chunk_bare_lf"},
      {"2.2 CR behind the size", "1\rx", "", "chunk_bare_cr"},
      {"2.2 CR behind the data", "1\r\nx\r0", "x", "chunk_bare_cr"},
      {"2.2 CR in an extension", "1;a\r\r\n", "", "chunk_bare_cr"},
      {"2.2 CR behind a trailer", "0\r\nT: v\rX", "", "chunk_bare_cr"},
      {"2.2 CR at the end", "0\r\n\rX", "", "chunk_bare_cr"},
      {"7.1.1 no name", "1;\r\nx", "", "chunk_extension_malformed"},
      {"7.1.1 blank for a name", "1; a\r\nx", "", "chunk_extension_malformed"},
      {"7.1.1 a control byte", "1;a\x01\r\nx", "", "chunk_extension_malformed"},
      {"7.1.1 no ASCII", "1;a\xe4\r\nx", "", "chunk_extension_malformed"},
      {"7.1.1 too long", "1;a" + std::string(kMaxChunkExtensionBytes, 'b'), "",
       "chunk_extensions_too_long"},
      {"7.1 longer than its size", "1\r\nxy\r\n", "x", "chunk_longer_than_size"},
      {"7.1 shorter than its size", "3\r\nx\r\n0\r\n\r\n", "x\r\n", "chunk_longer_than_size"},
      {"5.2 obs-fold in a trailer", "0\r\nT: v\r\n w\r\n", "", "chunk_trailer_malformed"},
      {"5 trailer without colon", "0\r\nT\r\n", "", "chunk_trailer_malformed"},
      {"5 trailer without name", "0\r\n: v\r\n", "", "chunk_trailer_malformed"},
      {"5.1 blank before the colon", "0\r\nT : v\r\n", "", "chunk_trailer_malformed"},
      {"5 NUL in a trailer", std::string("0\r\nT: \0\r\n", 9), "", "chunk_trailer_malformed"},
      {"7.1.2 too many trailers", "0\r\n" + trailers + "T: v\r\n", "", "chunk_trailers_too_large"},
      {"7.1.2 too long a trailer", "0\r\nT:" + std::string(kMaxTrailerBytes, 'v'), "",
       "chunk_trailers_too_large"},
      {"7.1 more than is taken", "41\r\n", "", "chunk_body_too_large"},
      {"7.1 more than is taken, in sum", "3f\r\n" + x64.substr(1) + "\r\n2\r\nxx", x64.substr(1),
       "chunk_body_too_large"},
      {"7.1 64 bits", "ffffffffffffffff\r\n", "", "chunk_body_too_large"},
  };
}

TEST(Chunked, DecodesOrRefusesByName) {
  std::set<std::string> seen;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Decoded decoded = decode(row.bytes, std::string::npos);
    EXPECT_EQ(decoded.end, row.end);
    EXPECT_EQ(decoded.body, row.body);
    seen.insert(row.end);
  }
#define HOLDFAST_X(name, status, text)                         \
  EXPECT_TRUE(seen.contains(#name)) << #name << " has no row"; \
  EXPECT_EQ(name_of(ChunkRefusal::name), #name);               \
  EXPECT_EQ(status_of(ChunkRefusal::name), status);            \
  EXPECT_EQ(text_of(ChunkRefusal::name), text);
  HOLDFAST_CHUNK_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
}

TEST(Chunked, HowBytesAreCutMakesNoDifference) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Decoded whole = decode(row.bytes, std::string::npos);
    for (const size_t step : {1U, 2U, 3U, 31U, 67U}) EXPECT_EQ(decode(row.bytes, step), whole);
  }
}

TEST(Chunked, LeavesTheNextRequest) {
  const std::string body = "1\r\nx\r\n0\r\nT: v\r\n\r\n";
  EXPECT_EQ(decode(body + "GET / HTTP/1.1\r\n", std::string::npos).consumed, body.size());
}

// 64 bits of size, and a body that may be that long: no sum wraps.
TEST(Chunked, SizesDoNotWrap) {
  EXPECT_EQ(decode("1\r\nx\r\nffffffffffffffff\r\n", 1, UINT64_MAX).end, "chunk_body_too_large");
  EXPECT_EQ(decode("1\r\nx\r\nfffffffffffffffe\r\n", 1, UINT64_MAX).end, "need more");
}

TEST(Chunked, EncodesWhatItDecodes) {
  EXPECT_EQ(ChunkStart(1).text(), "1\r\n");
  EXPECT_EQ(ChunkStart(26).text(), "1a\r\n");
  EXPECT_EQ(ChunkStart(UINT64_MAX).text(), "ffffffffffffffff\r\n");
  std::string encoded, plain;
  for (const size_t size : {1U, 15U, 16U, 17U, 4096U}) {
    const std::string piece(size, 'x');
    plain += piece;
    encoded.append(ChunkStart(size).text()).append(piece).append(kChunkEnd);
  }
  encoded.append(kLastChunk);
  const Decoded decoded = decode(encoded, 33, plain.size());
  EXPECT_EQ(decoded.end, "done");
  EXPECT_EQ(decoded.body, plain);
  EXPECT_EQ(decoded.consumed, encoded.size());
}

}  // namespace
}  // namespace holdfast::provision
