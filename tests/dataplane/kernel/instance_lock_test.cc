// SPDX-License-Identifier: Apache-2.0
// The instance lock: one holder in a network namespace, released with it.
#include "dataplane/kernel/instance_lock.hh"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <unistd.h>
#include "dataplane/kernel/dying_process.hh"

#include <optional>

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

using InstanceLockTest = test::TwoHosts;  // for namespaces of its own

TEST_F(InstanceLockTest, HasOneHolderWhoIsNamed) {
  std::optional<InstanceLock> held;
  {
    auto first = InstanceLock::take();
    ASSERT_TRUE(first) << first.error();
    held.emplace(std::move(first).value());
  }
  const auto second = InstanceLock::take();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "another holdfast-dataplane (pid " + std::to_string(getpid()) +
                                ") runs in this network namespace");
  {
    const test::Inside there(peer().fd());
    EXPECT_TRUE(InstanceLock::take()) << "another namespace";
  }
  held.reset();
  EXPECT_TRUE(InstanceLock::take());
}

TEST(DyingProcess, AZombieIsDyingAndTheLivingAreNot) {
  EXPECT_FALSE(is_dying(getpid()));
  EXPECT_FALSE(is_dying(1));
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    char go = 0;
    _exit(read(ready[0], &go, 1) == 1 ? 0 : 1);
  }
  EXPECT_FALSE(is_dying(child));
  ASSERT_EQ(write(ready[1], "g", 1), 1);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_dying(child));
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(is_dying(child)) << "and gone";
  close(ready[0]);
  close(ready[1]);
}

TEST(DyingProcess, OnlyTheDyingAreWaitedFor) {
  int tries = 0;
  EXPECT_FALSE(take_from_the_dying([&] { return ++tries == 3; }, [] { return getpid(); }));
  EXPECT_EQ(tries, 1);
  EXPECT_TRUE(take_from_the_dying([&] { return ++tries == 3; }, [] { return pid_t{0}; }));
}

}  // namespace
}  // namespace holdfast::dataplane
