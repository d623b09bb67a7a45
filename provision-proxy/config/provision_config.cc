// SPDX-License-Identifier: Apache-2.0
// Reads the sections of holdfast-provision, and checks what goes together.
#include "provision-proxy/config/provision_config.hh"

#include <algorithm>

#include "dataplane/config/section.hh"
#include "provision-proxy/config/provision_options.hh"

namespace holdfast::config {
namespace {

struct ProvisionPlaces {
  Places provision{"provision", 0, {}};
  std::vector<Places> listeners, tftps, origins, classes;  // parallel to those of ProvisionSections
};

template <typename Section>
std::string names_of(const std::vector<Section>& sections) {
  std::string names;
  for (const auto& s : sections) names += (names.empty() ? "" : ", ") + s.name;
  return names.empty() ? "none" : names;
}

void complete_listener_tls(const ProvisionListenerConfig& listener, const Places& places,
                           Faults& faults) {
  if (!listener.tls) {
    for (const std::string_view option :
         {"certificate", "key", "client-ca", "client-certificate", "ignore-expiry", "legacy"}) {
      if (places.has(option)) {
        faults.add(places, option, "is for TLS; set tls = true, or remove this line");
      }
    }
    return;
  }
  for (const std::string_view option : {"certificate", "key"}) {
    if (!places.has(option)) faults.add(places, option, "is missing; tls needs it");
  }
  const bool asks = listener.client_certificate != ClientCertificate::kNone;
  if (asks && listener.client_ca.empty()) {
    faults.add(places, "client-certificate",
               quoted(to_string(listener.client_certificate)) +
                   " needs client-ca, else no certificate is a good one");
  }
  if (!asks && places.has("client-ca")) {
    faults.add(places, "client-ca", "is not used; set client-certificate = \"ask\" or \"require\"");
  }
  if (!asks && listener.ignore_expiry) {
    faults.add(places, "ignore-expiry",
               "is about the phones' certificates; set client-certificate = \"ask\" or "
               "\"require\"");
  }
}

// Where the kernel gets what is not media: from the tap of an owned port, else from the device
// itself. Of a tagged one that would be its VLAN device, whose name is the kernel's matter.
std::string kernel_device(const InterfaceConfig& interface) {
  if (interface.take == Take::kOwned) return interface.tap;
  return interface.vlan == 0 ? interface.device : "";
}

// What [[provision-listener]] and [[provision-tftp]] have in common. The interface, or null.
template <typename Listener>
const InterfaceConfig* complete_place(Listener& listener, const ProvisionSections& sections,
                                      const DataplaneConfig& dataplane, const Places& places,
                                      Faults& faults) {
  const auto* interface = dataplane.find_interface(listener.interface);
  if (interface != nullptr) {
    if (!places.has("addresses")) listener.addresses = interface->media_addresses;
    if (!places.has("device")) listener.device = kernel_device(*interface);
  } else if (places.has("interface")) {
    faults.add(places, "interface",
               "no [[interface]] is called " + quoted(listener.interface) + "; there are " +
                   names_of(dataplane.interfaces));
  }
  if (!places.has("origin") && sections.origins.size() == 1) {
    listener.origin = sections.origins[0].name;
  } else if (!places.has("origin") && sections.origins.size() > 1) {
    faults.add(places, "origin",
               "is missing; say which of the origins is served: " + names_of(sections.origins));
  } else if (places.has("origin") && sections.find_origin(listener.origin) == nullptr) {
    faults.add(places, "origin",
               "no [[provision-origin]] is called " + quoted(listener.origin) + "; there are " +
                   names_of(sections.origins));
  }
  return interface;
}

// Adds where it listens to what is taken.
template <typename Listener>
void check_taken(const Listener& listener, std::string_view section,
                 std::vector<SocketAddress>& taken, const Places& places, Faults& faults) {
  for (const auto& ip : listener.addresses) {
    const SocketAddress here{ip, listener.port};
    if (std::find(taken.begin(), taken.end(), here) != taken.end()) {
      faults.add(places, "addresses",
                 here.to_string() + " is taken by an earlier [[" + std::string(section) +
                     "]] too; choose another");
    }
    taken.push_back(here);
  }
}

void check_listeners(ProvisionSections& sections, const DataplaneConfig& dataplane,
                     const std::vector<Places>& places, Faults& faults) {
  std::vector<SocketAddress> taken;
  for (size_t i = 0; i < sections.listeners.size(); ++i) {
    auto& listener = sections.listeners[i];
    complete_place(listener, sections, dataplane, places[i], faults);
    if (listener.tls && !places[i].has("port")) listener.port = kProvisionHttpsPort;
    complete_listener_tls(listener, places[i], faults);
    check_taken(listener, "provision-listener", taken, places[i], faults);
  }
}

void check_tftps(ProvisionSections& sections, const DataplaneConfig& dataplane,
                 const std::vector<Places>& places, Faults& faults) {
  std::vector<SocketAddress> taken;
  for (size_t i = 0; i < sections.tftps.size(); ++i) {
    auto& tftp = sections.tftps[i];
    if (const auto* interface = complete_place(tftp, sections, dataplane, places[i], faults)) {
      if (!places[i].has("max-block-bytes"))
        tftp.max_block_bytes = static_cast<uint16_t>(interface->mtu - kTftpOverheadBytes);
      tftp.media_ports = interface->media_ports;
      const bool of_media = std::ranges::any_of(tftp.addresses, [&](const IpAddress& ip) {
        return std::ranges::find(interface->media_addresses, ip) !=
               interface->media_addresses.end();
      });
      if (of_media && tftp.port >= tftp.media_ports.first && tftp.port <= tftp.media_ports.last)
        faults.add(places[i], "port",
                   std::to_string(tftp.port) +
                       " is one of the interface's media-ports, which the kernel does not see; "
                       "choose another");
    }
    if (tftp.max_transfers_per_address > tftp.max_transfers &&
        places[i].has("max-transfers-per-address"))
      faults.add(
          places[i], "max-transfers-per-address",
          std::to_string(tftp.max_transfers_per_address) + " is above max-transfers; lower it");
    check_taken(tftp, "provision-tftp", taken, places[i], faults);
  }
}

void check_origins(const ProvisionSections& sections, const std::vector<Places>& places,
                   Faults& faults) {
  for (size_t i = 0; i < sections.origins.size(); ++i) {
    const auto& origin = sections.origins[i];
    if (sections.find_origin(origin.name) != &origin && places[i].has("name")) {
      faults.add(places[i], "name",
                 quoted(origin.name) + " is an earlier origin too; choose another");
    }
    for (const std::string_view option :
         {"store", "serve-stale", "owner-check", "enumeration-limit"}) {
      if (origin.profile == CacheProfile::kRfc && places[i].has(option)) {
        faults.add(places[i], option,
                   "does nothing with profile = \"rfc\", which knows neither phones nor contracts; "
                   "remove this line");
      }
    }
    for (const std::string_view option : {"ca", "client-certificate", "client-key"}) {
      if (!origin.url.tls && places[i].has("url") && places[i].has(option)) {
        faults.add(places[i], option, "is for an https:// url; remove this line");
      }
    }
    if (origin.client_certificate.empty() != origin.client_key.empty()) {
      faults.add(places[i], origin.client_key.empty() ? "client-key" : "client-certificate",
                 "is missing; client-certificate and client-key go together");
    }
  }
}

void check_classes(const ProvisionSections& sections, const std::vector<Places>& places,
                   Faults& faults) {
  for (size_t i = 0; i < sections.classes.size(); ++i) {
    const auto& row = sections.classes[i];
    if (row.shared.value_or(false) && row.match.find("{mac}") != std::string::npos) {
      faults.add(places[i], "shared",
                 quoted(row.match) +
                     " is about files with a phone's MAC in their path, which are never shared; "
                     "remove this line");
    }
    for (size_t k = 0; k < i; ++k) {
      if (sections.classes[k].match != sections.classes[i].match || !places[i].has("match"))
        continue;
      faults.add(places[i], "match",
                 quoted(sections.classes[i].match) + " is that of line " +
                     std::to_string(places[k].line_of("match")) + " too, which is tried first");
      break;
    }
  }
}

void check_provision(ProvisionSections& sections, const DataplaneConfig& dataplane,
                     const ProvisionPlaces& places, Faults& faults) {
  check_listeners(sections, dataplane, places.listeners, faults);
  check_tftps(sections, dataplane, places.tftps, faults);
  check_origins(sections, places.origins, faults);
  check_classes(sections, places.classes, faults);
  if (sections.provision.max_connections_per_address > sections.provision.max_connections &&
      places.provision.has("max-connections-per-address")) {
    faults.add(places.provision, "max-connections-per-address",
               std::to_string(sections.provision.max_connections_per_address) +
                   " is above max-connections; lower it");
  }
  if (sections.listeners.empty()) {
    faults.add(0, "provision-listener",
               "is missing; holdfast-provision needs a [[provision-listener]]");
  }
  if (sections.origins.empty()) {
    faults.add(0, "provision-origin",
               "is missing; holdfast-provision needs a [[provision-origin]]");
  }
}

}  // namespace

const ProvisionOriginConfig* ProvisionSections::find_origin(std::string_view name) const {
  const auto found =
      std::find_if(origins.begin(), origins.end(), [&](const auto& o) { return o.name == name; });
  return found == origins.end() ? nullptr : &*found;
}

std::optional<ProvisionSections> read_provision_sections(const TomlTable& document,
                                                         const DataplaneConfig& dataplane,
                                                         Faults& faults) {
  ProvisionSections sections;
  ProvisionPlaces places;
  bool any = false;
  for (const auto& entry : document) {
    any |= std::find(std::begin(kProvisionSections), std::end(kProvisionSections), entry.key) !=
           std::end(kProvisionSections);
    if (entry.key == "provision")
      read_once(entry, provision_options(), sections.provision, places.provision, faults);
    if (entry.key == "provision-listener")
      read_list(entry, provision_listener_options(), kMaxProvisionListeners, sections.listeners,
                places.listeners, faults);
    if (entry.key == "provision-tftp")
      read_list(entry, provision_tftp_options(), kMaxProvisionTftps, sections.tftps, places.tftps,
                faults);
    if (entry.key == "provision-origin")
      read_list(entry, provision_origin_options(), kMaxProvisionOrigins, sections.origins,
                places.origins, faults);
    if (entry.key == "provision-class")
      read_list(entry, provision_class_options(), kMaxProvisionClasses, sections.classes,
                places.classes, faults);
  }
  if (!any) return std::nullopt;
  // Else half of what it would say follows from what was said.
  if (faults.none()) check_provision(sections, dataplane, places, faults);
  return sections;
}

Result<ProvisionFile, ConfigErrors> parse_provision(std::string_view text, std::string_view name) {
  const auto document = read_config_document(text, name);
  if (!document) return document.error();
  Faults faults(name);
  ProvisionFile file{read_dataplane_sections(*document, faults).config, {}, {}};
  read_dns_section(*document, file.dns, faults);
  auto sections = read_provision_sections(*document, file.dataplane, faults);
  if (!sections) {
    faults.add(0, "provision-listener",
               "is missing; holdfast-provision needs a [[provision-listener]]");
  } else {
    file.sections = std::move(*sections);
  }
  if (!faults.none()) return faults.take();
  return file;
}

bool serves_nothing(const std::string& path) {
  const auto text = read_config_text(path);
  const auto document = text ? read_config_document(*text, path) : text.error();
  return document && std::none_of(document->begin(), document->end(), [](const auto& entry) {
           return entry.key.starts_with("provision");
         });
}

Result<ProvisionFile, ConfigErrors> load_provision(const std::string& path) {
  const auto text = read_config_text(path);
  if (!text) return text.error();
  return parse_provision(*text, path);
}

}  // namespace holdfast::config
