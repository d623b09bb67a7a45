// SPDX-License-Identifier: Apache-2.0
// One media packet: who sent it, what it is, account for it, and out of the other leg.
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/relay/relay_core.hh"
#include "media/rtcp_packet.hh"
#include "media/rtp_packet.hh"
#include "media/udptl_packet.hh"

namespace holdfast::dataplane {
namespace {

constexpr unsigned kToldPerPoll = 64;  // legs, each a cache line or two

bool same_host(const IpAddress& known, const uint8_t* ip, const FrameView& view) {
  return std::memcmp(known.bytes.data(), ip, view.ip_version == 4 ? 4 : 16) == 0;
}

bool same_source(const SocketAddress& known, const uint8_t* ip, const FrameView& view) {
  return known.port == view.source_port && same_host(known.ip, ip, view);
}

SocketAddress source_of(const uint8_t* ip, const FrameView& view) {
  return {view.ip_version == 4 ? IpAddress::v4(ip) : IpAddress::v6(ip), view.source_port};
}

DropReason drop_of(media::MediaKind kind) {
  switch (kind) {
    case media::MediaKind::stun:
      return DropReason::stun;
    case media::MediaKind::dtls:
      return DropReason::dtls;
    case media::MediaKind::zrtp:
      return DropReason::zrtp;
    case media::MediaKind::turn:
      return DropReason::turn;
    default:
      return DropReason::unknown_payload;
  }
}

}  // namespace

// Whether its source may send, and what it seems to be: all that can be said of what is encrypted.
inline DropReason RelayCore::receive(const Work& work, Arrival& arrival) {
  const FrameView& view = work.view;
  const Leg& leg = *work.leg;
  const uint8_t* bytes = rte_pktmbuf_mtod(work.frame, const uint8_t*);
  if (leg.captured) [[unlikely]]
    copy_frame(leg, work.frame, /*out=*/false);
  arrival.checksum = check_udp(bytes, view);
  if (!arrival.checksum.good) return DropReason::udp_bad_checksum;
  arrival.path = view.destination_port == leg.setup.local_port[0] ? PathKind::rtp : PathKind::rtcp;
  if (const DropReason reason = admit(leg, work, arrival.path); reason != DropReason::none)
    return reason;
  arrival.was_open = leg.paths[static_cast<size_t>(arrival.path)].source.is_none();

  const std::span<const uint8_t> payload(bytes + view.payload_offset, view.payload_size);
  if (leg.setup.payload == PayloadKind::udptl) [[unlikely]] {
    arrival.is_media = true;
    return arrival.path == PathKind::rtp && media::is_udptl(payload) ? DropReason::none
                                                                     : DropReason::unknown_payload;
  }
  const media::MediaKind kind = media::classify(payload);
  arrival.is_media = kind == media::MediaKind::rtp;
  if (arrival.is_media)
    return arrival.path == PathKind::rtp ? DropReason::none : DropReason::rtp_on_rtcp_port;
  return kind == media::MediaKind::rtcp ? DropReason::none : drop_of(kind);
}

// Parses, counts, and learns the source of what is authentic, or cannot be told to be.
inline DropReason RelayCore::accept(const Work& work, Arrival& arrival, uint64_t now_ns) {
  const FrameView& view = work.view;
  Leg& leg = *work.leg;
  const uint8_t* bytes = rte_pktmbuf_mtod(work.frame, const uint8_t*);
  const std::span<const uint8_t> payload(bytes + view.payload_offset, view.payload_size);
  if (leg.setup.payload == PayloadKind::udptl) [[unlikely]] {
    arrival.media_octets = view.payload_size;
    ++leg.counters.rx_packets;
    leg.counters.rx_octets += arrival.media_octets;
  } else if (arrival.is_media) {
    // Padding that is encrypted cannot be counted.
    const bool is_sealed = leg.setup.payload == PayloadKind::sealed;
    const auto packet = is_sealed ? media::parse_rtp_header(payload) : media::parse_rtp(payload);
    if (!packet) return dataplane::drop_of(packet.error());
    account(leg, view, *packet, now_ns);
    arrival.media_octets = packet->payload_length;
  } else if (leg.setup.payload == PayloadKind::sealed) [[unlikely]] {
    if (const auto wrong = media::check_sealed_rtcp(payload)) return dataplane::drop_of(*wrong);
    ++leg.counters.rtcp_rx_packets;
  } else {
    const auto compound = media::parse_rtcp(payload);
    if (!compound) return dataplane::drop_of(compound.error());
    ++leg.counters.rtcp_rx_packets;
    if (leg.setup.payload == PayloadKind::srtp) renumber_rtcp(work, *compound);
    read_rtcp(leg, *compound, now_ns);
  }
  if (arrival.was_open && leg.paths[static_cast<size_t>(arrival.path)].source.is_none())
    learn(leg, work, arrival.path);
  if (work.joins > 0) [[unlikely]]
    ++leg.counters.joined_rx_packets;
  return DropReason::none;
}

inline void RelayCore::send(const Work& work, const Arrival& arrival, Leg& out_leg) {
  rte_mbuf* frame = work.frame;
  const FrameView& view = work.view;
  const PathKind out_path = way_out(out_leg, arrival);
  const Path& out = out_leg.paths[static_cast<size_t>(out_path)];
  const HeaderFrame& header = frame_of(out_leg, out);
  const UdpChecksum& checksum = arrival.checksum;
  ChecksumSum payload_sum = checksum.payload_sum;
  if (arrival.is_rewritten && !checksum.absent)
    payload_sum = checksum_add(rte_pktmbuf_mtod(frame, const uint8_t*) + view.payload_offset,
                               view.payload_size);

  // Old headers off, Ethernet padding off, new headers on: the mbuf's headroom holds the longest of
  // ours.
  static_assert(RTE_PKTMBUF_HEADROOM >= kMaxHeaderSize);
  const Mark mark = arrival.is_media ? out_leg.marks.media : out_leg.marks.rtcp;
  const uint8_t traffic_class = mark.traffic_class(view.traffic_class);
  frame->data_off = static_cast<uint16_t>(frame->data_off + view.payload_offset - header.size());
  frame->data_len = static_cast<uint16_t>(header.size() + view.payload_size);
  frame->pkt_len = frame->data_len;
  frame->ol_flags = 0;
  out.out.write(header, {out_leg.setup.local_port[static_cast<size_t>(out_path)], out.destination},
                rte_pktmbuf_mtod(frame, uint8_t*), view.payload_size, traffic_class, mark.pcp(),
                payload_sum, checksum.absent);

  if (arrival.is_media) {
    ++out_leg.counters.tx_packets;
    out_leg.counters.tx_octets += arrival.media_octets;
  } else {
    ++out_leg.counters.rtcp_tx_packets;
  }
  if (out_leg.captured) [[unlikely]]
    copy_frame(out_leg, frame, /*out=*/true);
  if (out.own_port != kNotOurs) [[unlikely]] {
    join(frame, out, out_leg, static_cast<uint8_t>(work.joins + 1));
  } else {
    queue_tx(frame, out_leg.setup.port, work.leg->setup.peer);
  }
}

// Out of the other leg, or to wait there for what else is to be protected.
inline DropReason RelayCore::forward(const Work& work, const Arrival& arrival) {
  Leg& out_leg = *leg_of(work.leg->setup.peer);
  const Path& out = out_leg.paths[static_cast<size_t>(way_out(out_leg, arrival))];
  if (out.destination.is_none()) return DropReason::no_remote;
  if (out.own_port != kNotOurs && work.joins == kMaxJoins) return DropReason::join_loop;
  if (!out.out.is_ready()) return DropReason::no_next_hop;
  const bool is_secure = out_leg.setup.payload == PayloadKind::srtp;
  const size_t trailer =
      is_secure ? media::srtp_trailer_bytes(srtp_of(out_leg).out.keys, !arrival.is_media) : 0;
  if (frame_of(out_leg, out).ip_size() + work.view.payload_size + trailer >
      board_.ports()[out_leg.setup.port].mtu)
    return DropReason::too_big;
  if (is_secure)
    hold_to_protect(work, arrival);
  else
    send(work, arrival, out_leg);
  return DropReason::none;
}

DropReason RelayCore::relay(const Work& work, uint64_t now_ns) {
  Arrival arrival;
  if (const DropReason reason = receive(work, arrival); reason != DropReason::none) return reason;
  if (work.leg->setup.payload == PayloadKind::srtp) {
    hold_to_open(work, arrival);
    return DropReason::none;
  }
  return go_on(work, arrival, now_ns);
}

DropReason RelayCore::go_on(const Work& work, Arrival& arrival, uint64_t now_ns) {
  if (const DropReason reason = accept(work, arrival, now_ns); reason != DropReason::none)
    return reason;
  return forward(work, arrival);
}

void RelayCore::leave(const Work& work, const Arrival& arrival, Leg& out_leg) {
  send(work, arrival, out_leg);
}

// To a leg of our own, as if it came from the wire there: with new headers, through the same
// checks. The frame stays in the books of the port that it came in at.
void RelayCore::join(rte_mbuf* frame, const Path& out, Leg& from, uint8_t joins) {
  if (joins == 1) counters_[board_.index_of_dpdk_port(frame->port)].joined.add(1);
  ++from.counters.joined_tx_packets;
  const PortFilter& filter = board_.ports()[out.own_port].filter;
  const FrameView view =
      view_frame(rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len, filter);
  const LegIndex entry = view.fate == FrameFate::media
                             ? board_.leg_at(view.address_index, view.destination_port)
                             : kNoLeg;
  Leg* leg = leg_of(entry);
  if (leg == nullptr)
    return pass_on(frame, entry, {FrameNote::Task::relay, joins, out.own_port, kNoLeg}, &from);
  joined_[joined_count_++] = {frame, view, leg, joins};
}

// A locked path takes its source only. While RTCP's port is still to be learned, its host is RTP's:
// else anybody's first RTCP packet would win the path. No wire has packets of our own address.
DropReason RelayCore::admit(const Leg& leg, const Work& work, PathKind path) const {
  const Path& from = leg.paths[static_cast<size_t>(path)];
  const SocketAddress& known = from.source;
  const uint8_t* ip = work.view.source_ip(rte_pktmbuf_mtod(work.frame, const uint8_t*));
  if (!known.is_none()) {
    const bool forged = from.source_is_ours && work.joins == 0;
    return !forged && same_source(known, ip, work.view) ? DropReason::none
                                                        : DropReason::wrong_source;
  }
  if (leg.setup.strict_source) return DropReason::wrong_source;
  if (work.joins == 0 && board_.own_port(source_of(ip, work.view)) != kNotOurs)
    return DropReason::wrong_source;
  const IpAddress& rtp_host = leg.paths[static_cast<size_t>(PathKind::rtp)].source.ip;
  const bool bound = path == PathKind::rtcp && !leg.setup.rtcp_explicit && !rtp_host.is_none();
  return bound && !same_host(rtp_host, ip, work.view) ? DropReason::wrong_source : DropReason::none;
}

void RelayCore::account(Leg& leg, const FrameView& view, const media::RtpPacket& packet,
                        uint64_t now_ns) {
  ++leg.counters.rx_packets;
  leg.counters.rx_octets += packet.payload_length;
  StreamSlot* slot = streams_.find_or_add(leg, packet.ssrc, packet.payload_type);
  if (slot == nullptr) {
    ++leg.counters.unaccounted_packets;
    return;
  }
  const uint8_t dscp = view.traffic_class >> 2;
  if (slot->account.empty()) slot->dscp_first = dscp;
  slot->dscp_in = dscp;
  if (dscp == 0) {
    ++slot->unmarked;
  } else if (dscp != leg.expected_dscp(*slot)) {
    ++slot->remarked;
  }
  slot->account.on_packet(packet.sequence, packet.timestamp, now_ns);
}

// Symmetric RTP (RFC 4961): the first valid sender is who we talk to. Its Ethernet source is the
// next hop until the kernel's own answer comes, so that not one packet waits for it.
void RelayCore::learn(Leg& leg, const Work& work, PathKind path) {
  const uint8_t* bytes = rte_pktmbuf_mtod(work.frame, const uint8_t*);
  const SocketAddress source = source_of(work.view.source_ip(bytes), work.view);
  MacAddress mac;
  std::memcpy(mac.bytes.data(), bytes + 6, mac.bytes.size());
  leg.paths[static_cast<size_t>(path)].source = source;
  leg.paths[static_cast<size_t>(path)].source_is_ours = work.joins > 0;
  set_destination(leg, path, source, mac);
  Path& rtcp = leg.paths[static_cast<size_t>(PathKind::rtcp)];
  const bool derive = path == PathKind::rtp && !leg.setup.rtcp_explicit && rtcp.source.is_none();
  if (derive && source.port < UINT16_MAX) {
    set_destination(leg, PathKind::rtcp, {source.ip, static_cast<uint16_t>(source.port + 1)}, mac);
  }
}

void RelayCore::set_destination(Leg& leg, PathKind path, const SocketAddress& to,
                                const MacAddress& mac) {
  Path& target = leg.paths[static_cast<size_t>(path)];
  if (target.destination == to && target.out.is_ready()) return;
  point(leg, path, to);
  build_header(leg, path, mac);
  // What it is not told now it is told later; the learned next hop is in use meanwhile.
  if (!tell(leg, path)) tell_left_ = legs_.size();
}

// Tells the slow thread where a path sends to now. False when the queue is full.
bool RelayCore::tell(Leg& leg, PathKind path) {
  Path& target = leg.paths[static_cast<size_t>(path)];
  target.untold = !events_.push({leg.setup.call, index_of(leg), path, target.destination});
  if (!target.untold) board_.slow_bell().ring();
  return !target.untold;
}

// Goes round the legs, some in each round of the packet loop, until all that was left over is told.
void RelayCore::tell_again() {
  for (unsigned n = 0; n < kToldPerPoll && tell_left_ > 0; ++n) {
    Leg& leg = legs_[tell_at_];
    for (const PathKind path : {PathKind::rtp, PathKind::rtcp}) {
      if (!leg.paths[static_cast<size_t>(path)].untold || tell(leg, path)) continue;
      tell_left_ = legs_.size();
      return;
    }
    tell_at_ = (tell_at_ + 1) % legs_.size();
    --tell_left_;
  }
}

// Another destination: the way there is not known yet, unless it is a leg of ours.
void RelayCore::point(Leg& leg, PathKind path, const SocketAddress& to) {
  Path& target = leg.paths[static_cast<size_t>(path)];
  target.destination = to;
  target.out = HeaderTemplate{};
  target.own_port = board_.own_port(to);
  if (target.own_port != kNotOurs) build_header(leg, path, {});
}

// Opens the path to be learned anew, or locks it to its signalled remote: when nobody else may
// send, and when that is a leg of ours, which does send from there. A late packet from the wire
// could otherwise take the path from it.
void RelayCore::lock(Leg& leg, PathKind path) {
  Path& target = leg.paths[static_cast<size_t>(path)];
  const SocketAddress& remote = leg.setup.remote[static_cast<size_t>(path)];
  target.source_is_ours = target.own_port != kNotOurs && target.destination == remote;
  target.source = leg.setup.strict_source || target.source_is_ours ? remote : SocketAddress{};
}

// `next_hop` does not count where the destination is ours: then it is our own port that takes the
// frame.
void RelayCore::build_header(Leg& leg, PathKind path, const MacAddress& next_hop) {
  Path& target = leg.paths[static_cast<size_t>(path)];
  const bool joined = target.own_port != kNotOurs;
  target.out = HeaderTemplate(frame_of(leg, target),
                              {leg.setup.local_port[static_cast<size_t>(path)], target.destination},
                              joined ? board_.ports()[target.own_port].filter.mac : next_hop);
}

}  // namespace holdfast::dataplane
