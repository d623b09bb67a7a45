// SPDX-License-Identifier: Apache-2.0
// Facts for DHCP out of the configuration.
#include "control/cli/dhcp_facts.hh"

#include <algorithm>
#include <set>

namespace holdfast::cli {
namespace {

constexpr uint16_t kHttpPort = 80, kHttpsPort = 443;

// The first section at the phones' interface, or null. The error: they are at several interfaces.
template <typename Section, typename Fits>
Result<const Section*, std::string> first_at(const std::vector<Section>& sections,
                                             std::string_view interface, std::string_view what,
                                             Fits fits) {
  const Section* first = nullptr;
  for (const auto& section : sections) {
    if ((!interface.empty() && section.interface != interface) || !fits(section)) continue;
    if (first != nullptr && first->interface != section.interface)
      return "several interfaces have a [[" + std::string(what) +
             "]]: name the phones' by --interface";
    if (first == nullptr) first = &section;
  }
  return first;
}

const IpAddress* first_v4(const std::vector<IpAddress>& addresses) {
  const auto found = std::ranges::find_if(addresses, [](const auto& ip) { return ip.is_v4(); });
  return found == addresses.end() ? nullptr : &*found;
}

std::string url_of(const config::ProvisionListenerConfig& listener) {
  const auto* v4 = first_v4(listener.addresses);
  const IpAddress& ip = v4 != nullptr ? *v4 : listener.addresses.front();
  std::string url = listener.tls ? "https://" : "http://";
  url += ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
  if (listener.port != (listener.tls ? kHttpsPort : kHttpPort))
    url += ":" + std::to_string(listener.port);
  return url;
}

Result<uint16_t, std::string> vlan_of(const config::SiteConfig& site, std::string_view interface) {
  std::set<uint16_t> vlans;
  for (const auto& i : site.dataplane.interfaces)
    if (i.vlan != 0 && (interface.empty() || i.name == interface)) vlans.insert(i.vlan);
  if (vlans.size() > 1)
    return std::string("the interfaces have several VLANs: name the phones' by --interface");
  return vlans.empty() ? uint16_t{0} : *vlans.begin();
}

}  // namespace

Result<DhcpFacts, std::string> dhcp_facts(const config::SiteConfig& site,
                                          std::string_view interface, const DhcpGiven& given) {
  if (!interface.empty() && site.dataplane.find_interface(interface) == nullptr)
    return "no [[interface]] is called " + std::string(interface);
  DhcpFacts facts;
  if (given.url) {
    facts.url = *given.url;
  } else if (site.provision) {
    const auto listener = first_at(site.provision->listeners, interface, "provision-listener",
                                   [](const auto&) { return true; });
    if (!listener) return listener.error();
    if (*listener != nullptr) facts.url = url_of(**listener);
  }
  facts.tftp = given.tftp;
  if (!given.tftp && site.provision) {
    const auto tftp =
        first_at(site.provision->tftps, interface, "provision-tftp", [](const auto& section) {
          return section.port == config::kProvisionTftpPort && first_v4(section.addresses);
        });
    if (!tftp) return tftp.error();
    if (*tftp != nullptr) facts.tftp = *first_v4((*tftp)->addresses);
  }
  if (given.vlan) {
    facts.vlan = *given.vlan;
  } else {
    const auto vlan = vlan_of(site, interface);
    if (!vlan) return vlan.error();
    facts.vlan = *vlan;
  }
  return facts;
}

}  // namespace holdfast::cli
