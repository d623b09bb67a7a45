// SPDX-License-Identifier: Apache-2.0
// Reads all sections of the file through the option tables and reports all errors at once.
#include "control/config/site_config.hh"

#include <algorithm>

#include "control/config/apart_checks.hh"
#include "control/config/site_checks.hh"
#include "dataplane/config/section.hh"

namespace holdfast::config {
namespace {

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
  any |= entry.key != "dns";  // which holdfast-provision has too
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
}

}  // namespace

Result<SiteConfig, ConfigErrors> parse_site(std::string_view text, std::string_view name) {
  const auto document = read_config_document(text, name);
  if (!document) return document.error();
  Faults faults(name);
  SiteConfig site{read_dataplane_sections(*document, faults).config, std::nullopt, std::nullopt};
  DaemonReading daemon;
  for (const auto& entry : *document) daemon.read(entry, faults);
  read_dns_section(*document, daemon.config.dns, faults);
  site.provision = read_provision_sections(*document, site.dataplane, faults);
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
  if (faults.none()) check_apart(site, daemon.places, faults);
  if (!faults.none()) return faults.take();
  return site;
}

Result<SiteConfig, ConfigErrors> load_site(const std::string& path) {
  const auto text = read_config_text(path);
  if (!text) return text.error();
  return parse_site(*text, path);
}

}  // namespace holdfast::config
