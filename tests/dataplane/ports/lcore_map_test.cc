// SPDX-License-Identifier: Apache-2.0
// Where DPDK is told to run its threads.
#include "dataplane/ports/lcore_map.hh"

#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <thread>
#include <vector>

namespace holdfast::dataplane {
namespace {

using Cpus = std::vector<uint16_t>;

struct Row {
  const char* name;
  Cpus cpus;
  Cpus allowed;
  const char* map;
};

const Row kRows[] = {
    {"the slow thread keeps off the packet loop's CPU", {0}, {0, 1}, "0@(1),1@0"},
    {"and off those of all loops", {3, 1}, {0, 1, 2, 3, 4}, "0@(0,2,4),1@3,2@1"},
    {"one CPU for both", {0}, {0}, "0@(0),1@0"},
    {"a loop on each", {0, 1}, {0, 1}, "0@(0,1),1@0,2@1"},
    {"CPUs that are not the process's are not taken", {2}, {2, 5}, "0@(5),1@2"},
};

TEST(LcoreMap, TheSlowThreadKeepsOffThePacketLoops) {
  for (const Row& row : kRows) EXPECT_EQ(lcore_map(row.cpus, row.allowed), row.map) << row.name;
}

TEST(LcoreMap, AThreadMayUseWhatItsAffinityLeavesIt) {
  const Cpus all = allowed_cpus();
  ASSERT_FALSE(all.empty());
  const uint16_t last = all.back();
  Cpus left;
  std::thread([&] {  // whose affinity ends with it
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    left = allowed_cpus();
  })
      .join();
  EXPECT_EQ(left, Cpus{last});
}

struct Trouble {
  const char* name;
  Cpus cpus;
  Cpus allowed;
  const char* cpu;     // that is named; null: all is well
  const char* choice;  // that is offered
};

const Trouble kTroubles[] = {
    {"all that there are", {0, 1}, {0, 1}, nullptr, nullptr},
    {"beyond a hole, and above their count", {5}, {0, 1, 5}, nullptr, nullptr},
    {"in a hole, and below their count", {0, 2}, {0, 1, 3, 4}, "CPU 2:", ": 0-1,3-4"},
    {"above the last", {2}, {0, 1}, "CPU 2:", ": 0-1"},
    {"the first is another's", {0}, {2, 3, 4, 8}, "CPU 0:", ": 2-4,8"},
    {"one is left", {65535, 7}, {7}, "CPU 65535:", ": 7"},
};

TEST(LcoreMap, ACpuThatThePacketLoopCannotHaveIsNamed) {
  for (const Trouble& row : kTroubles) {
    const std::string said = cpu_trouble(row.cpus, row.allowed);
    if (row.cpu == nullptr) {
      EXPECT_EQ(said, "") << row.name;
      continue;
    }
    EXPECT_NE(said.find(row.cpu), std::string::npos) << row.name << ": " << said;
    EXPECT_TRUE(said.ends_with(row.choice)) << row.name << ": " << said;
  }
}

}  // namespace
}  // namespace holdfast::dataplane
