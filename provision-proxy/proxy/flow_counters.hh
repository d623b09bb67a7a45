// SPDX-License-Identifier: Apache-2.0
// What the flow counts: each request ends in exactly one of the answers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast::provision {

// X(name, text): how requests were answered, then what happened beside.
#define HOLDFAST_FLOW_COUNTS(X)                                                \
  X(requests, "requests of phones")                                            \
  X(hits, "answered from what is kept, the centre not asked")                  \
  X(validated, "answered from what is kept, which the centre had confirmed")   \
  X(fetched, "answered with what the centre sent, stored on the way")          \
  X(joined, "of these, who shared the fetch of another")                       \
  X(stale, "answered from what is kept, though the centre did not confirm it") \
  X(passed, "passed through, nothing of it kept")                              \
  X(spooled, "uploads that wait for the centre")                               \
  X(unavailable, "an error of ours: no answer, and nothing that may be given") \
  X(refused, "another phone's file, or one of many")                           \
  X(fetches, "asked of the centre for all who wait")                           \
  X(unchanged, "whole files fetched that were what is kept")                   \
  X(implausible, "files that cannot be right")                                 \
  X(gone_refused, "404 and 410 that were not believed")                        \
  X(stored, "answers stored")                                                  \
  X(not_stored, "answers that could not be")                                   \
  X(replayed, "uploads that the centre has taken later")                       \
  X(replay_refused, "uploads that it would not take later")

enum class FlowCount : uint8_t {
#define HOLDFAST_X(name, text) name,
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
#define HOLDFAST_X(name, text) #name,
    HOLDFAST_FLOW_COUNTS(HOLDFAST_X)
#undef HOLDFAST_X
};

}  // namespace holdfast::provision
