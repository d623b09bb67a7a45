// SPDX-License-Identifier: Apache-2.0
// The readers of the kernel's files.
#include "control/doctor/machine.hh"

#include <gtest/gtest.h>

#include "tests/control/doctor/made_up_machine.hh"

namespace holdfast::doctor {
namespace {

TEST(Machine, ReadsCpuLists) {
  EXPECT_EQ(read_cpu_list("0-2,7"), (std::vector<unsigned>{0, 1, 2, 7}));
  EXPECT_EQ(read_cpu_list("5"), (std::vector<unsigned>{5}));
  for (const char* none : {"", "\n", "x", "-", "3-"})
    EXPECT_LE(read_cpu_list(none).size(), 1U) << none;
  EXPECT_LE(read_cpu_list("0-4294967295").size(), 8192U);
}

TEST(Machine, ReadsValuesAndWords) {
  EXPECT_EQ(value_of("a: 1\nflags\t\t: x y\n", "flags"), "x y");
  EXPECT_EQ(value_of("a: 1\n", "b"), "");
  EXPECT_EQ(value_of("a", "a"), "");
  EXPECT_TRUE(has_word("fpu aes sse", "aes"));
  EXPECT_FALSE(has_word("fpu vaes sse", "aes"));
}

TEST(Machine, FindsProgramsByTheNameThatTheKernelKeeps) {
  MadeUpMachine made;
  made.write("/proc/17/comm", "holdfast-datapl\n");
  EXPECT_TRUE(made.machine().runs("holdfast-dataplane"));
  EXPECT_FALSE(made.machine().runs("holdfastd"));
}

TEST(Machine, OfThisHostAnswers) {
  const Machine machine = real_machine();
  EXPECT_TRUE(machine.read("/proc/self/status"));
  EXPECT_FALSE(machine.read("/proc/self/nothing"));
  EXPECT_TRUE(machine.free_bytes("/"));
  EXPECT_FALSE(machine.free_bytes("/nowhere"));
  EXPECT_EQ(machine.link_facts("no-such-device").driver, "");
  EXPECT_FALSE(examine(machine, nullptr).empty());
}

}  // namespace
}  // namespace holdfast::doctor
