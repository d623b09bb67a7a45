// SPDX-License-Identifier: Apache-2.0
// Joins servers with the answers for their names.
#include "control/names/centre_names.hh"

#include <algorithm>
#include <map>

namespace holdfast::names {

std::vector<Question> host_questions(const std::vector<NamedServer>& servers,
                                     config::AddressFamilies families) {
  std::vector<Question> questions;
  for (const auto& server : servers) {
    if (IpAddress::parse(server.host)) continue;
    for (const auto type : {RecordType::kAaaa, RecordType::kA}) {
      const bool wanted = families == config::AddressFamilies::kBoth ||
                          (families == config::AddressFamilies::kIpv4) == (type == RecordType::kA);
      const bool known = std::any_of(questions.begin(), questions.end(), [&](const auto& q) {
        return q.name == server.host && q.type == type;
      });
      if (wanted && !known) questions.push_back({server.host, type});
    }
  }
  return questions;
}

Question srv_question_of(const config::CentreConfig& centre) {
  return {srv_question(centre.srv_name, centre.transport), RecordType::kSrv};
}

std::vector<NamedServer> servers_of(const config::CentreConfig& centre, const NameCache& cache) {
  std::vector<NamedServer> list;
  for (const auto& s : centre.servers) list.push_back({s.host, s.port, 0});
  if (centre.srv_name.empty()) return list;
  if (const auto* good = cache.find(srv_question_of(centre)))
    for (const auto& s : good->servers) list.push_back({s.target, s.port, s.priority});
  return list;
}

CentreAddresses addresses_of(const config::CentreConfig& centre,
                             const std::vector<NamedServer>& servers, const NameCache& cache,
                             const OwnListener& own) {
  std::map<std::string, std::vector<IpAddress>> addresses;
  for (const auto& question : host_questions(servers, centre.families)) {
    if (const auto* good = cache.find(question)) {
      auto& all = addresses[question.name];
      all.insert(all.end(), good->addresses.begin(), good->addresses.end());
    }
  }
  CentreAddresses found{upstreams_of(servers, addresses, centre.transport, centre.families), {}};
  std::erase_if(found.upstreams, [&](const sip::Upstream& upstream) {
    const std::string interface = own ? own(upstream.address) : "";
    if (!interface.empty())
      found.ourselves.push_back(upstream.host + " leads to " + upstream.address.to_string() + " (" +
                                std::string(sip::name_of(upstream.transport)) +
                                "), our own [[sip-listener]] of interface " + interface);
    return !interface.empty();
  });
  return found;
}

}  // namespace holdfast::names
