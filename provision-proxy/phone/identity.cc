// SPDX-License-Identifier: Apache-2.0
// Reads a phone's identity from what it sends.
#include "provision-proxy/phone/identity.hh"

#include <algorithm>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/mac_text.hh"

namespace holdfast::provision {
namespace {

// The last place of a MAC counts, and of too many the last ones.
void collect(std::string_view text, std::vector<std::string>& macs) {
  size_t from = 0;
  while (const auto found = find_mac(text, from)) {
    from = found->end;
    std::string id = id_of(found->mac);
    std::erase(macs, id);
    if (macs.size() == kMaxTargetMacs) macs.erase(macs.begin());
    macs.push_back(std::move(id));
  }
}

bool all_decimal(std::string_view digits) {
  return std::ranges::all_of(digits, is_digit);
}

// The word in front of a position: letters only, what stands between is skipped.
std::string_view word_before(std::string_view text, size_t begin) {
  while (begin > 0 && !is_alnum(text[begin - 1])) --begin;
  size_t first = begin;
  while (first > 0 && is_alpha(text[first - 1])) --first;
  return text.substr(first, begin - first);
}

// Twelve bare digits in a User-Agent are a MAC only where vendors put one: between blanks, brackets
// and semicolons, not behind a slash or a dot like a version, nor behind a word that says
// otherwise. Decimal ones are stamps of builds ("202311091200") unless they begin as the old OUIs
// do.
bool stands_like_a_mac(std::string_view text, const MacText& found) {
  constexpr std::string_view kBefore = " \t(;:,[=<\"'";
  constexpr std::string_view kBehind = " \t);,]>\"'";
  if (found.begin > 0 && kBefore.find(text[found.begin - 1]) == std::string_view::npos)
    return false;
  if (found.end < text.size() && kBehind.find(text[found.end]) == std::string_view::npos)
    return false;
  for (const std::string_view other : {"build", "rev", "revision", "git", "commit", "serial", "id",
                                       "hash", "version", "release", "uuid", "stamp"})
    if (same_text(word_before(text, found.begin), other)) return false;
  const auto digits = text.substr(found.begin, found.end - found.begin);
  return !all_decimal(digits) || digits.starts_with("00");
}

}  // namespace

std::string_view name_of(Identity::Source source) {
  switch (source) {
    case Identity::Source::certificate:
      return "certificate";
    case Identity::Source::path:
      return "path";
    case Identity::Source::user_agent:
      return "user-agent";
    case Identity::Source::neighbour:
      return "neighbour";
    case Identity::Source::none:
      break;
  }
  return "none";
}

std::string id_of(const MacAddress& mac) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  for (const uint8_t byte : mac.bytes) {
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

std::optional<MacAddress> mac_of(std::string_view id) {
  MacAddress mac;
  if (id.size() != 2 * mac.bytes.size()) return std::nullopt;
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    const int high = hex_digit(id[2 * i]);
    const int low = hex_digit(id[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    mac.bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return mac;
}

bool is_phone_mac(const MacAddress& mac) {
  return (mac.bytes[0] & 1) == 0 && mac != MacAddress{};
}

std::string unescaped(std::string_view target) {
  if (target.find('%') == std::string_view::npos) return std::string(target);
  std::string plain;
  plain.reserve(target.size());
  for (size_t i = 0; i < target.size(); ++i) {
    const int high = i + 2 < target.size() ? hex_digit(target[i + 1]) : -1;
    const int low = i + 2 < target.size() ? hex_digit(target[i + 2]) : -1;
    if (target[i] == '%' && high >= 0 && low >= 0) {
      plain += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      plain += target[i];
    }
  }
  return plain;
}

std::vector<std::string> macs_in_target(std::string_view target) {
  const size_t query = std::min(target.find('?'), target.size());
  std::vector<std::string> macs;
  collect(unescaped(target.substr(query)), macs);
  collect(unescaped(target.substr(0, query)), macs);
  return macs;
}

bool path_names_phone(std::string_view target) {
  return find_mac(unescaped(target.substr(0, target.find('?')))).has_value();
}

std::optional<std::string> mac_in_user_agent(std::string_view user_agent) {
  size_t from = 0;
  while (const auto found = find_mac(user_agent, from)) {
    if (found->separated || stands_like_a_mac(user_agent, *found)) return id_of(found->mac);
    from = found->end;
  }
  return std::nullopt;
}

std::optional<MacAddress> mac_in_certificate_name(std::string_view common_name) {
  const auto found = find_mac(common_name);
  if (!found) return std::nullopt;
  return found->mac;
}

Identity identify(std::string_view target, std::string_view user_agent,
                  const std::optional<MacAddress>& certificate) {
  if (certificate && is_phone_mac(*certificate))
    return {Identity::Source::certificate, id_of(*certificate)};
  if (auto macs = macs_in_target(target); !macs.empty())
    return {Identity::Source::path, std::move(macs.back())};
  if (auto id = mac_in_user_agent(user_agent))
    return {Identity::Source::user_agent, std::move(*id)};
  return {};
}

Identity identify_neighbour(const std::optional<MacAddress>& mac) {
  if (!mac || !is_phone_mac(*mac)) return {};
  return {Identity::Source::neighbour, id_of(*mac)};
}

}  // namespace holdfast::provision
