// SPDX-License-Identifier: Apache-2.0
// Orders servers and joins them with their addresses.
#include "control/names/server_list.hh"

#include <algorithm>

namespace holdfast::names {

std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, const Random& random) {
  // RFC 2782: those of weight 0 stand first, so that they have a small chance.
  std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    if (a.priority != b.priority) return a.priority < b.priority;
    return a.weight == 0 && b.weight != 0;
  });
  for (auto first = records.begin(); first != records.end(); ++first) {
    const auto last = std::find_if(first, records.end(),
                                   [&](const auto& r) { return r.priority != first->priority; });
    uint64_t sum = 0;
    for (auto at = first; at != last; ++at) sum += at->weight;
    auto chosen = first;
    if (sum == 0) {  // all equal: any of them
      chosen += static_cast<std::ptrdiff_t>(random() % static_cast<uint32_t>(last - first));
    } else {
      uint64_t draw = random() % (sum + 1), running = chosen->weight;
      while (running < draw) running += (++chosen)->weight;
    }
    std::rotate(first, chosen, chosen + 1);
  }
  return records;
}

std::vector<sip::Upstream> upstreams_of(
    const std::vector<NamedServer>& servers,
    const std::map<std::string, std::vector<IpAddress>>& addresses, sip::Transport transport,
    config::AddressFamilies families) {
  std::vector<sip::Upstream> upstreams;
  const auto add = [&](const NamedServer& server, const IpAddress& ip) {
    const bool wanted = families == config::AddressFamilies::kBoth ||
                        (families == config::AddressFamilies::kIpv4) == ip.is_v4();
    const sip::Upstream one{server.host, {ip, server.port}, transport, server.priority};
    const bool known = std::any_of(upstreams.begin(), upstreams.end(),
                                   [&](const auto& other) { return other.address == one.address; });
    if (wanted && !known && upstreams.size() < sip::kMaxUpstreams) upstreams.push_back(one);
  };
  for (const auto& server : servers) {
    if (const auto literal = IpAddress::parse(server.host)) {
      add(server, *literal);
      continue;
    }
    const auto found = addresses.find(server.host);
    if (found == addresses.end()) continue;
    for (const bool v6 : {true, false})
      for (const auto& ip : found->second)
        if (ip.is_v6() == v6) add(server, ip);
  }
  return upstreams;
}

std::string srv_question(const std::string& name, sip::Transport transport) {
  if (name.starts_with('_')) return name;
  switch (transport) {
    case sip::Transport::udp:
      return "_sip._udp." + name;
    case sip::Transport::tcp:
      return "_sip._tcp." + name;
    case sip::Transport::tls:
      break;
  }
  return "_sips._tcp." + name;
}

}  // namespace holdfast::names
