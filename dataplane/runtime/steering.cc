// SPDX-License-Identifier: Apache-2.0
// Tells the XDP program or the card where media goes.
#include "dataplane/runtime/steering.hh"

#include <utility>
#include <vector>

#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/xdp_steer.hh"
#include "dataplane/ports/flow_steer.hh"

namespace holdfast::dataplane {
namespace {

using config::Driver;
using config::InterfaceConfig;

// The program is to know which ports have a leg. Without it garbage costs more, and that is
// all.
void show_used_ports(unsigned ifindex, const InterfaceConfig& interface, Assembly& parts,
                     const PortFilter& filter) {
  auto used = UsedPorts::open(ifindex);
  if (!used) {
    parts.warnings.push_back("interface " + interface.name +
                             ": media without a leg is dropped late: " + used.error());
    return;
  }
  for (size_t i = 0; i < filter.addresses.size(); ++i)
    parts.board->show_used_ports(filter.addresses[i].index, used->of_address(i).used,
                                 used->of_address(i).ended);
  parts.steered.push_back({ifindex, std::move(used).value()});
}

std::string steer_by_xdp(const InterfaceConfig& interface, size_t port, Assembly& parts) {
  const auto link = find_link(interface.device);
  if (!link) return link.error();
  const Outcome steered = configure_steer(link->ifindex, interface.media_addresses,
                                          interface.media_ports.first, interface.media_ports.last,
                                          interface.vlan, interface.take == config::Take::kOwned);
  if (!steered) return "interface " + interface.name + ": " + steered.error();
  for (uint16_t queue = 0; queue < interface.queues; ++queue) {
    for (const int socket : parts.ports[port]->wake_fds(queue)) {
      if (const Outcome given = steer_to(link->ifindex, queue, socket); !given)
        return "interface " + interface.name + ": " + given.error();
    }
  }
  show_used_ports(link->ifindex, interface, parts, parts.board->ports()[port].filter);
  return {};
}

// A card that can brings each lcore's ports to its own queue; any other spreads by its hash.
void steer_card(const InterfaceConfig& interface, size_t port, Assembly& parts) {
  if (interface.queues < 2) return;
  const Switchboard& board = *parts.board;
  const PortFilter& filter = board.ports()[port].filter;
  std::vector<QueueSlice> slices;
  for (uint32_t core = 0; core < board.cores(); ++core) {
    const auto [first, pairs] = board.slice_of(filter, core);
    const uint16_t queue = board.queue_of(port, core);
    if (queue != Switchboard::kNoQueue)
      slices.push_back({first, static_cast<uint16_t>(first + 2 * pairs - 1), queue});
  }
  if (const std::string why = steer_flows(parts.ports[port]->id(), filter, slices); !why.empty())
    parts.warnings.push_back("interface " + interface.name + ": " + why +
                             "; frames change lcores by ring");
}

}  // namespace

std::string steer(const InterfaceConfig& interface, size_t port, Assembly& parts) {
  if (interface.driver == Driver::kAfXdp) return steer_by_xdp(interface, port, parts);
  if (interface.driver == Driver::kPci) steer_card(interface, port, parts);
  return {};
}

void drop_unused_early(Assembly& parts) {
  for (const auto& port : parts.steered) {
    if (const Outcome dropping = drop_unused_ports(port.ifindex); !dropping)
      parts.warnings.push_back("media without a leg is dropped late: " + dropping.error());
  }
}

}  // namespace holdfast::dataplane
