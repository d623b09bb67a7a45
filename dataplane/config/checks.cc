// SPDX-License-Identifier: Apache-2.0
// Checks across options, with the line of the option that is to blame.
#include "dataplane/config/checks.hh"

#include <cctype>
#include <optional>

#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

// "0000:0a:00.0" for that, for 0A:00.0 and the like: DPDK names its ports so, and two spellings of
// one device must not pass for two. Nothing for what is no PCI address.
std::optional<std::string> pci_address(std::string_view given) {
  constexpr std::string_view kShape = "xxxx:xx:xx.7";
  std::string text(given);
  if (text.size() + 5 == kShape.size()) text.insert(0, "0000:");
  if (text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool fits = kShape[i] == 'x'   ? std::isxdigit(byte) != 0
                      : kShape[i] == '7' ? byte >= '0' && byte <= '7'
                                         : text[i] == kShape[i];
    if (!fits) return std::nullopt;
    text[i] = static_cast<char>(std::tolower(byte));
  }
  return text;
}

void check_device(InterfaceConfig& c, const Places& places, Faults& faults) {
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
    case Driver::kMemif:
      if (c.device.empty() || c.device[0] != '/') wanted = "the absolute path of a UNIX socket";
      break;
    case Driver::kPci:
      if (auto address = pci_address(c.device)) {
        c.device = std::move(*address);
      } else {
        wanted = "a PCI address such as 0000:03:00.0";
      }
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

// A local address that is the same at each start, so that the neighbours' caches stay true.
MacAddress lasting_mac(const InterfaceConfig& c) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char byte : c.name + '\n' + c.device)
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  MacAddress mac;
  mac.bytes[0] = 0x02;
  for (size_t i = 1; i < mac.bytes.size(); ++i, hash >>= 8)
    mac.bytes[i] = static_cast<uint8_t>(hash);
  return mac;
}

void check_mac(InterfaceConfig& c, const Places& places, Faults& faults) {
  if (c.mac && !on_socket(c.driver)) {
    faults.add(places, "mac",
               "driver " + std::string(to_string(c.driver)) +
                   " cannot be given an address, only virtio_user, vhost and memif can; remove "
                   "this line");
  } else if (!c.mac && (c.driver == Driver::kVirtioUser || c.driver == Driver::kMemif)) {
    c.mac = lasting_mac(c);
  }
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

std::string needs_of_cpus(const DataplaneConfig& config) {
  const size_t cpus = config.cpus.size();
  return std::to_string(cpus) + (cpus == 1 ? " CPU needs " : " CPUs need ") +
         std::to_string(kMinLegsPerCpu * cpus);
}

// The lcores divide the ports and the legs among them; one that got too few for a call would leave
// callers without media.
void check_ports_of_cpus(const DataplaneConfig& config, const std::vector<Places>& places,
                         Faults& faults) {
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const uint32_t pairs = config.interfaces[i].media_ports.pairs();
    if (pairs >= kMinLegsPerCpu * config.cpus.size()) continue;
    faults.add(places[i], "media-ports",
               "holds " + std::to_string(pairs) + " pairs of ports, but " + needs_of_cpus(config) +
                   ", 2 each; widen it or name fewer cpus");
  }
}

// Each pair of queues has an lcore of its own.
void check_queues_of_cpus(const DataplaneConfig& config, const std::vector<Places>& places,
                          Faults& faults) {
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    const uint16_t queues = config.interfaces[i].queues;
    if (queues <= config.cpus.size() || !has_queues(config.interfaces[i].driver)) continue;
    faults.add(places[i], "queues",
               std::to_string(queues) + " queues need as many cpus, not " +
                   std::to_string(config.cpus.size()) + "; name more cpus or lower it");
  }
}

// All ports share the packet buffers, which the kernel takes from af_xdp if they fit a page each.
void check_packet_buffers(const DataplaneConfig& config, const std::vector<Places>& places,
                          Faults& faults) {
  const auto is_xdp = [](const InterfaceConfig& i) { return i.driver == Driver::kAfXdp; };
  const auto xdp = std::find_if(config.interfaces.begin(), config.interfaces.end(), is_xdp);
  if (xdp == config.interfaces.end()) return;
  for (size_t i = 0; i < config.interfaces.size(); ++i) {
    if (config.interfaces[i].mtu <= kMaxMtuAfXdp) continue;
    faults.add(places[i], "mtu",
               "driver af_xdp, which interface " + xdp->name +
                   " has, needs packet buffers of less than a page; choose at most " +
                   std::to_string(kMaxMtuAfXdp) + " on every interface");
  }
}

void check_max_legs(const DataplaneConfig& config, const Places& places, Faults& faults) {
  size_t capacity = 0;
  for (const auto& interface : config.interfaces) capacity += interface.leg_capacity();
  if (config.max_legs < kMinLegsPerCpu * config.cpus.size()) {
    faults.add(places, "max-legs",
               std::to_string(config.max_legs) + " legs are too few: " + needs_of_cpus(config) +
                   ", 2 each; raise it or name fewer cpus");
  } else if (places.has("max-legs") && config.max_legs > capacity && capacity > 0) {
    faults.add(places, "max-legs",
               "the media-ports of all interfaces hold " + std::to_string(capacity) +
                   " legs, not " + std::to_string(config.max_legs) +
                   "; widen media-ports or lower max-legs");
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
  if (c.take == Take::kShared && c.driver != Driver::kAfXdp) {
    faults.add(places, "driver",
               std::string(to_string(c.driver)) +
                   " cannot share a device with the kernel; use af_xdp, or set take = \"owned\"");
  }
  check_device(c, places, faults);
  check_mac(c, places, faults);
  if (places.has("memif-id") && c.driver != Driver::kMemif) {
    faults.add(places, "memif-id", "is of driver memif only; remove this line");
  }
  if (places.has("queues") && c.queues > 1 && !has_queues(c.driver)) {
    faults.add(places, "queues",
               "driver " + std::string(to_string(c.driver)) + " has one; remove this line");
  }
  for (const std::string_view option : {"pcp-audio", "pcp-video", "pcp-fax", "pcp-rtcp"}) {
    if (places.has(option) && c.vlan == 0)
      faults.add(places, option, "is carried in a VLAN tag; set vlan too, or remove this line");
  }
  for (const std::string_view option : {"tap", "exception-pps", "exception-mbps"}) {
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
  if (c.driver == Driver::kAfPacket && c.mtu > kMaxMtuAfPacket) {
    faults.add(places, "mtu",
               "driver af_packet cuts longer packets to its frames of 2048 bytes; choose at most " +
                   std::to_string(kMaxMtuAfPacket) + ", or another driver");
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

  check_ports_of_cpus(config, places, faults);
  check_queues_of_cpus(config, places, faults);
  check_packet_buffers(config, places, faults);
  check_max_legs(config, dataplane_places, faults);
}

}  // namespace holdfast::config
