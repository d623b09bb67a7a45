// SPDX-License-Identifier: Apache-2.0
// Reads sysfs.
#include "dataplane/host/pci_device.hh"

#include <filesystem>
#include <string_view>

namespace holdfast::dataplane {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVfio = "vfio-pci";

std::string device_folder(const std::string& address, const std::string& root) {
  return root + "/sys/bus/pci/devices/" + address;
}

// The last part of what a link of sysfs points to; empty when there is none.
std::string target_name(const std::string& link) {
  std::error_code unknown;
  return fs::read_symlink(link, unknown).filename().string();
}

bool there(const std::string& path) {
  std::error_code unknown;
  return fs::exists(fs::symlink_status(path, unknown));
}

// These share the card with their kernel driver and need no VFIO.
bool shares_with_kernel(std::string_view driver) {
  return driver == "mlx4_core" || driver == "mlx5_core";
}

}  // namespace

std::string pci_driver(const std::string& address, const std::string& root) {
  return target_name(device_folder(address, root) + "/driver");
}

std::string pci_trouble(const std::string& address, const std::string& root) {
  const std::string folder = device_folder(address, root);
  if (!there(folder)) return "no PCI device has the address " + address + "; see lspci -D";
  const std::string driver = pci_driver(address, root);
  if (shares_with_kernel(driver)) return {};
  const std::string group = target_name(folder + "/iommu_group");
  if (group.empty()) {
    return address +
           " is behind no IOMMU; switch it on in the firmware and, on Intel, with intel_iommu=on "
           "on the kernel's command line";
  }
  if (driver != kVfio) {
    const bool loaded = there(root + "/sys/module/vfio_pci");
    return address + (driver.empty() ? " has no driver" : " is driven by " + driver) +
           ", not vfio-pci; run: " + (loaded ? "" : "modprobe vfio-pci && ") +
           "driverctl set-override " + address + " vfio-pci";
  }
  if (!there(root + "/dev/vfio/" + group)) {
    return "there is no /dev/vfio/" + group + " for " + address +
           "; let this process see /dev/vfio (a container or a unit hides it)";
  }
  return {};
}

}  // namespace holdfast::dataplane
