// SPDX-License-Identifier: Apache-2.0
// The option tables of holdfast-provision's sections: one row for each option, as in
// dataplane/config.
#pragma once

#include <span>

#include "dataplane/config/options.hh"
#include "provision-proxy/config/provision_config.hh"

namespace holdfast::config {

std::span<const Option<ProvisionConfig>> provision_options();
std::span<const Option<ProvisionListenerConfig>> provision_listener_options();
std::span<const Option<ProvisionTftpConfig>> provision_tftp_options();
std::span<const Option<ProvisionOriginConfig>> provision_origin_options();
std::span<const Option<ProvisionClassConfig>> provision_class_options();
// [dns], which holdfastd reads too.
std::span<const Option<DnsConfig>> dns_options();
void read_dns_section(const TomlTable& document, DnsConfig& dns, Faults& faults);

}  // namespace holdfast::config
