// SPDX-License-Identifier: Apache-2.0
// Which fields belong to one connection only, and go no further (RFC 9110, 7.6.1).
#pragma once

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

// Connection, what it names, and those that are known to be of one hop: Keep-Alive, TE, Trailer,
// Transfer-Encoding, Upgrade, Proxy-Connection, and the credentials between us and the next proxy.
// What everybody must see (Cache-Control, Content-*, Host, ...) stays even if Connection names it.
void remove_hop_by_hop(Fields& fields);

// Whether a field of that name is one of the known ones.
bool is_hop_by_hop(std::string_view name);

}  // namespace holdfast::provision
