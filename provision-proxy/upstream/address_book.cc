// SPDX-License-Identifier: Apache-2.0
// A small map with a text form.
#include "provision-proxy/upstream/address_book.hh"

#include <algorithm>

namespace holdfast::provision {
namespace {

std::string_view next_word(std::string_view& text) {
  const auto start = std::min(text.find_first_not_of(' '), text.size());
  const auto end = std::min(text.find(' ', start), text.size());
  const auto word = text.substr(start, end - start);
  text.remove_prefix(end);
  return word;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

AddressBook AddressBook::parse(std::string_view text) {
  AddressBook book;
  if (text.size() > kMaxBookBytes) return book;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string host(next_word(line));
    const auto worked = IpAddress::parse(next_word(line));
    std::vector<IpAddress> addresses;
    for (auto word = next_word(line); !word.empty(); word = next_word(line))
      if (const auto address = IpAddress::parse(word)) addresses.push_back(*address);
    if (!is_name(host)) continue;
    book.put(host, std::move(addresses));
    if (worked) book.worked(host, *worked);
  }
  return book;
}

std::string AddressBook::text() const {
  std::string out;
  for (const auto& [host, entry] : entries_) {
    out += host + (entry.worked.is_none() ? " -" : " " + entry.worked.to_string());
    for (const auto& address : entry.addresses) out += " " + address.to_string();
    out += '\n';
  }
  return out;
}

std::vector<IpAddress> AddressBook::find(const std::string& host) const {
  const auto found = entries_.find(host);
  if (found == entries_.end()) return {};
  auto addresses = found->second.addresses;
  const auto first = std::find(addresses.begin(), addresses.end(), found->second.worked);
  if (first != addresses.end()) std::rotate(addresses.begin(), first, first + 1);
  return addresses;
}

bool AddressBook::put(const std::string& host, std::vector<IpAddress> addresses) {
  std::erase_if(addresses, [](const auto& a) { return a.is_none() || a.is_unspecified(); });
  std::sort(addresses.begin(), addresses.end(), [](const auto& a, const auto& b) {
    return a.family != b.family ? a.family > b.family : a < b;
  });
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.size() > kMaxBookAddresses) addresses.resize(kMaxBookAddresses);
  if (addresses.empty()) return false;
  const auto found = entries_.find(host);
  if (found == entries_.end()) {
    if (entries_.size() >= kMaxBookNames) return false;
    entries_[host].addresses = std::move(addresses);
    return true;
  }
  if (found->second.addresses == addresses) return false;
  found->second.addresses = std::move(addresses);
  return true;
}

bool AddressBook::worked(const std::string& host, const IpAddress& address) {
  const auto found = entries_.find(host);
  if (found == entries_.end() || found->second.worked == address) return false;
  const auto& known = found->second.addresses;
  if (std::find(known.begin(), known.end(), address) == known.end()) return false;
  found->second.worked = address;
  return true;
}

void AddressBook::keep_only(const std::vector<std::string>& hosts) {
  std::erase_if(entries_, [&](const auto& entry) {
    return std::find(hosts.begin(), hosts.end(), entry.first) == hosts.end();
  });
}

}  // namespace holdfast::provision
