// SPDX-License-Identifier: Apache-2.0
// Reads all sections of the file through the option tables and reports all errors at once.
#include "control/config/site_config.hh"

#include <algorithm>

#include "control/config/site_checks.hh"
#include "dataplane/config/section.hh"

namespace holdfast::config {
namespace {

// A section that stands once.
template <typename Section>
void read_once(const TomlEntry& entry, std::span<const Option<Section>> options, Section& section,
               Places& places, Faults& faults) {
  places.line = entry.line;
  if (entry.value.table() == nullptr) {
    faults.add(entry.line, entry.key,
               "is a section; write [" + entry.key + "] with one pair of brackets");
    return;
  }
  read_section(*entry.value.table(), options, section, places, faults);
}

// A section that may stand several times; the key of its errors has its place, from 1.
template <typename Section>
void read_list(const TomlEntry& entry, std::span<const Option<Section>> options, size_t max,
               std::vector<Section>& sections, std::vector<Places>& all, Faults& faults) {
  const auto* list = entry.value.list();
  const bool tables = list != nullptr && std::all_of(list->begin(), list->end(), [](auto& item) {
                        return item.table() != nullptr;
                      });
  if (!tables) {
    faults.add(entry.line, entry.key,
               "is a list; write [[" + entry.key + "]] with two pairs of brackets");
    return;
  }
  if (list->size() > max) {
    faults.add(entry.line, entry.key,
               std::to_string(list->size()) + " sections; at most " + std::to_string(max) +
                   " are possible");
    return;
  }
  for (const auto& item : *list) {
    Section section;
    Places places{entry.key + "." + std::to_string(sections.size() + 1), item.line, {}};
    read_section(*item.table(), options, section, places, faults);
    sections.push_back(std::move(section));
    all.push_back(std::move(places));
  }
}

struct DaemonReading {
  DaemonConfig config;
  DaemonPlaces places;
  DialPlanSection dial_plan;
  bool any = false;  // the file has a section of holdfastd

  void read(const TomlEntry& entry, Faults& faults);
};

void DaemonReading::read(const TomlEntry& entry, Faults& faults) {
  const auto known = std::find(std::begin(kDaemonSections), std::end(kDaemonSections), entry.key);
  if (known == std::end(kDaemonSections)) return;
  any = true;
  if (entry.key == "sip") read_once(entry, sip_options(), config.sip, places.sip, faults);
  if (entry.key == "sip-listener")
    read_list(entry, sip_listener_options(), kMaxSipListeners, config.listeners, places.listeners,
              faults);
  if (entry.key == "centre")
    read_once(entry, centre_options(), config.centre, places.centre, faults);
  if (entry.key == "gateway")
    read_list(entry, gateway_options(), kMaxGateways, config.gateways, places.gateways, faults);
  if (entry.key == "dial-plan")
    read_once(entry, dial_plan_options(), dial_plan, places.dial_plan, faults);
  if (entry.key == "media") read_once(entry, media_options(), config.media, places.media, faults);
  if (entry.key == "storage")
    read_once(entry, storage_options(), config.storage, places.storage, faults);
  if (entry.key == "admin") read_once(entry, admin_options(), config.admin, places.admin, faults);
  if (entry.key == "dns") read_once(entry, dns_options(), config.dns, places.dns, faults);
}

}  // namespace

Result<SiteConfig, ConfigErrors> parse_site(std::string_view text, std::string_view name) {
  const auto document = read_config_document(text, name);
  if (!document) return document.error();
  Faults faults(name);
  SiteConfig site{read_dataplane_sections(*document, faults).config, std::nullopt};
  DaemonReading daemon;
  for (const auto& entry : *document) daemon.read(entry, faults);
  if (daemon.any) {
    const bool has_centre = std::any_of(document->begin(), document->end(),
                                        [](const auto& e) { return e.key == "centre"; });
    if (!has_centre) {
      faults.add(0, "centre", "is missing; holdfastd needs a [centre] section");
    } else if (faults.none()) {  // else half of what it would say follows from what was said
      complete_daemon(daemon.config, daemon.dial_plan, site.dataplane, daemon.places, faults);
    }
    site.daemon = std::move(daemon.config);
  }
  if (!faults.none()) return faults.take();
  return site;
}

Result<SiteConfig, ConfigErrors> load_site(const std::string& path) {
  const auto text = read_config_text(path);
  if (!text) return text.error();
  return parse_site(*text, path);
}

}  // namespace holdfast::config
