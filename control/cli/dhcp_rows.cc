// SPDX-License-Identifier: Apache-2.0
// The options, and the two dialects.
#include "control/cli/dhcp_rows.hh"

#include <algorithm>

namespace holdfast::cli {
namespace {

using nlohmann::json;

constexpr uint8_t kTftpServer = 66;  // RFC 2132 section 9.4
constexpr uint8_t kBootFile = 67;    // RFC 2132 section 9.5
constexpr uint8_t kVoiceVlan = 132;  // of the phones, as is 160: no RFC has them so
constexpr uint8_t kProvisioning = 160;
constexpr uint16_t kMaxVlan = 4094;      // IEEE 802.1Q
constexpr size_t kMaxOptionBytes = 255;  // RFC 2132 section 2

struct Model {
  std::string_view vendor_class, image;
};
constexpr Model kModels[] = {
    {"SIP100", "sip100.img"}, {"SIP200", "sip200.img"}, {"405", "405.img"},
    {"405HD", "405hd.img"},   {"420HD", "420hd.img"},   {"430HD", "430hd.img"},
    {"440HD", "440hd.img"},
};

// What may stand in a URL (RFC 3986), less what a line of dnsmasq or an option of Kea reads
// otherwise: quotes, commas, backslashes.
bool is_plain(char c) {
  return c > 0x20 && c < 0x7f &&
         std::string_view("\"'`\\,<>{}|^#").find(c) == std::string_view::npos;
}

std::string tag_of(std::string_view vendor_class) {
  std::string tag = "holdfast-";
  for (const char c : vendor_class) tag += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return tag;
}

// The classes of the rows, each once.
std::vector<std::string> classes_of(const std::vector<DhcpRow>& rows) {
  std::vector<std::string> classes;
  for (const auto& row : rows) {
    if (row.vendor_class.empty()) continue;
    if (std::find(classes.begin(), classes.end(), row.vendor_class) == classes.end())
      classes.push_back(row.vendor_class);
  }
  return classes;
}

// The tags that a row needs: its own class, and none that has it as a part.
std::string tags_of(const DhcpRow& row, const std::vector<std::string>& classes) {
  if (row.vendor_class.empty()) return "";
  std::string tags = "tag:" + tag_of(row.vendor_class) + ",";
  for (const auto& other : classes) {
    if (other != row.vendor_class && other.find(row.vendor_class) != std::string::npos)
      tags += "tag:!" + tag_of(other) + ",";
  }
  return tags;
}

std::string kea_name(uint8_t code) {
  switch (code) {
    case kTftpServer:
      return "tftp-server-name";
    case kBootFile:
      return "boot-file-name";
    case kVoiceVlan:
      return "holdfast-voice-vlan";
    default:
      return "holdfast-provisioning-url";
  }
}

json kea_option(const DhcpRow& row) {
  return {{"name", kea_name(row.code)},
          {"code", row.code},
          {"data", row.value},
          {"always-send", true}};  // phones do not ask for every option that they read
}

}  // namespace

std::string wrong_with(const DhcpFacts& facts) {
  const std::string_view url = facts.url;
  if (url.empty() && !facts.tftp && facts.vlan == 0)
    return "there is nothing to hand out: give a URL, a TFTP server or a VLAN";
  if (!url.empty()) {
    const bool http = url.starts_with("http://") && url.size() > 7;
    const bool https = url.starts_with("https://") && url.size() > 8;
    if (!http && !https) return "the URL begins with http:// or https://, and has a host";
    if (!std::all_of(url.begin(), url.end(), is_plain))
      return "the URL has a character that DHCP servers read otherwise";
    if (url.size() > kMaxOptionBytes) return "the URL is longer than the 255 bytes of an option";
  }
  if (facts.tftp && (!facts.tftp->is_v4() || facts.tftp->is_unspecified()))
    return "the TFTP server is an IPv4 address of this box";
  if (facts.vlan > kMaxVlan) return "a VLAN is 1 to 4094";
  return "";
}

std::vector<DhcpRow> dhcp_options(const DhcpFacts& facts) {
  std::vector<DhcpRow> rows;
  if (facts.tftp) {
    for (const auto& model : kModels)
      rows.push_back({kTftpServer, facts.tftp->to_string(), std::string(model.vendor_class),
                      "TFTP server, for recovery"});
    for (const auto& model : kModels)
      rows.push_back({kBootFile, std::string(model.image), std::string(model.vendor_class),
                      "firmware file, for recovery"});
  }
  if (facts.vlan != 0)
    rows.push_back({kVoiceVlan, std::to_string(facts.vlan), "",
                    "voice VLAN, for recovery: in the native VLAN's scope"});
  if (!facts.url.empty())
    rows.push_back({kProvisioning, facts.url, "", "provisioning URL; wins over 66"});
  return rows;
}

std::string dnsmasq_lines(const std::vector<DhcpRow>& rows) {
  const auto classes = classes_of(rows);
  std::string text = "# Phones boot through Holdfast.\n";
  for (const auto& name : classes)
    text += "dhcp-vendorclass=set:" + tag_of(name) + "," + name + "\n";
  for (const auto& row : rows) {
    if (row.code == kVoiceVlan) text += "# For the scope of the native VLAN alone:\n";
    // In quotes, since dnsmasq sends bare digits and addresses as bytes. Forced, since phones do
    // not ask for every option that they read.
    text += "dhcp-option-force=" + tags_of(row, classes) + std::to_string(row.code) + ",\"" +
            row.value + "\"\n";
  }
  return text;
}

json kea_fragment(const std::vector<DhcpRow>& rows) {
  json definitions = json::array(), classes = json::array(), options = json::array();
  for (const auto& row : rows) {
    if (!row.vendor_class.empty()) continue;
    definitions.push_back(
        {{"name", kea_name(row.code)}, {"code", row.code}, {"type", "string"}, {"space", "dhcp4"}});
    options.push_back(kea_option(row));
  }
  for (const auto& name : classes_of(rows)) {
    json data = json::array();
    for (const auto& row : rows)
      if (row.vendor_class == name) data.push_back(kea_option(row));
    classes.push_back({{"name", tag_of(name)},
                       {"test", "option[60].text == '" + name + "'"},
                       {"option-data", std::move(data)}});
  }
  return {{"Dhcp4",
           {{"option-def", std::move(definitions)},
            {"client-classes", std::move(classes)},
            {"option-data", std::move(options)}}}};
}

}  // namespace holdfast::cli
