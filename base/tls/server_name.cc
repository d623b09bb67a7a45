// SPDX-License-Identifier: Apache-2.0
// Comparing names of certificates.
#include "base/tls/server_name.hh"

#include <algorithm>

namespace holdfast::tls {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_fold(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// A dot behind a name makes it absolute, not another.
std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool dns_fits(std::string_view presented, std::string_view wanted) {
  presented = without_root(presented);
  if (!presented.starts_with("*.")) return equal_fold(presented, wanted);
  presented.remove_prefix(1);  // ".centre.example"
  if (presented.find('*') != std::string_view::npos) return false;
  if (presented.find('.', 1) == std::string_view::npos) return false;  // "*.example"
  const auto dot = wanted.find('.');
  return dot != std::string_view::npos && dot > 0 && equal_fold(presented, wanted.substr(dot));
}

// A URI with a user names a person, not a domain.
bool uri_fits(std::string_view presented, std::string_view wanted) {
  const auto colon = presented.find(':');
  if (colon == std::string_view::npos) return false;
  const auto scheme = presented.substr(0, colon);
  if (!equal_fold(scheme, "sip") && !equal_fold(scheme, "sips")) return false;
  auto host = presented.substr(colon + 1);
  host = host.substr(0, host.find_first_of(";?"));
  if (host.find_first_of("@:*") != std::string_view::npos) return false;
  return equal_fold(without_root(host), wanted);
}

}  // namespace

bool is_for(const CertificateNames& certificate, std::string_view wanted) {
  if (wanted.empty()) return false;
  if (const auto ip = IpAddress::parse(wanted)) {
    return std::find(certificate.addresses.begin(), certificate.addresses.end(), *ip) !=
           certificate.addresses.end();
  }
  wanted = without_root(wanted);
  const auto any = [&](const auto& names, const auto& fits) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return fits(name, wanted); });
  };
  if (any(certificate.uris, uri_fits) || any(certificate.dns, dns_fits)) return true;
  const bool has_alternatives =
      !certificate.dns.empty() || !certificate.uris.empty() || !certificate.addresses.empty();
  return !has_alternatives && equal_fold(without_root(certificate.common_name), wanted);
}

bool is_for_any(const CertificateNames& certificate, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const std::string& name) { return is_for(certificate, name); });
}

std::string text_of(const CertificateNames& certificate) {
  std::string text;
  const auto add = [&text](std::string_view kind, const std::string& name) {
    if (!text.empty()) text += ", ";
    text.append(kind).append(name);
  };
  for (const auto& name : certificate.dns) add("DNS:", name);
  for (const auto& uri : certificate.uris) add("URI:", uri);
  for (const auto& ip : certificate.addresses) add("IP:", ip.to_string());
  if (text.empty() && !certificate.common_name.empty()) add("CN=", certificate.common_name);
  return text.empty() ? "no name" : text;
}

}  // namespace holdfast::tls
