// SPDX-License-Identifier: Apache-2.0
// The checks by subject. Each appends its rows; `site` is null when there is no configuration.
#pragma once

#include <vector>

#include "control/config/site_config.hh"
#include "control/doctor/machine.hh"
#include "control/doctor/row.hh"

namespace holdfast::doctor {

// Which drivers this machine can use, and why not.
void check_drivers(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& rows);
// Rights, huge pages, the limit of locked memory, NUMA.
void check_memory(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& rows);
// Instruction sets, the time stamp counter, the lcores' CPUs.
void check_cpus(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& rows);
// Network devices of the configuration; the kernel's settings for them.
void check_links(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& rows);
// The media addresses of one interface. Says nothing where the kernel does not tell.
void check_addresses(const Machine& machine, const config::InterfaceConfig& interface, Rows& rows);
// Certificates, keys and CAs that the configuration names, as the daemons will read them.
void check_certificates(const Machine& machine, const config::SiteConfig& site,
                        std::vector<Row>& rows);
// Interfaces whose configuration lets SRTP protect little.
void check_srtp(const config::SiteConfig& site, std::vector<Row>& rows);
// The ports that the daemons listen on.
void check_sockets(const Machine& machine, const config::SiteConfig& site, std::vector<Row>& rows);
// The centre's names, by what holdfastd has kept of DNS.
void check_names(const Machine& machine, const config::SiteConfig& site, std::vector<Row>& rows);
// Folders and room for what the daemons write.
void check_places(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& rows);
void check_clock(const Machine& machine, std::vector<Row>& rows);

// ---- what several checks ask -------------------------------------------------------------------

// The mode in which this driver runs an XDP program by itself, without the kernel's generic detour.
bool has_native_xdp(std::string_view net_driver);
// "net_memif" among the drivers of the installed DPDK.
bool has_dpdk_driver(const Machine& machine, std::string_view name);

}  // namespace holdfast::doctor
