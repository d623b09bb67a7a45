// SPDX-License-Identifier: Apache-2.0
// The options of [[interface]].
#include <algorithm>
#include <charconv>
#include <limits>

#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;
using Section = InterfaceConfig;

constexpr size_t kMaxName = 11;  // "hf-" and the name stay below the kernel's 15 characters
constexpr size_t kMaxDevice = 107;
constexpr size_t kMaxSuiteName = 64;
constexpr std::string_view kTakes[] = {"shared", "owned"};
constexpr std::string_view kRtcpMux[] = {"off", "answer", "offer"};
constexpr std::string_view kSrtpPolicies[] = {"pass-through", "forbid", "offer", "require"};
constexpr std::string_view kMediaSources[] = {"learn", "sdp"};
constexpr std::string_view kDrivers[] = {"af_xdp", "af_packet", "virtio_user", "vhost",
                                         "memif",  "ring",      "null",        "pci"};

Wrong read_name(const TomlValue& value, Section& s) {
  std::string name;
  if (auto wrong = read_text(value, name, kMaxName)) return wrong;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), fits)) {
    return quoted(name) + " is not 1 to 11 of a-z, 0-9 and -";
  }
  s.name = std::move(name);
  return std::nullopt;
}

Wrong read_tap(const TomlValue& value, Section& s) {
  std::string tap;
  if (auto wrong = read_text(value, tap, kMaxNetdevName)) return wrong;
  if (!is_netdev_name(tap)) return quoted(tap) + " cannot name a network device";
  s.tap = std::move(tap);
  return std::nullopt;
}

// A MAC address that a station can have: not zero, not a group address.
Wrong read_unicast_mac(const TomlValue& value, MacAddress& out) {
  std::string text;
  if (auto wrong = read_text(value, text, 64)) return wrong;
  const auto mac = MacAddress::parse(text);
  if (!mac) return quoted(text) + " is not a MAC address; write it like 02:00:00:00:00:01";
  if ((mac->bytes[0] & 1) != 0 || *mac == MacAddress{}) {
    return quoted(text) + " is a group address or zero; give a station's address";
  }
  out = *mac;
  return std::nullopt;
}

Wrong read_unicast_ip(const TomlValue& value, IpAddress& out) {
  std::string text;
  if (auto wrong = read_text(value, text, 64)) return wrong;
  const auto ip = IpAddress::parse(text);
  if (!ip) return quoted(text) + " is not an IPv4 or IPv6 address; names are not looked up";
  const bool broadcast = ip->is_v4() && ip->bytes[0] >= 240;
  if (ip->is_multicast() || ip->is_unspecified() || broadcast) {
    return quoted(text) + " is no unicast address";
  }
  out = *ip;
  return std::nullopt;
}

Wrong read_srtp_suites(const TomlValue& value, Section& s) {
  const auto check = [](std::string_view name) -> Wrong {
    if (media::srtp_suite_from(name)) return std::nullopt;
    return quoted(name) + " is no suite that we carry; docs/srtp.md has them";
  };
  std::vector<std::string> names;
  if (auto wrong = read_texts(value, names, media::kSrtpSuites, kMaxSuiteName, check)) return wrong;
  if (names.empty()) return "names no suite; leave it out, or set srtp = \"forbid\"";
  s.srtp_suites.clear();
  for (const std::string& name : names) s.srtp_suites.push_back(*media::srtp_suite_from(name));
  return std::nullopt;
}

Wrong read_media_addresses(const TomlValue& value, Section& s) {
  const auto* list = value.list();
  if (list == nullptr) return "needs a list of addresses, for example [\"198.18.1.2\"]";
  if (list->empty() || list->size() > kMaxMediaAddresses) {
    return "names " + std::to_string(list->size()) + " addresses; give 1 to " +
           std::to_string(kMaxMediaAddresses);
  }
  s.media_addresses.clear();
  for (const auto& item : *list) {
    IpAddress ip;
    if (auto wrong = read_unicast_ip(item, ip)) return wrong;
    s.media_addresses.push_back(ip);
  }
  return std::nullopt;
}

std::optional<uint32_t> port_number(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) {
    return std::nullopt;
  }
  return port;
}

Wrong read_media_ports(const TomlValue& value, Section& s) {
  std::string text;
  if (auto wrong = read_text(value, text, 64)) return wrong;
  const auto dash = text.find('-');
  const auto first = port_number(std::string_view(text).substr(0, dash));
  const auto last = dash == std::string::npos
                        ? std::nullopt
                        : port_number(std::string_view(text).substr(dash + 1));
  if (!first || !last) return quoted(text) + " is not a range of ports; write it like 20000-29999";
  if (*last < *first) return quoted(text) + " ends before it begins";
  if (*first % 2 != 0) {
    return quoted(text) +
           " begins with an odd port; RTP takes the even port of a pair, begin with " +
           std::to_string(*first + 1);
  }
  const uint32_t pairs = (*last - *first + 1) / 2;
  if (pairs < 2) {
    return quoted(text) + " holds " + std::to_string(pairs) + (pairs == 1 ? " leg" : " legs") +
           " (a pair of ports each); a call needs 2, widen it";
  }
  // An even last port has no partner for RTCP; leave it out.
  s.media_ports = {static_cast<uint16_t>(*first), static_cast<uint16_t>(*first + 2 * pairs - 1)};
  return std::nullopt;
}

Wrong read_neighbor(const TomlValue& item, StaticNeighbor& out) {
  constexpr std::string_view kShape =
      "needs entries like {address = \"198.18.1.10\", mac = \"02:00:00:00:00:01\"}";
  const auto* table = item.table();
  if (table == nullptr || table->size() != 2) return std::string(kShape);
  bool address = false, mac = false;
  for (const auto& entry : *table) {
    Wrong wrong;
    if (entry.key == "address") {
      address = true;
      wrong = read_unicast_ip(entry.value, out.address);
    } else if (entry.key == "mac") {
      mac = true;
      wrong = read_unicast_mac(entry.value, out.mac);
    }
    if (wrong) return wrong;
  }
  if (!address || !mac) return std::string(kShape);
  return std::nullopt;
}

Wrong read_neighbors(const TomlValue& value, Section& s) {
  const auto* list = value.list();
  if (list == nullptr || list->size() > kMaxStaticNeighbors) {
    return "needs a list of at most " + std::to_string(kMaxStaticNeighbors) + " neighbours";
  }
  s.static_neighbors.clear();
  for (const auto& item : *list) {
    StaticNeighbor neighbor;
    if (auto wrong = read_neighbor(item, neighbor)) return wrong;
    const auto same = [&](const StaticNeighbor& n) { return n.address == neighbor.address; };
    if (std::any_of(s.static_neighbors.begin(), s.static_neighbors.end(), same)) {
      return "names " + neighbor.address.to_string() + " twice";
    }
    s.static_neighbors.push_back(neighbor);
  }
  return std::nullopt;
}

constexpr std::string_view kCopy = "copy";
constexpr std::string_view kAsMedia = "media";

bool is_word(const TomlValue& value, std::string_view word) {
  return value.text() != nullptr && *value.text() == word;
}

Wrong read_dscp(const TomlValue& value, DscpRule& out) {
  if (is_word(value, kCopy)) {
    out = {true, 0};
    return std::nullopt;
  }
  const int64_t* number = value.integer();
  if (number == nullptr || *number < 0 || *number > 63) return "needs 0 to 63, or \"copy\"";
  out = {false, static_cast<uint8_t>(*number)};
  return std::nullopt;
}

const Option<InterfaceConfig> kOptions[] = {
    {{"name", "text", "1 to 11 of a-z, 0-9, -", "required",
      "What commands and reports call the interface. No two interfaces share a name.", "\"lan\""},
     read_name},
    {{"take", "text", "shared, owned", "\"shared\"",
      "`shared`: the kernel keeps the device and only UDP to the media addresses and ports is "
      "steered here. `owned`: the device belongs to DPDK and all that is not media goes to the "
      "kernel through a tap.",
      ""},
     [](const TomlValue& v, Section& s) { return read_word(v, s.take, kTakes); }},
    {{"driver", "text", "af_xdp, af_packet, virtio_user, vhost, memif, ring, null, pci",
      "\"af_xdp\"",
      "How the device is driven. A shared interface takes af_xdp only. af_packet is for devices "
      "without XDP, and slower. virtio_user, vhost and memif join a virtual switch or another "
      "DPDK program on this machine. ring and null are for tests. See deploy.md.",
      ""},
     [](const TomlValue& v, Section& s) { return read_word(v, s.driver, kDrivers); }},
    {{"device", "text", "see help", "required, but for ring and null",
      "af_xdp, af_packet: name of the kernel's network device. virtio_user, memif: path of the "
      "UNIX socket at which the other side listens; vhost: of the one that is made here. pci: "
      "address such as 0000:03:00.0; 03:00.0 is the same.",
      "\"eth0\""},
     [](const TomlValue& v, Section& s) { return read_text(v, s.device, kMaxDevice); }},
    {{"mac", "text", "MAC address", "see help",
      "Ethernet address of a virtio_user, vhost or memif interface; the other drivers take none. "
      "virtio_user and memif have a local one made of name and device, the same at each start, "
      "vhost the one that DPDK gives.",
      "#\"02:00:00:00:00:01\""},
     [](const TomlValue& v, Section& s) -> Wrong {
       MacAddress mac;
       if (auto wrong = read_unicast_mac(v, mac)) return wrong;
       s.mac = mac;
       return std::nullopt;
     }},
    {{"memif-id", "whole number", "0 to 4294967295", "0",
      "memif only: which interface of the server at the socket this one is.", ""},
     [](const TomlValue& v, Section& s) {
       return read_number(v, s.memif_id, 0, std::numeric_limits<uint32_t>::max());
     }},
    {{"queues", "whole number", "1 to 16", "1",
      "Pairs of queues of the device, each polled by one of cpus: at most as many as those. "
      "af_xdp: "
      "all of its receive queues (ethtool -L). virtio_user and vhost: the other side must have "
      "them "
      "too. pci: as many as the card is asked for. The other drivers have one.",
      ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.queues, 1, kMaxCpus); }},
    {{"vlan", "whole number", "802.1Q id, 0 to 4094", "0",
      "VLAN of the voice traffic; the tag is put on and taken off here. 0: untagged.", ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.vlan, 0, 4094); }},
    {{"pcp-audio", "whole number", "802.1p, 0 to 7", "5",
      "Priority in the tag of frames with audio. Only together with vlan, like the three below.",
      ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.audio.pcp, 0, 7); }},
    {{"pcp-video", "whole number", "802.1p, 0 to 7", "4", "The same of video.", ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.video.pcp, 0, 7); }},
    {{"pcp-fax", "whole number", "802.1p, 0 to 7", "5", "The same of fax (T.38).", ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.fax.pcp, 0, 7); }},
    {{"pcp-rtcp", "whole number or text", "802.1p, 0 to 7, or \"media\"", "\"media\"",
      "The same of RTCP. `media`: that of the media that it is about.", ""},
     [](const TomlValue& v, Section& s) -> Wrong {
       s.pcp_rtcp.reset();
       if (is_word(v, kAsMedia)) return std::nullopt;
       if (v.text() != nullptr) return "needs 0 to 7, or \"media\"";
       return read_number(v, s.pcp_rtcp.emplace(), 0, 7);
     }},
    {{"mtu", "whole number", "bytes, 576 to 9000", "1500",
      "Largest IP packet on the link; at least 1280 with an IPv6 media address, at most 1900 with "
      "af_packet, whose ring holds frames of 2048 bytes, its own header among them, and at most "
      "3500 on all interfaces where one has af_xdp, whose buffers are a page.",
      ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.mtu, 576, 9000); }},
    {{"tap", "text", "network device name, at most 15 characters", "\"hf-\" and the name",
      "Owned only: the kernel's network device that carries all that is not media.", "#\"hf-lan\""},
     read_tap},
    {{"exception-pps", "whole number", "packets/s, 100 to 1000000", "20000",
      "Owned only: packets a second that may pass to the kernel, with SIP and ARP among them. "
      "Media "
      "is not held up by them.",
      ""},
     [](const TomlValue& v, Section& s) {
       return read_number(v, s.exception_pps, 100, 1'000'000);
     }},
    {{"exception-mbps", "whole number", "Mbit/s, 0 to 10000", "0",
      "Owned only: what of the kernel's own traffic may leave here, in bursts of 2 ms. The rest "
      "waits "
      "in the kernel, which drops the newest when its queue is full (tap_full). 0: half of the "
      "link's speed at the start, 500 where that is unknown.",
      ""},
     [](const TomlValue& v, Section& s) { return read_number(v, s.exception_mbps, 0, 10'000); }},
    {{"media-addresses", "list of text", "1 to 8 unicast addresses", "required",
      "IPv4 and IPv6 addresses at which media arrives. No two interfaces share an address. The "
      "first one's family is used when nothing says which a leg wants. Legs spread over several "
      "addresses of one family, each with all of media-ports.",
      "[\"198.18.1.2\", \"2001:db8:1::2\"]"},
     read_media_addresses},
    {{"media-ports", "text", "FIRST-LAST, UDP ports, FIRST even", "\"20000-29999\"",
      "UDP ports for media. Each leg takes a pair, RTP even and RTCP odd (RFC 3550 section 11).",
      ""},
     read_media_ports},
    {{"media-source", "text", "learn, sdp", "\"learn\"",
      "Who may send media to a call's ports here. `learn`: the first valid sender is learned and "
      "locked, as phones behind NAT need it. `sdp`: only the address and port that the endpoint "
      "named in SDP. Whatever comes from elsewhere is dropped and counted as wrong_source.",
      ""},
     [](const TomlValue& v, Section& s) { return read_word(v, s.media_source, kMediaSources); }},
    {{"rtcp-mux", "text", "off, answer, offer", "\"answer\"",
      "RTP and RTCP on one port (RFC 5761) with the endpoints here, whatever those of the other "
      "side of a call do. `off`: never; `answer`: with those that offer it; `offer`: it is "
      "offered to them too, and done with those that take it.",
      ""},
     [](const TomlValue& v, Section& s) { return read_word(v, s.rtcp_mux, kRtcpMux); }},
    {{"srtp", "text", "pass-through, forbid, offer, require", "\"pass-through\"",
      "SRTP with the endpoints here, under keys of this leg alone (SDES, RFC 4568), whatever "
      "those of the other side of a call do. `forbid`: plain RTP; an offer of RTP/SAVP gets 488. "
      "`offer`: keys are offered with RTP/AVP, and SRTP is done with those that take them or ask "
      "for it; who refuses a first INVITE for that is offered RTP/SAVP once. `require`: RTP/SAVP "
      "and nothing else. `pass-through`: as the two sides agree between them, untouched, unless "
      "keys from SIP over TLS would go over UDP or TCP: then plain RTP, and RTP/SAVP gets 488; "
      "with another policy on the other side it acts as `offer`.",
      ""},
     [](const TomlValue& v, Section& s) { return read_word(v, s.srtp, kSrtpPolicies); }},
    {{"srtp-suites", "list of text", "1 to 6 names of suites", "all six",
      "Suites that are offered and taken here, in the order of preference. One alone forces it.",
      "#[\"AES_CM_128_HMAC_SHA1_80\", \"AEAD_AES_128_GCM\"]"},
     read_srtp_suites},
    {{"srtp-without-tls", "true or false", "true, false", "false",
      "Keys are exchanged here over SIP by UDP and TCP too, where whoever reads it can decrypt the "
      "calls. Otherwise only with endpoints whose SIP runs over TLS.",
      ""},
     [](const TomlValue& v, Section& s) { return read_flag(v, s.srtp_without_tls); }},
    {{"static-neighbors", "list of tables", "{address, mac}, at most 256", "[]",
      "Next hops whose MAC address is given here instead of learned from the kernel.", ""},
     read_neighbors},
    {{"dscp-audio", "whole number or text", "0 to 63, or \"copy\"", "46",
      "DSCP of audio that leaves here; ECN is kept. 46 is EF (RFC 3246). 0 leaves it unmarked "
      "(DSCP "
      "0), however it came. `copy`: with the DSCP that it came with.",
      ""},
     [](const TomlValue& v, Section& s) { return read_dscp(v, s.audio.dscp); }},
    {{"dscp-video", "whole number or text", "0 to 63, or \"copy\"", "34",
      "The same of video. 34 is AF41 (RFC 2597).", ""},
     [](const TomlValue& v, Section& s) { return read_dscp(v, s.video.dscp); }},
    {{"dscp-fax", "whole number or text", "0 to 63, or \"copy\"", "46", "The same of fax (T.38).",
      ""},
     [](const TomlValue& v, Section& s) { return read_dscp(v, s.fax.dscp); }},
    {{"dscp-rtcp", "whole number or text", "0 to 63, \"copy\" or \"media\"", "\"media\"",
      "The same of RTCP, on a port of its own or not. `media`: that of the media that it is about.",
      ""},
     [](const TomlValue& v, Section& s) -> Wrong {
       s.dscp_rtcp.reset();
       if (is_word(v, kAsMedia)) return std::nullopt;
       DscpRule rule;
       if (read_dscp(v, rule)) return "needs 0 to 63, \"copy\" or \"media\"";
       s.dscp_rtcp = rule;
       return std::nullopt;
     }},
};

}  // namespace

std::span<const Option<InterfaceConfig>> interface_options() {
  return kOptions;
}

std::string_view to_string(Take value) {
  return kTakes[static_cast<size_t>(value)];
}
std::string_view to_string(Driver value) {
  return kDrivers[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
