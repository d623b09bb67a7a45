// SPDX-License-Identifier: Apache-2.0
// Where DPDK is told to run its threads.
#include "dataplane/ports/lcore_map.hh"

#include <gtest/gtest.h>

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

TEST(LcoreMap, AThreadMayUseSomeCpu) {
  EXPECT_FALSE(allowed_cpus().empty());
}

}  // namespace
}  // namespace holdfast::dataplane
