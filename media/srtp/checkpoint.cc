// SPDX-License-Identifier: Apache-2.0
// Checkpoints as text: fields of fixed width one behind the other, big-endian, in base64.
#include "media/srtp/checkpoint.hh"

#include <algorithm>
#include <span>

#include "media/base64.hh"

namespace holdfast::media {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kHasRtp = 1, kHasRtcp = 2;
constexpr size_t kStreamBytes = 4 + 6 + 4 + 1;
constexpr size_t kSideBytes = 8 + 6 + 6 + 4 + 1 + kMaxSrtpSsrcs * kStreamBytes;
constexpr size_t kMaxBytes = 1 + 2 * kSideBytes;
static_assert((kMaxBytes + 2) / 3 * 4 <= kMaxCheckpointText);

class Writer {
 public:
  void number(uint64_t value, unsigned bytes) {
    for (unsigned left = bytes; left > 0; --left)
      bytes_[size_++] = static_cast<uint8_t>(value >> (8 * (left - 1)));
  }
  void side(const SrtpKeyMark& key, const SrtpCheckpoint& from) {
    for (const uint8_t byte : key) number(byte, 1);
    number(from.rtp_packets, 6);
    number(from.rtcp_packets, 6);
    number(from.rtcp_floor, 4);
    const uint32_t count = std::min(from.stream_count, kMaxSrtpSsrcs);
    number(count, 1);
    for (uint32_t i = 0; i < count; ++i) {
      const SrtpCheckpoint::Stream& s = from.streams[i];
      number(s.ssrc, 4);
      number(s.index, 6);
      number(s.rtcp_index, 4);
      number((s.rtp ? kHasRtp : 0u) | (s.rtcp ? kHasRtcp : 0u), 1);
    }
  }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<uint8_t, kMaxBytes> bytes_{};
  size_t size_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : left_(bytes) {}

  uint64_t number(size_t bytes) {
    if (bytes > left_.size()) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (const uint8_t byte : left_.first(bytes)) value = value << 8 | byte;
    left_ = left_.subspan(bytes);
    return value;
  }
  void side(SrtpKeyMark& key, SrtpCheckpoint& to) {
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(number(1));
    to.rtp_packets = number(6);
    to.rtcp_packets = number(6);
    to.rtcp_floor = static_cast<uint32_t>(number(4));
    to.stream_count = static_cast<uint32_t>(number(1));
    ok_ = ok_ && to.stream_count <= kMaxSrtpSsrcs;
    for (uint32_t i = 0; ok_ && i < to.stream_count; ++i) {
      SrtpCheckpoint::Stream& s = to.streams[i];
      s.ssrc = static_cast<uint32_t>(number(4));
      s.index = number(6);
      s.rtcp_index = static_cast<uint32_t>(number(4));
      const auto flags = number(1);
      s.rtp = (flags & kHasRtp) != 0;
      s.rtcp = (flags & kHasRtcp) != 0;
    }
  }
  bool ended_well() const { return ok_ && left_.empty(); }

 private:
  std::span<const uint8_t> left_;
  bool ok_ = true;
};

}  // namespace

SrtpKeyMark mark_of(const SrtpFingerprint& fingerprint) {
  SrtpKeyMark mark{};
  std::copy_n(fingerprint.begin(), mark.size(), mark.begin());
  return mark;
}

std::string to_text(const SrtpLegCheckpoint& checkpoint) {
  Writer writer;
  writer.number(kVersion, 1);
  writer.side(checkpoint.in_key, checkpoint.in);
  writer.side(checkpoint.out_key, checkpoint.out);
  std::string text;
  append_base64(writer.bytes(), text);
  return text;
}

std::optional<SrtpLegCheckpoint> checkpoint_from_text(std::string_view text) {
  std::array<uint8_t, kMaxBytes> bytes{};
  const auto size = decode_base64(text, bytes);
  if (!size) return std::nullopt;
  Reader reader(std::span<const uint8_t>(bytes).first(*size));
  if (reader.number(1) != kVersion) return std::nullopt;
  SrtpLegCheckpoint read;
  reader.side(read.in_key, read.in);
  reader.side(read.out_key, read.out);
  if (!reader.ended_well()) return std::nullopt;
  return read;
}

std::optional<std::string> advance_checkpoint(std::string_view kept) {
  auto checkpoint = kept.empty() ? SrtpLegCheckpoint{} : checkpoint_from_text(kept);
  if (!checkpoint) return std::nullopt;
  checkpoint->out = advanced(checkpoint->out);
  return to_text(*checkpoint);
}

}  // namespace holdfast::media
