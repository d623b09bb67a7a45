// SPDX-License-Identifier: Apache-2.0
// Sorts RTP packets by sender, receiver and SSRC.
#include "bench/replay_streams.hh"

#include <algorithm>

#include "media/rtp_packet.hh"

namespace holdfast::replay {

uint8_t Stream::payload_type() const {
  const auto most = std::max_element(packets_by_type.begin(), packets_by_type.end());
  return static_cast<uint8_t>(most - packets_by_type.begin());
}

void Streams::on_datagram(const Datagram& datagram, uint64_t arrival_ns) {
  const auto inside = [this](uint16_t port) {
    return port >= options_.lowest_port && port <= options_.highest_port;
  };
  if (!inside(datagram.from.port) && !inside(datagram.to.port)) return;
  if (media::classify(datagram.payload) != media::MediaKind::rtp) return;
  const auto packet = datagram.whole ? media::parse_rtp(datagram.payload)
                                     : media::parse_rtp_header(datagram.payload);
  if (!packet) return;
  // RFC 5761 section 4 leaves these to RTCP: with the marker bit set they would be RTCP's types.
  if (packet->payload_type >= 64 && packet->payload_type <= 95) return;

  Stream*& stream = index_[{datagram.from, datagram.to, packet->ssrc}];
  if (stream == nullptr) {
    stream = &streams_.emplace_back();
    stream->from = datagram.from;
    stream->to = datagram.to;
    stream->account =
        media::StreamAccount(packet->ssrc, options_.clock_rates_hz[packet->payload_type]);
  } else {
    const auto ahead = static_cast<uint16_t>(packet->sequence - stream->last_sequence);
    if (ahead >= 1 && ahead <= 100) ++stream->followers;
  }
  stream->last_sequence = packet->sequence;
  ++stream->packets_by_type[packet->payload_type];
  stream->account.on_packet(packet->sequence, packet->timestamp, arrival_ns);
}

}  // namespace holdfast::replay
