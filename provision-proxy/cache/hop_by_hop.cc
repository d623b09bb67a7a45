// SPDX-License-Identifier: Apache-2.0
// Takes out what belongs to one connection.
#include "provision-proxy/cache/hop_by_hop.hh"

#include <algorithm>
#include <array>
#include <string>

#include "provision-proxy/http/list.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

constexpr std::array<std::string_view, 10> kHopByHop = {"Connection",
                                                        "Keep-Alive",
                                                        "Proxy-Authenticate",
                                                        "Proxy-Authentication-Info",
                                                        "Proxy-Authorization",
                                                        "Proxy-Connection",
                                                        "TE",
                                                        "Trailer",
                                                        "Transfer-Encoding",
                                                        "Upgrade"};

// A sender must not name these in Connection (RFC 9110, 7.6.1). One who does could otherwise hide
// a no-store from us, or credentials from the centre.
constexpr std::array<std::string_view, 15> kForEveryone = {"Age",
                                                           "Authorization",
                                                           "Cache-Control",
                                                           "Content-Encoding",
                                                           "Content-Length",
                                                           "Content-Type",
                                                           "Content-Range",
                                                           "Date",
                                                           "ETag",
                                                           "Expires",
                                                           "Host",
                                                           "If-None-Match",
                                                           "Last-Modified",
                                                           "Set-Cookie",
                                                           "Vary"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return same_word(one, name); });
}

}  // namespace

bool is_hop_by_hop(std::string_view name) {
  return contains(kHopByHop, name);
}

void remove_hop_by_hop(Fields& fields) {
  std::vector<std::string> named;
  for_each_element(fields, "Connection", [&](std::string_view name) {
    if (!contains(kForEveryone, name)) named.emplace_back(name);
  });
  fields.remove_if([&](const Field& field) {
    return is_hop_by_hop(field.name) ||
           std::any_of(named.begin(), named.end(),
                       [&](const std::string& name) { return same_word(name, field.name); });
  });
}

}  // namespace holdfast::provision
