// SPDX-License-Identifier: Apache-2.0
// What a phone's settings say about whose they are: MACs that stand for the phone itself, its
// registration, the files that it is to fetch, words of a provisional station.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/phone/body_text.hh"

namespace holdfast::provision {

// The MACs in places that name the phone itself: mac settings, a user that is a MAC, the files to
// fetch, comments in front. Not those of busy lamps, contacts, gateways. Sorted, each once.
std::vector<std::string> own_macs(const BodyText& body);

// A user or a password of a line, not empty and not of the provisioning or the phone's own web
// page.
bool has_registration(const BodyText& body);

// The files of CONFIG_FILES, as they stand.
std::vector<std::string_view> listed_files(const BodyText& body);
// A name with a MAC, a GUID or three digits in a row in it, which the centre writes for one phone.
bool is_phone_file_name(std::string_view name);

// "provisional", "unassigned" and the like, as a word of its own where users, labels and file names
// stand; `only_users` leaves the labels out.
bool says_provisional(const BodyText& body, bool only_users);

// The share, 0 to 1, of the settings of `before` with a value that `after` has too, with any value.
double kept_share(const BodyText& before, const BodyText& after);

}  // namespace holdfast::provision
