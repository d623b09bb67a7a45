// SPDX-License-Identifier: Apache-2.0
// Next hops of the running kernel: the table over rtnetlink.
#include "dataplane/kernel/next_hops.hh"

#include "dataplane/kernel/next_hop_table.hh"

namespace holdfast::dataplane {

const char* to_string(NextHopState state) {
  switch (state) {
    case NextHopState::resolving:
      return "resolving";
    case NextHopState::resolved:
      return "resolved";
    case NextHopState::unreachable:
      return "unreachable";
    case NextHopState::no_route:
      return "no route";
    case NextHopState::local:
      return "local";
  }
  return "?";
}

Result<std::unique_ptr<NextHops>, std::string> NextHops::open(OnChange on_change) {
  auto kernel = open_kernel_tables();
  if (!kernel) return kernel.error();
  return std::unique_ptr<NextHops>(
      std::make_unique<NextHopTable>(std::move(kernel).value(), std::move(on_change)));
}

}  // namespace holdfast::dataplane
