// SPDX-License-Identifier: Apache-2.0
// Names of settings, folded so that the vendors' spellings meet.
#include "provision-proxy/phone/phone_settings.hh"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/identity.hh"
#include "provision-proxy/phone/mac_text.hh"

namespace holdfast::provision {
namespace {

constexpr auto kNowhere = std::string_view::npos;
constexpr size_t kMaxKeyBytes = 128;  // longer names are none of ours
constexpr size_t kMaxListedFiles = 256;

using Words = std::initializer_list<std::string_view>;

// "reg.1.auth.userId" -> "reg1authuserid".
std::string folded(std::string_view key) {
  std::string result;
  for (const char c : key.substr(0, kMaxKeyBytes))
    if (is_alnum(c)) result += lower(c);
  return result;
}

std::string_view last_component(std::string_view key) {
  const size_t cut = key.find_last_of("./:");
  return cut == kNowhere ? key : key.substr(cut + 1);
}

bool any_in(std::string_view folded_key, Words words) {
  return std::ranges::any_of(words, [&](auto word) { return folded_key.find(word) != kNowhere; });
}

bool is_mac_key(std::string_view key) {
  const std::string last = folded(last_component(key));
  constexpr std::array<std::string_view, 9> kNames = {
      "mac",       "macaddress",      "macaddr",     "phonemac",        "devicemac",
      "hwaddress", "phonemacaddress", "ethernetmac", "devicemacaddress"};
  return std::ranges::find(kNames, last) != kNames.end();
}

// Not of a line: how the phone reaches its files, and who may use its own menus and pages.
bool is_other_account(std::string_view folded_key) {
  return any_in(folded_key,
                {"prov", "http", "web", "admin", "ldap", "ftp", "ntp", "8021x", "eap", "wifi",
                 "wlan", "snmp", "vpn", "local", "security", "proxyserver", "upgrade"});
}

bool is_user_key(std::string_view folded_key) {
  return any_in(folded_key, {"authname", "authuser", "authid", "userid", "username",
                             "authenticationname", "authenticateid", "sipuser"}) &&
         !is_other_account(folded_key);
}

bool is_secret_key(std::string_view folded_key) {
  return any_in(folded_key, {"password", "passwd", "secret", "pwd"}) &&
         any_in(folded_key, {"line", "reg", "account", "auth", "sip", "user", "ext"}) &&
         !is_other_account(folded_key);
}

bool is_label_key(std::string_view folded_key) {
  return any_in(folded_key,
                {"label", "displayname", "description", "stationname", "address", "id"});
}

bool is_files_key(std::string_view key) {
  return same_text(last_component(key), "config_files");  // "CUSTOM::config_files" too
}

std::string folded_name(const Setting& setting) {
  return folded(setting.scope) + folded(setting.key);
}

bool is_whole_mac(std::string_view value) {
  const auto found = mac_at(trimmed(value), 0);
  return found && found->end == trimmed(value).size();
}

bool has_word(std::string_view text, std::string_view word) {
  while (true) {
    const size_t at = find_text(text, word);
    if (at == kNowhere) return false;
    const size_t end = at + word.size();
    if ((at == 0 || !is_alpha(text[at - 1])) && (end == text.size() || !is_alpha(text[end])))
      return true;
    text.remove_prefix(end);
  }
}

bool provisional_words(std::string_view text) {
  constexpr std::array<std::string_view, 7> kWords = {
      "provisional", "unprovisioned", "unassigned",    "unregistered",
      "unmanaged",   "not assigned",  "not configured"};
  return std::ranges::any_of(kWords, [&](auto word) { return has_word(text, word); });
}

void add_macs(std::string_view text, std::vector<std::string>& macs) {
  size_t from = 0;
  while (const auto found = find_mac(text, from)) {
    macs.push_back(id_of(found->mac));
    from = found->end;
  }
}

}  // namespace

std::vector<std::string> own_macs(const BodyText& body) {
  std::vector<std::string> macs;
  for (const Setting& setting : body.settings) {
    const bool own = is_mac_key(setting.key) || is_files_key(setting.key) ||
                     (is_whole_mac(setting.value) && is_user_key(folded_name(setting)));
    if (own) add_macs(setting.value, macs);
  }
  for (const std::string_view comment : body.comments) add_macs(comment, macs);
  std::ranges::sort(macs);
  macs.erase(std::unique(macs.begin(), macs.end()), macs.end());
  return macs;
}

bool has_registration(const BodyText& body) {
  return std::ranges::any_of(body.settings, [](const Setting& setting) {
    if (trimmed(setting.value).empty()) return false;
    const std::string key = folded_name(setting);
    return is_user_key(key) || is_secret_key(key);
  });
}

std::vector<std::string_view> listed_files(const BodyText& body) {
  std::vector<std::string_view> files;
  for (const Setting& setting : body.settings) {
    if (!is_files_key(setting.key)) continue;
    std::string_view rest = setting.value;
    while (!rest.empty() && files.size() < kMaxListedFiles) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view file = trimmed(rest.substr(0, comma));
      if (!file.empty()) files.push_back(file);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return files;
}

bool is_phone_file_name(std::string_view name) {
  // What the phone itself writes is listed for strangers too.
  if (find_text(name, "-phone.") != kNowhere || find_text(name, "-web.") != kNowhere) return false;
  if (find_mac(name)) return true;
  size_t digits = 0;
  for (const char c : name) {
    digits = is_digit(c) ? digits + 1 : 0;
    if (digits == 3) return true;
  }
  // A GUID: groups of 8-4-4-4-12 hex digits.
  size_t hex = 0;
  size_t groups = 0;
  for (const char c : name) {
    if (hex_digit(c) >= 0) {
      ++hex;
    } else {
      groups = c == '-' && (groups == 0 ? hex >= 8 : hex == 4) ? groups + 1 : 0;
      hex = 0;
    }
    if (groups == 4) return true;
  }
  return false;
}

bool says_provisional(const BodyText& body, bool only_users) {
  const auto says = [&](const Setting& setting) {
    if (is_files_key(setting.key)) return provisional_words(setting.value);
    const std::string key = folded_name(setting);
    return (is_user_key(key) || (!only_users && is_label_key(key))) &&
           provisional_words(setting.value);
  };
  return std::ranges::any_of(body.settings, says) ||
         (!only_users && std::ranges::any_of(body.comments, provisional_words));
}

double kept_share(const BodyText& before, const BodyText& after) {
  std::unordered_set<std::string_view> now;
  for (const Setting& setting : after.settings) now.insert(setting.key);
  size_t had = 0;
  size_t kept = 0;
  for (const Setting& setting : before.settings) {
    if (setting.value.empty()) continue;
    ++had;
    kept += now.contains(setting.key) ? 1 : 0;
  }
  return had == 0 ? 1.0 : static_cast<double>(kept) / static_cast<double>(had);
}

}  // namespace holdfast::provision
