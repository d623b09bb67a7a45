// SPDX-License-Identifier: Apache-2.0
// The options of [centre].
#include "control/config/site_options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;

constexpr std::string_view kFamilies[] = {"both", "ipv4", "ipv6"};
constexpr std::string_view kWhenFull[] = {"refuse", "gateway"};
constexpr size_t kMaxHost = 260;  // with a port

Wrong read_servers(const TomlValue& value, CentreConfig& centre) {
  std::vector<std::string> texts;
  const auto check = [](std::string_view text) {
    HostPort server;
    return read_host_port(text, server);
  };
  if (auto wrong = read_texts(value, texts, sip::kMaxUpstreams, kMaxHost, check)) return wrong;
  if (texts.empty()) return "names no server; give one, or an srv-name instead";
  // No port yet: which one is meant depends on the transport.
  centre.servers.assign(texts.size(), {{}, 0, {}});
  for (size_t i = 0; i < texts.size(); ++i) (void)read_host_port(texts[i], centre.servers[i]);
  return std::nullopt;
}

Wrong read_name(const TomlValue& value, std::string& out) {
  std::string name;
  if (auto wrong = read_text(value, name, kMaxHost)) return wrong;
  if (auto wrong = check_host(name)) return wrong;
  out = std::move(name);
  return std::nullopt;
}

Wrong read_srv_name(const TomlValue& value, CentreConfig& centre) {
  std::string name;
  if (auto wrong = read_name(value, name)) return wrong;
  if (IpAddress::parse(name)) return "is an address; write it into servers instead";
  centre.srv_name = std::move(name);
  return std::nullopt;
}

// A row for a number of HealthConfig.
#define HOLDFAST_HEALTH(name, unit, standard, help, member, low, high)                          \
  {                                                                                             \
    {name, "whole number", unit, standard, help, ""}, [](const TomlValue& v, CentreConfig& c) { \
      return read_number(v, c.health.member, low, high);                                        \
    }                                                                                           \
  }

const Option<CentreConfig> kCentre[] = {
    {{"servers", "list of texts", "HOST or HOST:PORT, at most 8", "[]",
      "The centre's servers, names or addresses; port 5060 unless written, 5061 by TLS. The first "
      "is tried "
      "first, then the one that worked last. Names are looked up in DNS, off the SIP path, and the "
      "last good answers are kept. Either this or srv-name.",
      "[\"198.18.3.10:5060\"]"},
     read_servers},
    {{"srv-name", "text", "DNS name", "none",
      "Domain whose SRV records name the servers (RFC 3263): `_sip._udp.`, `_sip._tcp.` or "
      "`_sips._tcp.` goes in front, by transport, unless it begins with _ itself. A switchover "
      "pair has two records of "
      "equal priority and weight.",
      "#\"centre.example\""},
     read_srv_name},
    {{"domain", "text", "host name or address", "required",
      "The centre's SIP domain: what stands in a request that goes there, in place of our own "
      "name.",
      "\"centre.example\""},
     [](const TomlValue& v, CentreConfig& c) { return read_name(v, c.domain); }},
    {{"interface", "text", "name of an [[interface]]", "required",
      "The interface behind which the centre is; it has a [[sip-listener]] that faces it.",
      "\"lan\""},
     [](const TomlValue& v, CentreConfig& c) { return read_text(v, c.interface, 11); }},
    {{"transport", "text", "udp, tcp, tls", "\"udp\"", "Transport to the centre.", ""},
     [](const TomlValue& v, CentreConfig& c) {
       return read_word(v, c.transport, transport_words());
     }},
    {{"ca", "text", "absolute path of a PEM file", "required with tls",
      "Who signs the centre's certificate: nobody else is believed, not those whom the machine "
      "believes otherwise. Read again on SIGHUP.",
      "#\"/etc/holdfast/tls/centre-ca.pem\""},
     [](const TomlValue& v, CentreConfig& c) { return read_path(v, c.ca, kMaxFilePath); }},
    {{"tls-names", "list of texts", "host names or addresses, at most 16",
      "domain, servers, srv-name",
      "The centre's certificate is for one of these, also where servers are addresses. The first "
      "that is no address is asked for (SNI).",
      "#[\"centre.example\"]"},
     [](const TomlValue& v, CentreConfig& c) {
       return read_texts(v, c.tls_names, kMaxTlsNames, kMaxHost, check_host);
     }},
    {{"tls-legacy", "true or false", "true, false", "false",
      "For a centre that knows no better: TLS 1.0 and 1.1, short keys, SHA-1 and old ciphers are "
      "taken too.",
      ""},
     [](const TomlValue& v, CentreConfig& c) { return read_flag(v, c.tls_legacy); }},
    {{"families", "text", "both, ipv4, ipv6", "\"both\"",
      "Which addresses of a name are used. An address of a family in which no [[sip-listener]] "
      "faces the centre never is.",
      ""},
     [](const TomlValue& v, CentreConfig& c) { return read_word(v, c.families, kFamilies); }},
    {{"max-calls", "whole number", "calls, 0 to 65536", "0",
      "Calls at a time whose media crosses the link to the centre; 0: no limit. A call between two "
      "phones of the branch takes none of it, one that the centre sends back to the branch with "
      "its "
      "media takes two. Calls for help are not asked.",
      ""},
     [](const TomlValue& v, CentreConfig& c) {
       return read_number(v, c.limits.max_calls, 0, 65536);
     }},
    {{"max-kbit", "whole number", "kbit/s, 0 to 100000000", "0",
      "The same for the bandwidth of their media in one direction: from codecs, packet time and "
      "b=AS of the SDP, with the headers of RTP, UDP and IP. 0: no limit.",
      ""},
     [](const TomlValue& v, CentreConfig& c) {
       return read_number(v, c.limits.max_kbit, 0, 100000000);
     }},
    {{"link-overhead-bytes", "whole number", "bytes, 0 to 200", "0",
      "What the link adds to each IP packet, for max-kbit: 18 for Ethernet, 22 with a VLAN tag.",
      ""},
     [](const TomlValue& v, CentreConfig& c) {
       return read_number(v, c.limits.overhead_bytes, 0, 200);
     }},
    {{"when-full", "text", "refuse, gateway", "\"refuse\"",
      "What becomes of a phone's call for which the link has no room: it is refused with 480, or "
      "goes out by the gateway if the outbound rules of the dial plan take its number.",
      ""},
     [](const TomlValue& v, CentreConfig& c) {
       return read_word(v, c.limits.when_full, kWhenFull);
     }},
    HOLDFAST_HEALTH("probe-online-ms", "milliseconds, 500 to 600000", "5000",
                    "Time between two OPTIONS to a server that is up.", probe_online_ms, 500,
                    600000),
    HOLDFAST_HEALTH("probe-suspect-ms", "milliseconds, 100 to 60000", "1000",
                    "The same while it is suspect: a second opinion at once, then at this pace.",
                    probe_suspect_ms, 100, 60000),
    HOLDFAST_HEALTH("probe-down-ms", "milliseconds, 500 to 600000", "2000",
                    "The same while it is down.", probe_down_ms, 500, 600000),
    HOLDFAST_HEALTH("probe-timeout-ms", "milliseconds, 100 to 30000", "1000",
                    "An OPTIONS without an answer for so long is lost.", probe_timeout_ms, 100,
                    30000),
    HOLDFAST_HEALTH("probe-jitter-percent", "percent, 0 to 50", "20",
                    "Spread of the slow intervals: many branches probe the same centre.",
                    probe_jitter_percent, 0, 50),
    HOLDFAST_HEALTH("lost-to-fail", "losses, 1 to 20", "3",
                    "So many lost probes or requests make a server down.", lost_to_fail, 1, 20),
    HOLDFAST_HEALTH("received-to-clear", "answers, 1 to 20", "3",
                    "So many answers in a row make it up again.", received_to_clear, 1, 20),
    HOLDFAST_HEALTH("hold-down-ms", "milliseconds, 0 to 600000", "10000",
                    "No step to the better comes sooner after a step to the worse.", hold_down_ms,
                    0, 600000),
    HOLDFAST_HEALTH("retry-after-max-s", "seconds, 0 to 3600", "300",
                    "The longest Retry-After of the centre that is believed.", retry_after_max_s, 0,
                    3600),
    HOLDFAST_HEALTH("hand-back-per-s", "REGISTERs a second, 1 to 1000", "20",
                    "Pace at which phones are handed back to a centre that has returned.",
                    hand_back_per_s, 1, 1000),
    HOLDFAST_HEALTH("hand-back-max-ms", "milliseconds, 1000 to 3600000", "150000",
                    "Handing back ends after so long; the rest of the phones come by themselves.",
                    hand_back_max_ms, 1000, 3600000),
};
#undef HOLDFAST_HEALTH

}  // namespace

std::span<const Option<CentreConfig>> centre_options() {
  return kCentre;
}
std::string_view to_string(AddressFamilies value) {
  return kFamilies[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
