// SPDX-License-Identifier: Apache-2.0
// The addresses behind the centre's names, as far as answers are known, without those that are our
// own: what is sent there would come back to us.
//
// Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/names/name_cache.hh"
#include "control/names/server_list.hh"

namespace holdfast::names {

// The interface whose [[sip-listener]] takes what is sent there; empty: none of ours does.
using OwnListener = std::function<std::string(const SocketAddress&)>;

// What follows such a line.
inline constexpr std::string_view kNotTaken =
    "not taken, as what is sent there comes back; correct the name in DNS";

struct CentreAddresses {
  std::vector<sip::Upstream> upstreams;
  // For a person, one line for each address that is left out.
  std::vector<std::string> ourselves;
};

// The questions for the addresses of those servers.
std::vector<Question> host_questions(const std::vector<NamedServer>& servers,
                                     config::AddressFamilies families);

// As written, or those of the SRV records in their own order.
std::vector<NamedServer> servers_of(const config::CentreConfig& centre, const NameCache& cache);
Question srv_question_of(const config::CentreConfig& centre);

// `servers`: in the order in which they are to be tried.
CentreAddresses addresses_of(const config::CentreConfig& centre,
                             const std::vector<NamedServer>& servers, const NameCache& cache,
                             const OwnListener& own);

}  // namespace holdfast::names
