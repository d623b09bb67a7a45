// SPDX-License-Identifier: Apache-2.0
// What one m= section asks of the relay.
#include "media/sdp_media.hh"

#include <algorithm>

#include "media/sdp_text.hh"

namespace holdfast::media {
namespace {

// RFC 3551 section 6 gives the clocks of those below, and the dataplane knows them.
constexpr uint8_t kFirstDynamicPayloadType = 35;

// Reads the attributes of one section; the first of a kind counts.
class SectionReader {
 public:
  explicit SectionReader(MediaDescription& out) : out_(out) {}

  std::optional<SdpReject> read(std::span<const SdpLine> lines) {
    for (const SdpLine& line : lines) {
      if (line.type != 'a') continue;
      if (const auto refused = read(attribute_of(line))) return refused;
    }
    return std::nullopt;
  }
  const std::optional<SdpRtcp>& rtcp() const { return rtcp_; }
  const std::optional<SdpDirection>& direction() const { return direction_; }
  // Which rtpmap belongs to a payload type is settled by the formats of the m= line.
  void finish(std::string_view formats);

 private:
  std::optional<SdpReject> read(const SdpAttribute& attribute);

  MediaDescription& out_;
  std::optional<SdpRtcp> rtcp_;
  std::optional<SdpDirection> direction_;
  std::array<SdpRtpmap, 128> maps_{};
};

std::optional<SdpReject> SectionReader::read(const SdpAttribute& attribute) {
  std::string_view value = attribute.value;
  if (same_word(attribute.name, "rtcp")) {
    const auto rtcp = parse_rtcp_attribute(value);
    if (!rtcp) return rtcp.error();
    if (!rtcp_) rtcp_ = *rtcp;
  } else if (same_word(attribute.name, "rtpmap")) {
    const auto map = parse_rtpmap(value);
    if (map && maps_[map->payload_type].clock_hz == 0) maps_[map->payload_type] = *map;
  } else if (same_word(attribute.name, "rtcp-mux")) {
    out_.rtcp_mux = true;
  } else if (same_word(attribute.name, "crypto")) {
    out_.crypto = true;
  } else if (same_word(attribute.name, "ptime") && out_.ptime_ms == 0) {
    out_.ptime_ms = parse_number<uint16_t>(take_word(value)).value_or(0);
  } else if (const auto direction = direction_from(attribute.name); direction && !direction_) {
    direction_ = *direction;
  }
  return std::nullopt;
}

void SectionReader::finish(std::string_view formats) {
  while (!formats.empty()) {
    const auto payload_type = parse_number<uint8_t>(take_word(formats));
    if (!payload_type || *payload_type > 127) continue;
    const SdpRtpmap& map = maps_[*payload_type];
    if (map.clock_hz == 0) continue;
    if (*payload_type >= kFirstDynamicPayloadType) out_.clocks.add({*payload_type, map.clock_hz});
    if (!out_.telephone_event && same_word(map.encoding, "telephone-event"))
      out_.telephone_event = *payload_type;
  }
}

void set_remote(MediaDescription& out, const SdpConnection& connection,
                const std::optional<SdpRtcp>& rtcp) {
  if (connection.ip.is_none()) {
    out.host = connection.host;
    return;
  }
  if (connection.ip.is_unspecified()) {
    out.held_by_address = true;
    return;
  }
  out.remote = SocketAddress{connection.ip, out.port};
  if (!is_rtp(out.transport)) return;
  if (rtcp && rtcp->port != 0) {
    // Of another family, or 0.0.0.0 as browsers write it: the port counts, at the address of c=.
    const bool usable = rtcp->ip.family == connection.ip.family && !rtcp->ip.is_unspecified();
    out.remote_rtcp = SocketAddress{usable ? rtcp->ip : connection.ip, rtcp->port};
  } else if (!rtcp && out.port < 65535) {
    out.remote_rtcp = SocketAddress{connection.ip, static_cast<uint16_t>(out.port + 1)};
  }
}

}  // namespace

std::string_view name_of(MediaTransport transport) {
  switch (transport) {
    case MediaTransport::rtp:
      return "rtp";
    case MediaTransport::srtp:
      return "srtp";
    case MediaTransport::dtls_srtp:
      return "dtls_srtp";
    case MediaTransport::udptl:
      return "udptl";
    case MediaTransport::other:
      return "other";
  }
  return {};
}

MediaTransport transport_from(std::string_view proto) {
  struct Row {
    std::string_view proto;
    MediaTransport transport;
  };
  static constexpr Row kRows[] = {
      {"RTP/AVP", MediaTransport::rtp},
      {"RTP/AVPF", MediaTransport::rtp},
      {"RTP/SAVP", MediaTransport::srtp},
      {"RTP/SAVPF", MediaTransport::srtp},
      {"UDP/TLS/RTP/SAVP", MediaTransport::dtls_srtp},
      {"UDP/TLS/RTP/SAVPF", MediaTransport::dtls_srtp},
      {"udptl", MediaTransport::udptl},
  };
  for (const Row& row : kRows)
    if (same_word(proto, row.proto)) return row.transport;
  return MediaTransport::other;
}

bool is_rtp(MediaTransport transport) {
  return transport == MediaTransport::rtp || transport == MediaTransport::srtp ||
         transport == MediaTransport::dtls_srtp;
}

bool PayloadClocks::add(PayloadClock clock) {
  const auto known = all();
  const bool there = std::any_of(known.begin(), known.end(), [&](const PayloadClock& c) {
    return c.payload_type == clock.payload_type;
  });
  if (there || count_ == clocks_.size()) return false;
  clocks_[count_++] = clock;
  return true;
}

void MediaDescription::refuse() {
  MediaDescription rest;
  rest.media = std::move(media);
  rest.transport = transport;
  *this = std::move(rest);
}

Result<MediaList, SdpReject> describe_media(const Sdp& sdp) {
  std::optional<SdpDirection> session_direction;
  for (const SdpLine& line : sdp.session_lines())
    if (line.type == 'a' && !session_direction)
      session_direction = direction_from(attribute_of(line).name);

  MediaList list;
  list.reserve(sdp.media().size());
  for (const SdpMedia& media : sdp.media()) {
    MediaDescription& out = list.emplace_back();
    std::transform(media.media.begin(), media.media.end(), std::back_inserter(out.media), lower);
    out.transport = transport_from(media.proto);
    if (media.port == 0) continue;  // nothing else in a refused section counts (RFC 3264 section 6)
    out.port = media.port;
    out.port_count = media.port_count;
    SectionReader reader(out);
    if (const auto refused = reader.read(sdp.lines_of(media))) return *refused;
    reader.finish(media.formats);
    out.direction = reader.direction().value_or(session_direction.value_or(SdpDirection::sendrecv));
    set_remote(out, *sdp.connection_of(media), reader.rtcp());
  }
  return list;
}

std::vector<size_t> media_of_ours(const MediaList& media,
                                  const std::function<bool(const SocketAddress&)>& is_ours) {
  std::vector<size_t> found;
  for (size_t i = 0; i < media.size(); ++i)
    if (media[i].remote && is_ours(*media[i].remote)) found.push_back(i);
  return found;
}

}  // namespace holdfast::media
