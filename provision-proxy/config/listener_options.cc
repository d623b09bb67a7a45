// SPDX-License-Identifier: Apache-2.0
// The options of [[provision-listener]].
#include "provision-proxy/config/provision_options.hh"

#include "dataplane/config/addresses.hh"

namespace holdfast::config {
namespace {

using Listener = ProvisionListenerConfig;

constexpr size_t kMaxPath = 4096;
constexpr size_t kMaxDevice = 15;  // IFNAMSIZ, less the closing zero
constexpr std::string_view kClientCertificate[] = {"none", "ask", "require"};

const Option<Listener> kListener[] = {
    {{"interface", "text", "name of an [[interface]]", "required",
      "The interface behind which the phones are.", "\"lan\""},
     [](const TomlValue& v, Listener& l) { return read_text(v, l.interface, 11); }},
    {{"device", "text", "name of a network device, or empty", "that of the interface",
      "Only what comes in at this device of the kernel is served; empty: at any. It is the tap of "
      "an owned interface, and the device of a shared one; a shared one with a vlan has none "
      "unless it is written here, as \"eth1.100\".",
      "#\"eth1\""},
     [](const TomlValue& v, Listener& l) { return read_text(v, l.device, kMaxDevice); }},
    {{"addresses", "list of texts", "1 to 8 unicast addresses", "the interface's media-addresses",
      "Our addresses on which phones are served. The kernel has to have them.",
      "#[\"198.18.1.2\", \"2001:db8:1::2\"]"},
     [](const TomlValue& v, Listener& l) { return read_listen_addresses(v, l.addresses); }},
    {{"port", "whole number", "port, 1 to 65535", "plain 8088, tls 8089", "TCP port.", "#8088"},
     [](const TomlValue& v, Listener& l) { return read_number(v, l.port, 1, 65535); }},
    {{"origin", "text", "name of a [[provision-origin]]", "the only one",
      "Whose files are served here.", "#\"centre\""},
     [](const TomlValue& v, Listener& l) { return read_text(v, l.origin, 64); }},
    {{"tls", "true or false", "true, false", "false",
      "HTTPS, with TLS 1.2 and 1.3. The options below are for such a listener only.", ""},
     [](const TomlValue& v, Listener& l) { return read_flag(v, l.tls); }},
    {{"certificate", "text", "absolute path of a PEM file", "required with tls",
      "Our certificate, with those between it and its root behind it. Read again on SIGHUP, as "
      "are the two files below.",
      "#\"/etc/holdfast/provision.pem\""},
     [](const TomlValue& v, Listener& l) { return read_path(v, l.certificate, kMaxPath); }},
    {{"key", "text", "absolute path of a PEM file", "required with tls", "Its private key.",
      "#\"/etc/holdfast/provision.key\""},
     [](const TomlValue& v, Listener& l) { return read_path(v, l.key, kMaxPath); }},
    {{"client-ca", "text", "absolute path of a PEM file", "none",
      "Who signs the certificates of the phones. A phone's MAC in the common name or an "
      "alternative name of its certificate is its identity.",
      "#\"/etc/holdfast/phones-ca.pem\""},
     [](const TomlValue& v, Listener& l) { return read_path(v, l.client_ca, kMaxPath); }},
    {{"client-certificate", "text", "none, ask, require", "\"none\"",
      "`ask`: a phone may show a certificate, one that is not good counts as none; `require`: "
      "without a good one there is no connection.",
      ""},
     [](const TomlValue& v, Listener& l) {
       return read_word(v, l.client_certificate, kClientCertificate);
     }},
    {{"ignore-expiry", "true or false", "true, false", "false",
      "Take a phone's certificate that has expired, as those of old phones have, if all else about "
      "it is good.",
      ""},
     [](const TomlValue& v, Listener& l) { return read_flag(v, l.ignore_expiry); }},
    {{"legacy", "true or false", "true, false", "false",
      "For phones that know no better: TLS 1.0 and 1.1, short keys, SHA-1 and old ciphers are "
      "taken "
      "too, on this listener only.",
      ""},
     [](const TomlValue& v, Listener& l) { return read_flag(v, l.legacy); }},
};

}  // namespace

std::span<const Option<Listener>> provision_listener_options() {
  return kListener;
}
std::string_view to_string(ClientCertificate value) {
  return kClientCertificate[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
