// SPDX-License-Identifier: Apache-2.0
// A PCI device's way to DPDK, step by step, on a made-up sysfs.
#include "dataplane/host/pci_device.hh"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::dataplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAddress = "0000:03:00.0";

class PciDevice : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / "holdfast-pci";
    fs::remove_all(root_);
    fs::create_directories(device());
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path device() const { return root_ / "sys/bus/pci/devices" / kAddress; }
  void bind(const std::string& driver) {
    fs::remove(device() / "driver");
    fs::create_symlink("../../../bus/pci/drivers/" + driver, device() / "driver");
  }
  void group() { fs::create_symlink("../../../kernel/iommu_groups/17", device() / "iommu_group"); }
  std::string trouble() const { return pci_trouble(kAddress, root_); }

  fs::path root_;
};

TEST_F(PciDevice, IsNamedStepByStepUntilNothingIsMissing) {
  EXPECT_EQ(pci_trouble("0000:7f:1f.7", root_),
            "no PCI device has the address 0000:7f:1f.7; see lspci -D");
  EXPECT_NE(trouble().find("is behind no IOMMU"), std::string::npos) << trouble();
  group();
  EXPECT_EQ(trouble(),
            "0000:03:00.0 has no driver, not vfio-pci; run: modprobe vfio-pci && driverctl "
            "set-override 0000:03:00.0 vfio-pci");
  fs::create_directories(root_ / "sys/module/vfio_pci");
  bind("ixgbe");
  EXPECT_EQ(pci_driver(kAddress, root_), "ixgbe");
  EXPECT_EQ(trouble(),
            "0000:03:00.0 is driven by ixgbe, not vfio-pci; run: driverctl set-override "
            "0000:03:00.0 vfio-pci");
  bind("vfio-pci");
  EXPECT_EQ(trouble(),
            "there is no /dev/vfio/17 for 0000:03:00.0; let this process see /dev/vfio (a "
            "container or a unit hides it)");
  fs::create_directories(root_ / "dev/vfio/17");
  EXPECT_EQ(trouble(), "");
}

TEST_F(PciDevice, OfMellanoxStaysWithItsKernelDriver) {
  bind("mlx5_core");
  EXPECT_EQ(trouble(), "");
}

}  // namespace
}  // namespace holdfast::dataplane
