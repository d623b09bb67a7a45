// SPDX-License-Identifier: Apache-2.0
// The last good addresses of names, and their text on disk.
//
// One line a name: "host worked address...", the one that last worked first, or "-". Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"

namespace holdfast::provision {

inline constexpr size_t kMaxBookNames = 32, kMaxBookAddresses = 8, kMaxBookBytes = 64 * 1024;

class AddressBook {
 public:
  // Lines that make no sense are left out, and so is what is too much.
  static AddressBook parse(std::string_view text);
  std::string text() const;

  // The one that last worked first, as long as it still is among them.
  std::vector<IpAddress> find(const std::string& host) const;
  // True if they differ from those before. None is no news: they stay.
  bool put(const std::string& host, std::vector<IpAddress> addresses);
  // True if another one worked before. An address that is not among the host's is no news.
  bool worked(const std::string& host, const IpAddress& address);
  // Keeps these names alone.
  void keep_only(const std::vector<std::string>& hosts);

 private:
  struct Entry {
    IpAddress worked;
    std::vector<IpAddress> addresses;  // IPv6 before IPv4, each sorted
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace holdfast::provision
