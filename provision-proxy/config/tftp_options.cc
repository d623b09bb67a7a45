// SPDX-License-Identifier: Apache-2.0
// The options of [[provision-tftp]].
#include "dataplane/config/addresses.hh"
#include "provision-proxy/config/provision_options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;
using Tftp = ProvisionTftpConfig;

constexpr size_t kMaxRoot = 100;
constexpr size_t kMaxDevice = 15;     // IFNAMSIZ, less the closing zero
constexpr int64_t kMinBlock = 512;    // what a client that names none takes
constexpr int64_t kMaxBlock = 65464;  // RFC 2348
constexpr int64_t kMaxWindow = 64;

// Kept without a slash at its end: every name begins with one.
Wrong read_root(const TomlValue& value, Tftp& tftp) {
  std::string root;
  if (auto wrong = read_path(value, root, kMaxRoot)) return wrong;
  if (root.ends_with('/')) root.pop_back();
  std::string_view rest = root;
  while (!rest.empty()) {  // "/segment" after "/segment"
    rest.remove_prefix(1);
    const auto segment = rest.substr(0, rest.find('/'));
    if (segment.empty() || segment == "." || segment == "..")
      return quoted(root) + " is no plain path: it has an empty part, . or ..";
    for (const char c : segment)
      if (c <= 0x20 || c >= 0x7f || std::string_view("\\%?#").find(c) != std::string_view::npos)
        return quoted(root) + " has a character that a path of the origin does not have";
    rest.remove_prefix(segment.size());
  }
  tftp.root = std::move(root);
  return std::nullopt;
}

const Option<Tftp> kTftp[] = {
    {{"interface", "text", "name of an [[interface]]", "required",
      "The interface behind which the phones are.", "\"lan\""},
     [](const TomlValue& v, Tftp& t) { return read_text(v, t.interface, 11); }},
    {{"device", "text", "name of a network device, or empty", "that of the interface",
      "Only what comes in at this device of the kernel is served; empty: at any. It is the tap of "
      "an owned interface, and the device of a shared one; a shared one with a vlan has none "
      "unless it is written here, as \"eth1.100\".",
      "#\"eth1\""},
     [](const TomlValue& v, Tftp& t) { return read_text(v, t.device, kMaxDevice); }},
    {{"addresses", "list of texts", "1 to 8 unicast addresses", "the interface's media-addresses",
      "Our addresses on which phones are served. The kernel has to have them.",
      "#[\"198.18.1.2\", \"2001:db8:1::2\"]"},
     [](const TomlValue& v, Tftp& t) { return read_listen_addresses(v, t.addresses); }},
    {{"port", "whole number", "port, 1 to 65535", "69",
      "UDP port. Phones in recovery mode know no other than 69.", ""},
     [](const TomlValue& v, Tftp& t) { return read_number(v, t.port, 1, 65535); }},
    {{"origin", "text", "name of a [[provision-origin]]", "the only one",
      "Whose files are served here.", "#\"centre\""},
     [](const TomlValue& v, Tftp& t) { return read_text(v, t.origin, 64); }},
    {{"root", "text", "absolute path of the origin's, at most 100 bytes", "\"/\"",
      "The origin's folder in which names are looked for: with \"/firmware\", a phone that asks "
      "for "
      "`sip100.img` gets /firmware/sip100.img.",
      "#\"/firmware\""},
     read_root},
    {{"max-transfers", "whole number", "transfers, 1 to 1024", "64",
      "Transfers at a time; one more is answered with an error.", ""},
     [](const TomlValue& v, Tftp& t) { return read_number(v, t.max_transfers, 1, 1024); }},
    {{"max-transfers-per-address", "whole number", "transfers, 1 to 1024", "8",
      "The same for one source address.", ""},
     [](const TomlValue& v, Tftp& t) {
       return read_number(v, t.max_transfers_per_address, 1, 1024);
     }},
    {{"max-block-bytes", "whole number", "bytes, 512 to 65464", "the interface's mtu less 32",
      "The largest block that is granted to a client that asks for large ones (RFC 2348); over "
      "IPv6 "
      "20 bytes less. What does not fit the mtu comes in fragments, which boot loaders may not put "
      "together.",
      "#1468"},
     [](const TomlValue& v, Tftp& t) {
       return read_number(v, t.max_block_bytes, kMinBlock, kMaxBlock);
     }},
    {{"max-window-blocks", "whole number", "blocks, 1 to 64", "16",
      "The largest window (RFC 7440) that is granted: blocks on their way without an "
      "acknowledgement.",
      ""},
     [](const TomlValue& v, Tftp& t) {
       return read_number(v, t.max_window_blocks, 1, kMaxWindow);
     }},
};

}  // namespace

std::span<const Option<Tftp>> provision_tftp_options() {
  return kTftp;
}

}  // namespace holdfast::config
