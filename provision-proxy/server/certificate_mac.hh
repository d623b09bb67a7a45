// SPDX-License-Identifier: Apache-2.0
// The MAC address that a phone's certificate names: by the makers' habit its common name, or an
// alternative name.
#pragma once

#include <openssl/types.h>

#include <optional>
#include <string_view>

#include "media/address.hh"

namespace holdfast::provision {

// "0004f2e82824", "00:04:F2:E8:28:24", "00-04-f2-...", "0004.f2e8.2824", and any of these, or
// "SEP0004F2E82824", as a word among others. Nothing when there is none, or two that differ.
std::optional<MacAddress> mac_in_name(std::string_view name);

// Of all common names and the DNS, URI and mail names of the certificate, which the caller has
// checked. Nothing when they name none, or two that differ.
std::optional<MacAddress> certificate_mac(const X509* certificate);

}  // namespace holdfast::provision
