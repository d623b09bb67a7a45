// SPDX-License-Identifier: Apache-2.0
// Whether a PCI device can be handed to DPDK: it is there, has a driver for it, and an IOMMU.
#pragma once

#include <string>

namespace holdfast::dataplane {

// What stands against it, with what to do, on one line; empty when nothing does. `address` as in
// 0000:03:00.0; `root` is put before /sys and /dev. Reads only. Any thread, not the packet loop.
std::string pci_trouble(const std::string& address, const std::string& root = "");

// The kernel driver that a PCI device is bound to; empty: none.
std::string pci_driver(const std::string& address, const std::string& root = "");

}  // namespace holdfast::dataplane
