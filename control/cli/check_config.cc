// SPDX-License-Identifier: Apache-2.0
// holdfast check-config: reads a configuration file and says what is wrong with it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "control/cli/command.hh"
#include "control/cli/table.hh"
#include "control/config/site_config.hh"
#include "control/config/srtp_warnings.hh"

namespace holdfast::cli {
namespace {

void print_interfaces(const config::DataplaneConfig& config) {
  Table table(
      {"INTERFACE", "TAKE", "DRIVER", "DEVICE", ">VLAN", "MEDIA ADDRESSES", "PORTS", ">LEGS"});
  for (const auto& i : config.interfaces) {
    std::string addresses;
    for (const auto& ip : i.media_addresses)
      addresses += (addresses.empty() ? "" : " ") + ip.to_string();
    table.add({i.name, std::string(to_string(i.take)), std::string(to_string(i.driver)), i.device,
               i.vlan == 0 ? "" : std::to_string(i.vlan), addresses,
               std::to_string(i.media_ports.first) + "-" + std::to_string(i.media_ports.last),
               std::to_string(i.leg_capacity())});
  }
  print("\n" + table.to_string());
}

void print_sip(const config::DaemonConfig& config) {
  Table listeners({"SIP LISTENER", "TRANSPORT", "INTERFACE", "FACES"});
  for (const auto& l : config.listeners) {
    for (const auto& ip : l.addresses) {
      for (const auto transport : config::kTransports) {
        if (!l.has(transport)) continue;
        listeners.add({SocketAddress{ip, l.port_of(transport)}.to_string(),
                       std::string(sip::name_of(transport)), l.interface,
                       std::string(config::to_string(l.faces))});
      }
    }
  }
  print("\n" + listeners.to_string());
  Table hops({"NEXT HOP", "ADDRESS", "TRANSPORT", "INTERFACE"});
  const auto& centre = config.centre;
  const std::string transport(sip::name_of(centre.transport));
  for (const auto& server : centre.servers)
    hops.add({"centre", server.to_string(), transport, centre.interface});
  if (!centre.srv_name.empty())
    hops.add({"centre", "SRV of " + centre.srv_name, transport, centre.interface});
  for (const auto& g : config.gateways)
    hops.add({"gateway " + g.name, g.address.to_string(), std::string(sip::name_of(g.transport)),
              g.interface});
  print("\n" + hops.to_string());
}

// "-": as the built-in class of each file, or its origin, says.
std::string classes_table(const config::ProvisionSections& config) {
  Table classes({"CLASS", "SHARED", "KIND", ">REVALIDATE S"});
  for (const auto& c : config.classes) {
    classes.add({c.match,
                 !c.shared   ? "-"
                 : *c.shared ? "yes"
                             : "no",
                 c.kind.empty() ? "-" : c.kind,
                 c.revalidate_s ? std::to_string(*c.revalidate_s) : "-"});
  }
  return classes.to_string();
}

void print_provision(const config::ProvisionSections& config) {
  Table listeners({"PROVISION LISTENER", "SCHEME", "INTERFACE", "ORIGIN", "CLIENT CERTIFICATES"});
  for (const auto& l : config.listeners) {
    for (const auto& ip : l.addresses) {
      listeners.add({SocketAddress{ip, l.port}.to_string(),
                     std::string(l.tls ? "https" : "http") + (l.legacy ? ", legacy" : ""),
                     l.interface, l.origin, std::string(to_string(l.client_certificate))});
    }
  }
  for (const auto& t : config.tftps)
    for (const auto& ip : t.addresses)
      listeners.add({SocketAddress{ip, t.port}.to_string(), "tftp", t.interface, t.origin, "none"});
  print("\n" + listeners.to_string());
  Table origins({"ORIGIN", "URL", "PROFILE", "STORE", "SERVE STALE", "OWNER CHECK"});
  for (const auto& o : config.origins) {
    const auto of_phones = [&](std::string_view word) {
      return o.profile == config::CacheProfile::kRfc ? "-" : std::string(word);
    };
    origins.add({o.name, o.url.to_string(), std::string(to_string(o.profile)),
                 of_phones(to_string(o.store)), of_phones(to_string(o.serve_stale)),
                 of_phones(to_string(o.owner_check))});
  }
  print("\n" + origins.to_string());
  if (!config.classes.empty()) print("\n" + classes_table(config));
}

bool names_certificates(const config::SiteConfig& site) {
  const auto has_tls = [](const auto& l) { return l.has(sip::Transport::tls); };
  if (site.daemon &&
      std::any_of(site.daemon->listeners.begin(), site.daemon->listeners.end(), has_tls))
    return true;
  if (!site.provision) return false;
  const auto& [provision, listeners, tftps, origins, classes] = *site.provision;
  return std::any_of(listeners.begin(), listeners.end(), [](const auto& l) { return l.tls; }) ||
         std::any_of(origins.begin(), origins.end(),
                     [](const auto& o) { return !o.ca.empty() || !o.client_certificate.empty(); });
}

void run_check(Context& context, const std::string& path) {
  const auto site = config::load_site(path);
  if (!site) {
    const auto lines = site.error().to_string() + "\n";
    std::fwrite(lines.data(), 1, lines.size(), stderr);
    context.status = kDidNotHold;
    return;
  }
  print(path + " is good: at most " + std::to_string(site->dataplane.max_legs) +
        " legs, control socket " + site->dataplane.control_socket + "\n");
  if (!site->daemon) print("It is none for holdfastd, which needs [centre] too.\n");
  print_interfaces(site->dataplane);
  if (site->daemon) print_sip(*site->daemon);
  if (site->provision) print_provision(*site->provision);
  for (const auto& each : config::srtp_warnings_of(*site))
    print("\nwarning: " + each.to_string() + "\n");
  if (names_certificates(*site))
    print("\nCertificates and keys that are named are not looked at here: holdfast doctor does.\n");
}

}  // namespace

void add_check_config_command(CLI::App& app, Context& context) {
  auto* check = app.add_subcommand("check-config", "check the configuration file of all daemons");
  auto path = std::make_shared<std::string>();
  check->add_option("FILE", *path, "TOML file")->required();
  check->callback([&context, path] { run_check(context, *path); });
}

}  // namespace holdfast::cli
