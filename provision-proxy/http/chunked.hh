// SPDX-License-Identifier: Apache-2.0
// The chunked transfer coding (RFC 9112 section 7.1): a strict, incremental decoder for bodies of
// requests, and the pieces to encode an answer with.
//
// Pure, no allocation. Lines end in CRLF only. Chunk extensions are read and ignored, as section
// 7.1.1 demands of a recipient ("MUST ignore unrecognized chunk extensions"), but within a limit on
// their total, as it demands of a server; bytes that are not visible ASCII or blanks, and blanks
// before the first ';', which old readers took for the end of the size, are refused. Trailer fields
// are checked like fields and dropped (section 7.1.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::provision {

// X(name, status, what is wrong). The names are counter names.
#define HOLDFAST_CHUNK_REFUSALS(X)                                                       \
  X(chunk_size_malformed, 400, "a chunk size is not 1 to 16 hexadecimal digits")         \
  X(chunk_bare_cr, 400, "a CR without LF")                                               \
  X(chunk_bare_lf, 400, "a line that ends in LF alone (RFC 9112 section 2.2)")           \
  X(chunk_extension_malformed, 400, "a chunk extension is not ; and a name")             \
  X(chunk_extensions_too_long, 400, "more than 1 KiB of chunk extensions")               \
  X(chunk_longer_than_size, 400, "no CRLF where the data of a chunk ends")               \
  X(chunk_trailer_malformed, 400, "a trailer field is not name, colon and value")        \
  X(chunk_trailers_too_large, 431, "more than 4 KiB of trailer fields, or more than 32") \
  X(chunk_body_too_large, 413, "the body is longer than the caller takes")

enum class ChunkRefusal : uint8_t {
#define HOLDFAST_X(name, status, text) name,
  HOLDFAST_CHUNK_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(ChunkRefusal refusal);
std::string_view text_of(ChunkRefusal refusal);
int status_of(ChunkRefusal refusal);

// One body. A refusal is final and, as one of the head, ends the connection.
class ChunkedDecoder {
 public:
  enum class State : uint8_t { need_more, data, done, refused };
  struct Step {
    State state;
    size_t consumed;        // bytes of the input that are done with
    std::string_view data;  // of `data`: never empty, and in the input
  };

  explicit ChunkedDecoder(uint64_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  // Goes on until there is data, an end or nothing to read: call it again with what it has not
  // consumed. What follows `done` is the next request's.
  Step step(std::string_view bytes);

  ChunkRefusal refusal() const { return refusal_; }    // of State::refused
  uint64_t body_bytes() const { return body_bytes_; }  // handed out so far

 private:
  enum class Place : uint8_t {
    size_start,
    size,
    extension_start,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    done,
    refused
  };

  bool refuse(ChunkRefusal refusal);
  bool take(char c);
  bool take_size(char c);
  bool take_extension(char c);
  bool take_trailer(char c);
  bool expect_lf(char c, Place next);

  uint64_t max_body_bytes_;
  uint64_t body_bytes_ = 0;
  uint64_t chunk_bytes_ = 0;  // of the size line, then what is left of the data
  uint32_t digits_ = 0;
  uint32_t extension_bytes_ = 0;
  uint32_t trailer_bytes_ = 0;
  uint32_t trailer_fields_ = 0;
  Place place_ = Place::size_start;
  ChunkRefusal refusal_{};
};

// What goes before `bytes` of data (more than 0); behind them goes kChunkEnd.
class ChunkStart {
 public:
  explicit ChunkStart(uint64_t bytes);
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 18> text_;
  uint8_t size_ = 0;
};
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";  // without trailers

}  // namespace holdfast::provision
