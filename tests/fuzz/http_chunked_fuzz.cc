// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunked body: the same however they are cut, within bounds, and the same again
// when it is encoded anew.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "provision-proxy/http/chunked.hh"

using namespace holdfast::provision;

namespace {

constexpr uint64_t kMaxBody = 4096;

void must(bool holds) {
  if (!holds) std::abort();
}

struct Decoded {
  std::string body;
  ChunkedDecoder::State state = ChunkedDecoder::State::need_more;
  ChunkRefusal refusal{};
  size_t consumed = 0;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, size_t step) {
  ChunkedDecoder decoder(kMaxBody);
  Decoded decoded;
  for (;;) {
    const std::string piece(bytes.substr(decoded.consumed, step));
    std::string_view rest = piece;
    do {
      const auto got = decoder.step(rest);
      must(got.consumed <= rest.size() && got.data.size() <= got.consumed);
      must(got.data.empty() == (got.state != ChunkedDecoder::State::data));
      must(got.data.empty() || got.data.data() + got.data.size() == rest.data() + got.consumed);
      decoded.body.append(got.data);
      decoded.consumed += got.consumed;
      decoded.state = got.state;
      must(decoded.body.size() == decoder.body_bytes() && decoded.body.size() <= kMaxBody);
      rest.remove_prefix(got.consumed);
    } while (decoded.state == ChunkedDecoder::State::data);
    if (decoded.state != ChunkedDecoder::State::need_more) {
      decoded.refusal = decoder.refusal();
      return decoded;
    }
    must(rest.empty());
    if (decoded.consumed == bytes.size()) return decoded;
  }
}

std::string encode(std::string_view body, size_t step) {
  std::string text;
  for (size_t at = 0; at < body.size(); at += step) {
    const std::string_view piece = body.substr(at, step);
    text.append(ChunkStart(piece.size()).text()).append(piece).append(kChunkEnd);
  }
  return text.append(kLastChunk);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(bytes, size + 1);
  for (const size_t step : {size_t{1}, size_t{3}, size / 2 + 1}) must(decode(bytes, step) == whole);
  if (whole.state != ChunkedDecoder::State::done) return 0;
  const std::string again = encode(whole.body, size % 31 + 1);
  const Decoded decoded = decode(again + "GET", 7);
  must(decoded.state == ChunkedDecoder::State::done);
  must(decoded.body == whole.body && decoded.consumed == again.size());
  return 0;
}
