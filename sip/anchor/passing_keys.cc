// SPDX-License-Identifier: Apache-2.0
// Looks into bodies that pass.
#include "sip/anchor/passing_keys.hh"

#include <algorithm>
#include <string_view>
#include <utility>

#include "media/sdp_text.hh"
#include "sip/anchor/sdp_part.hh"

namespace holdfast::sip {
namespace {

bool is_crypto(const media::SdpLine& line) {
  return line.type == 'a' && media::same_word(media::attribute_of(line).name, "crypto");
}

void write(std::span<const media::SdpLine> lines, std::string& out) {
  for (const media::SdpLine& line : lines) {
    if (is_crypto(line)) continue;
    out += line.type;
    out += '=';
    out += line.value;
    out += "\r\n";
  }
}

std::string without_keys(const media::Sdp& sdp, size_t size) {
  std::string out;
  out.reserve(size + 2 * media::kMaxSdpLines);  // where lines ended by LF
  write(sdp.session_lines(), out);
  for (const media::SdpMedia& section : sdp.media()) write(sdp.lines_of(section), out);
  return out;
}

// In a body that is no plain SDP, or none that can be read.
bool may_hold_keys(std::string_view body) {
  constexpr std::string_view kCrypto = "a=crypto";
  return std::search(body.begin(), body.end(), kCrypto.begin(), kCrypto.end(),
                     [](char a, char b) { return media::lower(a) == b; }) != body.end();
}

SrtpPassing passing_of(bool secure, bool crypto, const MediaSides& sides) {
  const bool must = sides.sender.must || sides.receiver.must;
  if (!secure && !crypto) return must ? SrtpPassing::not_at_all : SrtpPassing::as_it_came;
  if (sides.sender.may && sides.receiver.may) return SrtpPassing::as_it_came;
  return secure || must ? SrtpPassing::not_at_all : SrtpPassing::without_keys;
}

// Of all lines the worst.
SrtpPassing passing_of(const media::Sdp& sdp, const MediaSides& sides) {
  SrtpPassing worst = SrtpPassing::as_it_came;
  for (const media::SdpMedia& section : sdp.media())
    worst = std::max(worst, passing_of(sdp, section, sides));
  return worst;
}

}  // namespace

SrtpPassing passing_of(const media::Sdp& sdp, const media::SdpMedia& section,
                       const MediaSides& sides) {
  const auto transport = media::transport_from(section.proto);
  const auto lines = sdp.lines_of(section);
  const bool crypto = std::any_of(lines.begin(), lines.end(), is_crypto);
  const bool secure = transport == media::MediaTransport::srtp;
  const bool carries = section.port != 0 && (secure || transport == media::MediaTransport::rtp);
  if (!sides.sender.ours) return SrtpPassing::as_it_came;
  if (carries) return passing_of(secure, crypto, sides);
  // One that is refused, or knows nothing of a=crypto: no use for keys.
  return crypto ? SrtpPassing::without_keys : SrtpPassing::as_it_came;
}

MediaVerdict pass_by(const MediaMessage& message, const MediaRules& rules, AnchorCounts& counts) {
  const MediaSides sides = sides_of(rules, message.from, message.to);
  if (message.body.empty() || !sides.sender.ours) return {};
  const SdpPart part = find_sdp(message.content_type, message.body);
  if (part.kind == SdpPart::Kind::none) return {};
  SrtpPassing passing = passing_of(false, may_hold_keys(message.body), sides);
  std::string body;
  if (part.kind == SdpPart::Kind::sdp) {
    const auto text = std::string_view(message.body).substr(part.begin, part.size);
    const auto sdp = media::parse_sdp(text);
    // What we cannot read others may.
    passing = sdp ? passing_of(*sdp, sides) : SrtpPassing::not_at_all;
    if (passing == SrtpPassing::without_keys) body = without_keys(*sdp, text.size());
  } else if (passing == SrtpPassing::without_keys) {
    passing = SrtpPassing::not_at_all;
  }
  MediaVerdict verdict;
  if (passing == SrtpPassing::not_at_all) {
    counts.add(AnchorCounter::srtp_pass_refused);
    // A multipart that we do not change never will be, by whatever dataplane.
    const uint16_t status = part.kind == SdpPart::Kind::not_simple ? 488 : 503;
    verdict = {MediaVerdict::Kind::refuse, {}, status, "srtp_not_anchored"};
  } else if (passing == SrtpPassing::without_keys) {
    counts.add(AnchorCounter::srtp_keys_removed);
    verdict.kind = MediaVerdict::Kind::replace;
    verdict.body = replace_sdp(message.body, part, body);
    media::wipe(body);
  }
  return verdict;
}

}  // namespace holdfast::sip
