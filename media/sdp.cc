// SPDX-License-Identifier: Apache-2.0
// SDP: one pass over the lines, then the checks that need the whole.
#include "media/sdp.hh"

#include "media/sdp_attributes.hh"
#include "media/sdp_limits.hh"
#include "media/sdp_text.hh"

namespace holdfast::media {

std::string_view name_of(SdpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SdpReject::name:        \
    return #name;
    HOLDFAST_SDP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(SdpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SdpReject::name:        \
    return text;
    HOLDFAST_SDP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

SdpAttribute attribute_of(const SdpLine& line) {
  const size_t colon = line.value.find(':');
  std::string_view name = line.value.substr(0, colon);
  name = take_word(name);
  if (colon == std::string_view::npos) return {name, {}};
  return {name, line.value.substr(colon + 1)};
}

std::span<const SdpLine> Sdp::session_lines() const {
  return std::span(lines_).first(media_.empty() ? lines_.size() : media_.front().first_line);
}

std::span<const SdpLine> Sdp::lines_of(const SdpMedia& media) const {
  return std::span(lines_).subspan(media.first_line, media.line_count);
}

const std::optional<SdpConnection>& Sdp::connection_of(const SdpMedia& media) const {
  return media.own_connection ? media.own_connection : connection_;
}

class SdpParser {
 public:
  Result<Sdp, SdpReject> parse(std::string_view text);

 private:
  using Step = std::optional<SdpReject>;  // none: go on

  Step take_line(std::string_view line);
  Step take_origin(std::string_view value);
  Step take_connection(std::string_view value);
  Step take_media(std::string_view value);

  Sdp sdp_;
};

Result<Sdp, SdpReject> SdpParser::parse(std::string_view text) {
  if (text.size() > kMaxSdpBytes) return SdpReject::sdp_too_long;
  // Blank lines behind the last are common and mean nothing.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.empty()) return SdpReject::sdp_empty;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const Step refused = take_line(line)) return *refused;
  }
  for (const SdpMedia& media : sdp_.media_)
    if (media.port != 0 && !sdp_.connection_of(media)) return SdpReject::sdp_no_connection;
  return std::move(sdp_);
}

SdpParser::Step SdpParser::take_line(std::string_view line) {
  if (sdp_.lines_.size() == kMaxSdpLines) return SdpReject::sdp_too_many_lines;
  if (line.size() < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=' ||
      line.find('\r') != std::string_view::npos || line.find('\0') != std::string_view::npos)
    return SdpReject::sdp_bad_line;
  const SdpLine parsed{line[0], line.substr(2)};
  std::string_view words = parsed.value;
  if (sdp_.lines_.empty() && (parsed.type != 'v' || take_word(words) != "0" || !words.empty()))
    return SdpReject::sdp_no_version;
  if (!sdp_.lines_.empty() && parsed.type == 'v') return SdpReject::sdp_repeated_line;
  sdp_.lines_.push_back(parsed);
  if (parsed.type == 'm') return take_media(parsed.value);
  if (!sdp_.media_.empty()) ++sdp_.media_.back().line_count;
  if (parsed.type == 'o') return take_origin(parsed.value);
  if (parsed.type == 'c') return take_connection(parsed.value);
  return std::nullopt;
}

SdpParser::Step SdpParser::take_origin(std::string_view value) {
  if (sdp_.origin_) return SdpReject::sdp_repeated_line;
  const std::string_view host = take_last_word(value);
  const std::string_view family = take_last_word(value);
  const std::string_view net = take_last_word(value);
  const std::string_view version = take_last_word(value);
  const std::string_view session_id = take_last_word(value);
  while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
  // The address itself is not looked at: it names the session and nothing is ever sent there.
  if (value.empty() || !same_word(net, "IN") ||
      (!same_word(family, "IP4") && !same_word(family, "IP6")) || host.empty())
    return SdpReject::sdp_bad_origin;
  sdp_.origin_ = SdpOrigin{value, session_id, version};
  return std::nullopt;
}

SdpParser::Step SdpParser::take_connection(std::string_view value) {
  auto& place = sdp_.media_.empty() ? sdp_.connection_ : sdp_.media_.back().own_connection;
  if (place) return SdpReject::sdp_repeated_line;
  const auto connection = parse_connection(value);
  if (!connection) return connection.error();
  place = *connection;
  return std::nullopt;
}

SdpParser::Step SdpParser::take_media(std::string_view value) {
  if (sdp_.media_.size() == kMaxSdpMedia) return SdpReject::sdp_too_many_media;
  SdpMedia media;
  media.first_line = sdp_.lines_.size() - 1;
  media.line_count = 1;
  media.media = take_word(value);
  media.port_text = take_word(value);
  media.proto = take_word(value);
  media.formats = value;
  if (media.proto.empty() || media.media.size() > kMaxSdpTokenBytes ||
      media.proto.size() > kMaxSdpTokenBytes)
    return SdpReject::sdp_bad_media;
  const size_t slash = media.port_text.find('/');
  const auto port = parse_number<uint16_t>(media.port_text.substr(0, slash));
  if (!port) return SdpReject::sdp_bad_port;
  media.port = *port;
  if (media.port != 0 && media.formats.empty()) return SdpReject::sdp_bad_media;
  if (slash != std::string_view::npos) {
    const auto count = parse_number<uint16_t>(media.port_text.substr(slash + 1));
    if (!count || *count == 0) return SdpReject::sdp_bad_port;
    media.port_count = *count;
  }
  sdp_.media_.push_back(media);
  return std::nullopt;
}

Result<Sdp, SdpReject> parse_sdp(std::string_view text) {
  return SdpParser().parse(text);
}

}  // namespace holdfast::media
