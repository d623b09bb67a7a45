// SPDX-License-Identifier: Apache-2.0
// Codecs by their bit rates, packets by their headers.
#include "media/sdp_bandwidth.hh"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "media/sdp_attributes.hh"

namespace holdfast::media {
namespace {

constexpr uint32_t kBitsPerKbit = 1000;
constexpr uint32_t kMsPerS = 1000;
constexpr uint32_t kIpv4Bytes = 20 + 8 + 12;  // IP, UDP, RTP
constexpr uint32_t kIpv6Bytes = 40 + 8 + 12;
constexpr uint32_t kSrtpTagBytes = 10;  // in b=AS: of AES_CM_128_HMAC_SHA1_80, the most common
constexpr uint32_t kUsualPtimeMs = 20;  // RFC 3551 section 4.2
constexpr uint32_t kMaxPtimeMs = 200;
constexpr uint32_t kVideoPacketBytes = 1200;
constexpr uint32_t kMaxBits =
    100'000'000;  // of one body, whatever its b= says: sums stay far from 2^32

struct Codec {
  std::string_view name;  // of rtpmap, small letters
  int payload_type;       // static (RFC 3551 section 6); -1: none
  uint32_t bits_per_s;    // of payload
  uint32_t frame_ms;      // no packet is shorter
};
constexpr Codec kCodecs[] = {
    {"pcmu", 0, 64'000, 1},     {"pcma", 8, 64'000, 1},     {"g722", 9, 64'000, 1},
    {"g729", 18, 8'000, 10},    {"g723", 4, 6'400, 30},     {"gsm", 3, 13'200, 20},
    {"g728", 15, 16'000, 1},    {"l16", 11, 705'600, 1},    {"dvi4", 5, 32'000, 1},
    {"g726-32", 2, 32'000, 1},  {"g726-16", -1, 16'000, 1}, {"g726-24", -1, 24'000, 1},
    {"g726-40", -1, 40'000, 1}, {"ilbc", -1, 15'200, 20},   {"g7221", -1, 32'000, 20},
    {"amr", -1, 13'600, 20},    {"amr-wb", -1, 24'400, 20}, {"speex", -1, 28'000, 20},
    {"opus", -1, 64'000, 1},    {"g729d", -1, 6'400, 10},   {"g729e", -1, 11'800, 10},
};
// As expensive as the most common one.
constexpr Codec kUnknown{"", -1, 64'000, 1};
// Beside speech, never more than it.
constexpr std::string_view kNoSpeech[] = {"telephone-event", "cn", "red", "tone"};
constexpr int kComfortNoise = 13;

std::optional<uint32_t> number_in(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

bool same_word(std::string_view a, std::string_view small) {
  return std::equal(a.begin(), a.end(), small.begin(), small.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

const Codec& codec_named(std::string_view name) {
  for (const Codec& codec : kCodecs)
    if (same_word(name, codec.name)) return codec;
  return kUnknown;
}
const Codec& codec_of_type(uint32_t payload_type) {
  for (const Codec& codec : kCodecs)
    if (codec.payload_type == static_cast<int>(payload_type)) return codec;
  return kUnknown;
}

// What a section says beside its m= line.
struct Section {
  std::span<const SdpLine> lines;

  std::optional<SdpRtpmap> rtpmap(uint32_t payload_type) const {
    for (const SdpLine& line : lines) {
      if (line.type != 'a') continue;
      const SdpAttribute attribute = attribute_of(line);
      if (attribute.name != "rtpmap") continue;
      const auto map = parse_rtpmap(attribute.value);
      if (map && map->payload_type == payload_type) return map;
    }
    return std::nullopt;
  }
  // maxaveragebitrate of opus (RFC 7587 section 6.1), bitrate of G.722.1 (RFC 5577).
  std::optional<uint32_t> bit_rate(uint32_t payload_type) const {
    for (const SdpLine& line : lines) {
      if (line.type != 'a') continue;
      const SdpAttribute attribute = attribute_of(line);
      if (attribute.name != "fmtp" || number_in(attribute.value) != payload_type) continue;
      for (const std::string_view key : {"maxaveragebitrate=", "bitrate="}) {
        const size_t at = attribute.value.find(key);
        if (at != std::string_view::npos) return number_in(attribute.value.substr(at + key.size()));
      }
    }
    return std::nullopt;
  }
  std::optional<uint32_t> as_kbit() const {
    for (const SdpLine& line : lines)
      if (line.type == 'b' && line.value.starts_with("AS:")) return number_in(line.value.substr(3));
    return std::nullopt;
  }
};

MediaDemand demand_of_packets(uint32_t bits_per_s, uint32_t packet_ms, uint32_t header_bytes) {
  const uint32_t packets = (kMsPerS + packet_ms - 1) / packet_ms;
  return {std::min(bits_per_s, kMaxBits) + packets * header_bytes * 8, packets};
}

MediaDemand demand_of_bits(uint32_t bits_per_s) {
  const uint32_t packets = bits_per_s / (kVideoPacketBytes * 8);
  return {bits_per_s, std::max<uint32_t>(packets, 1)};
}

struct Range {
  MediaDemand least, most;
};

Range audio_range(const SdpMedia& media, const Section& section, const MediaDescription& line,
                  uint32_t header_bytes) {
  const uint32_t said_ms = line.ptime_ms == 0 ? kUsualPtimeMs : line.ptime_ms;
  Range range;
  bool any = false;
  const auto add = [&](uint32_t bits_per_s, uint32_t frame_ms) {
    const uint32_t packet_ms = std::clamp(said_ms, frame_ms, kMaxPtimeMs);
    const MediaDemand one = demand_of_packets(bits_per_s, packet_ms, header_bytes);
    if (!any || one.bits_per_s < range.least.bits_per_s) range.least = one;
    range.most = larger(range.most, one);
    any = true;
  };
  std::string_view rest = media.formats;
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    const auto type = number_in(rest.substr(0, space));
    rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
    if (!type) continue;
    const auto map = section.rtpmap(*type);
    const bool no_speech =
        map ? std::any_of(std::begin(kNoSpeech), std::end(kNoSpeech),
                          [&](std::string_view word) { return same_word(map->encoding, word); })
            : *type == static_cast<uint32_t>(kComfortNoise);
    if (no_speech) continue;
    const Codec& codec = map ? codec_named(map->encoding) : codec_of_type(*type);
    add(section.bit_rate(*type).value_or(codec.bits_per_s), codec.frame_ms);
  }
  if (!any) add(kUnknown.bits_per_s, kUnknown.frame_ms);
  return range;
}

MediaDemand demand_of_line(const Sdp& sdp, const SdpMedia& media, const MediaDescription& line) {
  const Section section{sdp.lines_of(media)};
  const auto as_kbit = section.as_kbit();
  const uint32_t as_bits = static_cast<uint32_t>(
      std::min<uint64_t>(uint64_t{as_kbit.value_or(0)} * kBitsPerKbit, kMaxBits));
  if (line.media == "video") return demand_of_bits(as_kbit ? as_bits : kVideoBitsPerS);
  const auto& connection = sdp.connection_of(media);
  const uint32_t header_bytes = connection && connection->ip.family == 6 ? kIpv6Bytes : kIpv4Bytes;
  if (line.transport == MediaTransport::udptl)  // fax in as many packets as the speech before it
    return demand_of_packets(kUnknown.bits_per_s, kUsualPtimeMs, header_bytes);
  if (line.media != "audio") return demand_of_bits(as_kbit ? as_bits : kBitsPerKbit);
  const Range range = audio_range(media, section, line, header_bytes);
  if (!as_kbit) return range.most;
  const bool has_srtp = line.transport != MediaTransport::rtp || line.crypto;
  const uint32_t tags = has_srtp ? range.most.packets_per_s * kSrtpTagBytes * 8 : 0;
  return {std::max(as_bits - std::min(as_bits, tags), range.least.bits_per_s),
          range.most.packets_per_s};
}

}  // namespace

uint32_t kbit_of(const MediaDemand& demand, uint32_t overhead_bytes) {
  const uint64_t bits =
      demand.bits_per_s + uint64_t{demand.packets_per_s} * overhead_bytes * 8 + kBitsPerKbit - 1;
  return static_cast<uint32_t>(bits / kBitsPerKbit);
}

MediaDemand larger(const MediaDemand& a, const MediaDemand& b) {
  return {std::max(a.bits_per_s, b.bits_per_s), std::max(a.packets_per_s, b.packets_per_s)};
}

std::vector<LineDemand> demands_of_lines(const Sdp& sdp, const MediaList& media,
                                         const MediaPolicy& policy) {
  std::vector<LineDemand> lines(std::min(media.size(), sdp.media().size()));
  for (size_t i = 0; i < lines.size(); ++i) {
    if (media[i].refused() || action_for(media[i], policy) == MediaAction::refuse) continue;
    lines[i] = {demand_of_line(sdp, sdp.media()[i], media[i]), is_rtp(media[i].transport)};
  }
  return lines;
}

MediaDemand sum_of(std::span<const LineDemand> lines, std::span<const uint32_t> trailer_bytes) {
  MediaDemand sum;
  for (size_t i = 0; i < lines.size(); ++i) {
    const MediaDemand& plain = lines[i].plain;
    const uint32_t trailer =
        lines[i].may_have_srtp && i < trailer_bytes.size() ? trailer_bytes[i] : 0;
    sum.bits_per_s =
        std::min(sum.bits_per_s + plain.bits_per_s + plain.packets_per_s * trailer * 8, kMaxBits);
    sum.packets_per_s += plain.packets_per_s;
  }
  return sum;
}

}  // namespace holdfast::media
