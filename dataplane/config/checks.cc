// SPDX-License-Identifier: Apache-2.0
// Checks across options, with the line of the option that is to blame.
#include "dataplane/config/checks.hh"

#include <cctype>

#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

// 0000:03:00.0, or without the domain.
bool is_pci_address(std::string_view text) {
  if (text.size() == 12 && text[4] == ':') {
    for (const char c : text.substr(0, 4)) {
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return false;
    }
    text.remove_prefix(5);
  }
  constexpr std::string_view kShape = "xx:xx.7";
  if (text.size() != kShape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits = kShape[i] == 'x'   ? std::isxdigit(static_cast<unsigned char>(text[i])) != 0
                      : kShape[i] == '7' ? text[i] >= '0' && text[i] <= '7'
                                         : text[i] == kShape[i];
    if (!fits) return false;
  }
  return true;
}

void check_device(const InterfaceConfig& c, const Places& places, Faults& faults) {
  const bool takes_device = c.driver != Driver::kRing && c.driver != Driver::kNull;
  const std::string driver(to_string(c.driver));
  if (!takes_device) {
    if (places.has("device")) {
      faults.add(places, "device", "driver " + driver + " has no device; remove this line");
    }
    return;
  }
  if (!places.has("device")) {
    faults.add(places, "device", "is missing; driver " + driver + " needs it");
    return;
  }
  std::string_view wanted;
  switch (c.driver) {
    case Driver::kVirtioUser:
    case Driver::kVhost:
      if (c.device.empty() || c.device[0] != '/') wanted = "the absolute path of a UNIX socket";
      break;
    case Driver::kPci:
      if (!is_pci_address(c.device)) wanted = "a PCI address such as 0000:03:00.0";
      break;
    default:
      if (!is_netdev_name(c.device)) wanted = "the name of a network device, see ip link";
  }
  if (!wanted.empty()) {
    faults.add(
        places, "device",
        quoted(c.device) + " does not suit driver " + driver + "; give " + std::string(wanted));
  }
}

bool has_own_mac(Driver driver) {
  return driver == Driver::kAfXdp || driver == Driver::kAfPacket || driver == Driver::kPci;
}

// Reports each value of `option` that an earlier interface has too.
template <typename Get>
void check_unique(const DataplaneConfig& config, const std::vector<Places>& places,
                  std::string_view option, Get get, Faults& faults) {
  for (size_t i = 1; i < config.interfaces.size(); ++i) {
    const std::string value = get(config.interfaces[i]);
    if (value.empty()) continue;
    for (size_t k = 0; k < i; ++k) {
      if (get(config.interfaces[k]) != value) continue;
      faults.add(places[i], option,
                 quoted(value) + " is that of line " + std::to_string(places[k].line_of(option)) +
                     " too; choose another");
      break;
    }
  }
}

void check_addresses(const DataplaneConfig& config, const std::vector<Places>& places,
                     Faults& faults) {
  std::vector<IpAddress> seen;
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    for (const auto& ip : config.interfaces[i].media_addresses) {
      if (std::find(seen.begin(), seen.end(), ip) != seen.end()) {
        faults.add(places[i], "media-addresses",
                   ip.to_string() + " is named twice; each address belongs to one interface");
      }
      seen.push_back(ip);
    }
  }
}

}  // namespace

bool Places::has(std::string_view option) const {
  return std::any_of(options.begin(), options.end(),
                     [&](const auto& o) { return o.first == option; });
}

uint32_t Places::line_of(std::string_view option) const {
  for (const auto& [name, at] : options) {
    if (name == option) return at;
  }
  return line;
}

void Faults::add(uint32_t line, std::string key, std::string what) {
  if (errors_.size() < kMaxErrors) {
    errors_.push_back({file_, line, std::move(key), std::move(what)});
  } else {
    ++left_out_;
  }
}

void Faults::add(const Places& places, std::string_view option, std::string what) {
  add(places.line_of(option), places.section + "." + std::string(option), std::move(what));
}

ConfigErrors Faults::take() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
  if (left_out_ > 0) {
    errors_.push_back({file_, 0, "", "and " + std::to_string(left_out_) + " more errors"});
  }
  return {std::move(errors_)};
}

void complete_interface(InterfaceConfig& c, const Places& places, Faults& faults) {
  if (!places.has("driver")) {
    c.driver = Driver::kAfXdp;
  } else if (c.take == Take::kShared && c.driver != Driver::kAfXdp) {
    faults.add(places, "driver",
               std::string(to_string(c.driver)) +
                   " cannot share a device with the kernel; use af_xdp, or set take = \"owned\"");
  }
  check_device(c, places, faults);
  if (c.mac && has_own_mac(c.driver)) {
    faults.add(places, "mac",
               "driver " + std::string(to_string(c.driver)) +
                   " uses the address of its device; remove this line");
  }
  if (places.has("pcp") && c.vlan == 0) {
    faults.add(places, "pcp", "is carried in a VLAN tag; set vlan too, or remove this line");
  }
  for (const std::string_view option : {"tap", "exception-pps"}) {
    if (c.take == Take::kShared && places.has(option)) {
      faults.add(places, option,
                 "a shared interface has no tap; remove this line, or set take = \"owned\"");
    }
  }
  if (c.take == Take::kOwned && c.tap.empty()) c.tap = "hf-" + c.name;
  const bool v6 = std::any_of(c.media_addresses.begin(), c.media_addresses.end(),
                              [](const IpAddress& ip) { return ip.is_v6(); });
  if (v6 && c.mtu < 1280) {
    faults.add(places, "mtu", "IPv6 needs 1280 bytes or more (RFC 8200 section 5)");
  }
}

void check_together(const DataplaneConfig& config, const Places& dataplane_places,
                    const std::vector<Places>& places, Faults& faults) {
  using Interface = const InterfaceConfig&;
  check_unique(
      config, places, "name", [](Interface i) { return i.name; }, faults);
  check_unique(
      config, places, "device", [](Interface i) { return i.device; }, faults);
  check_unique(
      config, places, "tap", [](Interface i) { return i.tap; }, faults);
  check_addresses(config, places, faults);

  size_t capacity = 0;
  for (const auto& interface : config.interfaces) capacity += interface.leg_capacity();
  if (dataplane_places.has("max-legs") && config.max_legs > capacity && capacity > 0) {
    faults.add(dataplane_places, "max-legs",
               "the media-ports of all interfaces hold " + std::to_string(capacity) +
                   " legs, not " + std::to_string(config.max_legs) +
                   "; widen media-ports or lower max-legs");
  }
}

}  // namespace holdfast::config
