// SPDX-License-Identifier: Apache-2.0
// What the flow counts: each request ends in exactly one of the answers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast::provision {

// X(name): how requests were answered, then what happened beside.
#define HOLDFAST_FLOW_COUNTS(X) \
  X(requests)                   \
  X(hits)                       \
  X(validated)                  \
  X(fetched)                    \
  X(joined)                     \
  X(stale)                      \
  X(passed)                     \
  X(spooled)                    \
  X(unavailable)                \
  X(refused)                    \
  X(fetches)                    \
  X(unchanged)                  \
  X(implausible)                \
  X(gone_refused)               \
  X(stored)                     \
  X(not_stored)                 \
  X(replayed)                   \
  X(replay_refused)

enum class FlowCount : uint8_t {
#define HOLDFAST_X(name) name,
  HOLDFAST_FLOW_COUNTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};

struct FlowCounters {
  std::array<uint64_t, static_cast<size_t>(FlowCount::count)> counts{};

  void add(FlowCount what) { ++counts[static_cast<size_t>(what)]; }
  uint64_t of(FlowCount what) const { return counts[static_cast<size_t>(what)]; }
};

inline constexpr std::string_view kFlowCountNames[] = {
#define HOLDFAST_X(name) #name,
    HOLDFAST_FLOW_COUNTS(HOLDFAST_X)
#undef HOLDFAST_X
};

}  // namespace holdfast::provision
