// SPDX-License-Identifier: Apache-2.0
// Each driver: is it in the installed DPDK, and has the kernel what it stands on?
#include <algorithm>
#include <array>

#include "control/doctor/checks.hh"
#include "dataplane/host/pci_device.hh"

namespace holdfast::doctor {
namespace {

using config::Driver;

// Drivers of network cards in DPDK that take a card from the kernel; one is enough to try `pci`.
constexpr std::array<std::string_view, 10> kCards = {
    "net_ixgbe", "net_i40e", "net_ice", "net_e1000",  "net_igc",
    "net_mlx5",  "net_bnxt", "net_ena", "net_virtio", "net_vmxnet3"};

bool is_configured(const config::SiteConfig* site, Driver driver) {
  return site != nullptr &&
         std::any_of(site->dataplane.interfaces.begin(), site->dataplane.interfaces.end(),
                     [&](const auto& i) { return i.driver == driver; });
}

bool has_protocol(const Machine& machine, std::string_view name) {
  const auto protocols = machine.read("/proc/net/protocols");
  return protocols && ("\n" + *protocols).find("\n" + std::string(name) + " ") != std::string::npos;
}

// One driver's row, as the reasons against it come up.
struct Finding {
  std::string why, todo;
  void against(std::string reason, std::string remedy) {
    if (why.empty()) why = std::move(reason), todo = std::move(remedy);
  }
};

// Debian's name of it.
std::string package_of(std::string_view driver) {
  std::string name = "librte-" + std::string(driver) + "23";
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void need_dpdk(const Machine& machine, std::string_view name, Finding& finding) {
  if (has_dpdk_driver(machine, name)) return;
  finding.against("the installed DPDK has no driver " + std::string(name),
                  "install the package " + package_of(name));
}

void check_af_xdp(const Machine& machine, Finding& finding) {
  if (!has_protocol(machine, "XDP"))
    finding.against("the kernel has no AF_XDP sockets",
                    "use a kernel with CONFIG_XDP_SOCKETS, or driver af_packet");
  need_dpdk(machine, "net_af_xdp", finding);
}

void check_af_packet(const Machine& machine, Finding& finding) {
  if (!has_protocol(machine, "PACKET"))
    finding.against("the kernel has no packet sockets", "run: modprobe af_packet");
  need_dpdk(machine, "net_af_packet", finding);
}

void check_pci(const Machine& machine, const config::SiteConfig* site, Finding& finding) {
  if (std::none_of(kCards.begin(), kCards.end(),
                   [&](auto name) { return has_dpdk_driver(machine, name); }))
    finding.against("the installed DPDK has no driver of a network card", "install dpdk");
  if (is_configured(site, Driver::kPci)) {
    for (const auto& i : site->dataplane.interfaces) {
      if (i.driver != Driver::kPci) continue;
      const auto trouble = dataplane::pci_trouble(i.device, machine.root);
      if (!trouble.empty())
        finding.against("interface " + i.name + ": " + trouble, "see deploy.md");
    }
  } else if (machine.list("/sys/bus/pci/devices").empty()) {
    finding.against("this machine has no PCI devices", "use another driver");
  } else if (machine.list("/sys/kernel/iommu_groups").empty()) {
    finding.against("there is no IOMMU",
                    "switch it on in the firmware and, on Intel, with intel_iommu=on");
  } else if (!machine.exists("/sys/module/vfio_pci")) {
    finding.against("the module vfio-pci is not loaded", "run: modprobe vfio-pci");
  }
}

}  // namespace

bool has_dpdk_driver(const Machine& machine, std::string_view name) {
  const std::string file = "librte_" + std::string(name) + ".so";
  for (const std::string top : {"/usr/lib/", "/usr/local/lib/"}) {
    for (const auto& triplet : machine.list(top)) {
      std::string dpdk = top;
      dpdk.append(triplet).append("/dpdk/");
      for (const auto& version : machine.list(dpdk)) {
        const auto files = machine.list(std::string(dpdk).append(version));
        if (std::any_of(files.begin(), files.end(),
                        [&](const auto& found) { return found.starts_with(file); }))
          return true;
      }
    }
  }
  return false;
}

void check_drivers(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  Rows rows(all, "driver");
  const auto add = [&](Driver driver, std::string good, const Finding& found) {
    const std::string name(to_string(driver));
    if (found.why.empty()) return rows.ok(name, std::move(good));
    rows.refuse(name, found.why, found.todo, is_configured(site, driver));
  };
  Finding af_xdp, af_packet, virtio_user, vhost, memif, pci;
  check_af_xdp(machine, af_xdp);
  add(Driver::kAfXdp, "shared and owned: the kernel and DPDK have AF_XDP", af_xdp);
  check_af_packet(machine, af_packet);
  add(Driver::kAfPacket, "owned: for devices without XDP, slower", af_packet);
  need_dpdk(machine, "net_virtio", virtio_user);
  add(Driver::kVirtioUser, "owned: joins a vhost-user socket that another program serves",
      virtio_user);
  need_dpdk(machine, "net_vhost", vhost);
  add(Driver::kVhost, "owned: serves a vhost-user socket", vhost);
  need_dpdk(machine, "net_memif", memif);
  add(Driver::kMemif, "owned: joins a memif server's socket", memif);
  check_pci(machine, site, pci);
  if (pci.why.empty()) {
    rows.warn("pci", "owned: IOMMU and vfio-pci are there; no card has been tried with Holdfast",
              "try it on a bench before a branch depends on it");
  } else {
    add(Driver::kPci, "", pci);
  }
}

}  // namespace holdfast::doctor
