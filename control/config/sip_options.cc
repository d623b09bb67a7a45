// SPDX-License-Identifier: Apache-2.0
// The options of [sip] and [[sip-listener]].
#include "control/config/site_options.hh"

#include "dataplane/config/addresses.hh"

namespace holdfast::config {
namespace {

constexpr std::string_view kModes[] = {"path", "rewrite"};
constexpr std::string_view kFaces[] = {"phones", "centre", "both"};
constexpr std::string_view kTransportWords[] = {"udp", "tcp", "tls"};
constexpr size_t kMaxName = 253;

const Option<SipConfig> kSip[] = {
    {{"aliases", "list of texts", "host names, at most 16", "[]",
      "Names by which phones call the appliance, beside its addresses. A request for one of them "
      "goes to the centre with the centre's domain in its place.",
      "#[\"proxy.branch.example\"]"},
     [](const TomlValue& v, SipConfig& c) {
       return read_texts(v, c.aliases, kMaxAliases, kMaxName, check_host);
     }},
    {{"dscp", "whole number", "0 to 63", "24",
      "DSCP of the SIP that we send. 24 is CS3. 0 leaves it unmarked.", ""},
     [](const TomlValue& v, SipConfig& c) { return read_number(v, c.dscp, 0, 63); }},
    {{"register-mode", "text", "path, rewrite", "\"path\"",
      "How the centre learns the way back to a phone. `path`: by a Path header field (RFC 3327); "
      "`rewrite`: the Contact becomes ours, for a centre that takes no Path.",
      ""},
     [](const TomlValue& v, SipConfig& c) { return read_word(v, c.register_mode, kModes); }},
    {{"call-budget-ms", "whole number", "milliseconds, 500 to 30000", "3000",
      "A new call is tried elsewhere after so much silence, shared out among the centre's servers. "
      "With a second for ringing, 3000 keeps to the 4 s that a caller waits at the instant of a "
      "cut.",
      ""},
     [](const TomlValue& v, SipConfig& c) { return read_number(v, c.call_budget_ms, 500, 30000); }},
    {{"max-calls", "whole number", "calls, 1 to 65536", "4096",
      "Calls at a time; further ones are refused with 503, calls for help are not, up to twice as "
      "many. Those whose media is relayed are bounded by max-legs too.",
      ""},
     [](const TomlValue& v, SipConfig& c) { return read_number(v, c.max_calls, 1, 65536); }},
    {{"tcp-idle-s", "whole number", "seconds, 30 to 86400", "900",
      "A TCP connection without traffic is closed after so long. Longer than the keep-alive of the "
      "phones.",
      ""},
     [](const TomlValue& v, SipConfig& c) { return read_number(v, c.tcp_idle_s, 30, 86400); }},
    {{"survival-expiry-min-s", "whole number", "seconds, 10 to 3600", "60",
      "Shortest expiry of a registration that is refreshed while the centre is away.", ""},
     [](const TomlValue& v, SipConfig& c) {
       return read_number(v, c.survival_expiry_min_s, 10, 3600);
     }},
    {{"survival-expiry-max-s", "whole number", "seconds, 10 to 3600", "120",
      "The longest. Each is chosen at random between the two, so that the phones do not come back "
      "to the centre together.",
      ""},
     [](const TomlValue& v, SipConfig& c) {
       return read_number(v, c.survival_expiry_max_s, 10, 3600);
     }},
};

const Option<SipListenerConfig> kListener[] = {
    {{"interface", "text", "name of an [[interface]]", "required",
      "The interface behind which the peers are.", "\"lan\""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_text(v, l.interface, 11); }},
    {{"addresses", "list of texts", "1 to 8 unicast addresses", "the interface's media-addresses",
      "Our addresses on which SIP is taken. The kernel has to have them.",
      "#[\"198.18.1.2\", \"2001:db8:1::2\"]"},
     [](const TomlValue& v, SipListenerConfig& l) {
       return read_listen_addresses(v, l.addresses);
     }},
    {{"port", "whole number", "port, 1 to 65535", "5060", "UDP and TCP port.", ""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_number(v, l.port, 1, 65535); }},
    {{"tls-port", "whole number", "port, 1 to 65535", "5061", "TLS port.", ""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_number(v, l.tls_port, 1, 65535); }},
    {{"transports", "list of texts", "udp, tcp, tls", "[\"udp\", \"tcp\"]",
      "What is listened for. With tls, the options below are those of TLS 1.2 and 1.3; an "
      "interface "
      "has one listener with tls.",
      ""},
     [](const TomlValue& v, SipListenerConfig& l) {
       return read_word_set(v, l.transports, kTransportWords);
     }},
    {{"certificate", "text", "absolute path of a PEM file", "required with tls",
      "Our certificate on this interface, with those between it and its root behind it; shown to "
      "phones, and to the centre when we connect. Read again on SIGHUP, as are the two files "
      "below and the centre's ca.",
      "#\"/etc/holdfast/tls/lan.pem\""},
     [](const TomlValue& v, SipListenerConfig& l) {
       return read_path(v, l.certificate, kMaxFilePath);
     }},
    {{"key", "text", "absolute path of a PEM file", "required with tls", "Its private key.",
      "#\"/etc/holdfast/tls/lan.key\""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_path(v, l.key, kMaxFilePath); }},
    {{"client-ca", "text", "absolute path of a PEM file", "none",
      "Whoever connects by TLS needs a certificate that one of these has signed. None: no "
      "certificate is asked for.",
      "#\"/etc/holdfast/tls/phones-ca.pem\""},
     [](const TomlValue& v, SipListenerConfig& l) {
       return read_path(v, l.client_ca, kMaxFilePath);
     }},
    {{"tls-legacy", "true or false", "true, false", "false",
      "For phones that know no better: TLS 1.0 and 1.1, short keys, SHA-1 and old ciphers are "
      "taken too.",
      ""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_flag(v, l.tls_legacy); }},
    {{"faces", "text", "phones, centre, both", "\"phones\"",
      "Who is there: the branch's phones and gateways, the centre, or both (a one-armed box).", ""},
     [](const TomlValue& v, SipListenerConfig& l) { return read_word(v, l.faces, kFaces); }},
};

}  // namespace

std::span<const Option<SipConfig>> sip_options() {
  return kSip;
}
std::span<const Option<SipListenerConfig>> sip_listener_options() {
  return kListener;
}
std::span<const std::string_view> transport_words() {
  return kTransportWords;
}
std::string_view to_string(Faces value) {
  return kFaces[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
