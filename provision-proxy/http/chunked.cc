// SPDX-License-Identifier: Apache-2.0
// The decoder reads framing byte by byte and data in one piece; how input is cut cannot matter.
#include "provision-proxy/http/chunked.hh"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "provision-proxy/http/byte_class.hh"
#include "provision-proxy/http/request_limits.hh"

namespace holdfast::provision {

std::string_view name_of(ChunkRefusal refusal) {
  switch (refusal) {
#define HOLDFAST_X(name, status, text) \
  case ChunkRefusal::name:             \
    return #name;
    HOLDFAST_CHUNK_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "chunk_unknown_refusal";
}

std::string_view text_of(ChunkRefusal refusal) {
  switch (refusal) {
#define HOLDFAST_X(name, status, text) \
  case ChunkRefusal::name:             \
    return text;
    HOLDFAST_CHUNK_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "unknown";
}

int status_of(ChunkRefusal refusal) {
  static constexpr int kStatuses[] = {
#define HOLDFAST_X(name, status, text) status,
      HOLDFAST_CHUNK_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kStatuses[static_cast<size_t>(refusal)];
}

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view bytes) {
  size_t at = 0;
  while (place_ != Place::done && place_ != Place::refused) {
    if (at == bytes.size()) return {State::need_more, at, {}};
    if (place_ == Place::data) {
      const size_t size = std::min<uint64_t>(chunk_bytes_, bytes.size() - at);
      chunk_bytes_ -= size;
      body_bytes_ += size;
      if (chunk_bytes_ == 0) place_ = Place::data_cr;
      return {State::data, at + size, bytes.substr(at, size)};
    }
    if (take(bytes[at])) ++at;
  }
  return {place_ == Place::done ? State::done : State::refused, at, {}};
}

bool ChunkedDecoder::refuse(ChunkRefusal refusal) {
  place_ = Place::refused;
  refusal_ = refusal;
  return false;
}

bool ChunkedDecoder::expect_lf(char c, Place next) {
  if (c != '\n') return refuse(ChunkRefusal::chunk_bare_cr);
  place_ = next;
  return true;
}

bool ChunkedDecoder::take(char c) {
  switch (place_) {
    case Place::size_start:
    case Place::size:
      return take_size(c);
    case Place::extension_start:
    case Place::extension:
      return take_extension(c);
    case Place::size_lf:
      return expect_lf(c, chunk_bytes_ == 0 ? Place::trailer_start : Place::data);
    case Place::data_cr:
      if (c == '\n') return refuse(ChunkRefusal::chunk_bare_lf);
      if (c != '\r') return refuse(ChunkRefusal::chunk_longer_than_size);
      place_ = Place::data_lf;
      return true;
    case Place::data_lf:
      digits_ = 0;
      return expect_lf(c, Place::size_start);
    case Place::trailer_lf:
      return expect_lf(c, Place::trailer_start);
    case Place::last_lf:
      return expect_lf(c, Place::done);
    case Place::trailer_start:
    case Place::trailer_name:
    case Place::trailer_value:
      return take_trailer(c);
    case Place::data:
    case Place::done:
    case Place::refused:
      break;
  }
  return false;  // not reached: step() does not ask
}

bool ChunkedDecoder::take_size(char c) {
  if (is_byte(c, kHexByte)) {
    if (place_ == Place::size_start) chunk_bytes_ = 0;
    if (++digits_ > kMaxChunkSizeDigits) return refuse(ChunkRefusal::chunk_size_malformed);
    chunk_bytes_ = chunk_bytes_ * 16 + hex_value(c);
    if (chunk_bytes_ > max_body_bytes_ - body_bytes_)
      return refuse(ChunkRefusal::chunk_body_too_large);
    place_ = Place::size;
    return true;
  }
  if (c == '\n') return refuse(ChunkRefusal::chunk_bare_lf);
  if (place_ == Place::size_start) return refuse(ChunkRefusal::chunk_size_malformed);
  if (c == '\r')
    place_ = Place::size_lf;
  else if (c == ';')
    place_ = Place::extension_start;
  else
    return refuse(ChunkRefusal::chunk_size_malformed);
  return true;
}

bool ChunkedDecoder::take_extension(char c) {
  if (c == '\n') return refuse(ChunkRefusal::chunk_bare_lf);
  if (place_ == Place::extension_start && !is_byte(c, kTokenByte))
    return refuse(ChunkRefusal::chunk_extension_malformed);
  if (c == '\r') {
    place_ = Place::size_lf;
    return true;
  }
  if (!is_byte(c, kValueByte) || static_cast<uint8_t>(c) >= 0x80)
    return refuse(ChunkRefusal::chunk_extension_malformed);
  if (++extension_bytes_ > kMaxChunkExtensionBytes)
    return refuse(ChunkRefusal::chunk_extensions_too_long);
  place_ = Place::extension;
  return true;
}

bool ChunkedDecoder::take_trailer(char c) {
  if (c == '\n') return refuse(ChunkRefusal::chunk_bare_lf);
  if (c == '\r' && place_ != Place::trailer_name) {
    place_ = place_ == Place::trailer_start ? Place::last_lf : Place::trailer_lf;
    return true;
  }
  if (++trailer_bytes_ > kMaxTrailerBytes) return refuse(ChunkRefusal::chunk_trailers_too_large);
  if (place_ == Place::trailer_value)
    return is_byte(c, kValueByte) || refuse(ChunkRefusal::chunk_trailer_malformed);
  if (place_ == Place::trailer_name && c == ':') {
    place_ = Place::trailer_value;
    return true;
  }
  if (!is_byte(c, kTokenByte)) return refuse(ChunkRefusal::chunk_trailer_malformed);
  if (place_ == Place::trailer_start && ++trailer_fields_ > kMaxTrailerFields)
    return refuse(ChunkRefusal::chunk_trailers_too_large);
  place_ = Place::trailer_name;
  return true;
}

ChunkStart::ChunkStart(uint64_t bytes) {
  assert(bytes > 0);  // a chunk of 0 would end the body
  char* const end = std::to_chars(text_.data(), text_.data() + 16, bytes, 16).ptr;
  end[0] = '\r';
  end[1] = '\n';
  size_ = static_cast<uint8_t>(end + 2 - text_.data());
}

}  // namespace holdfast::provision
