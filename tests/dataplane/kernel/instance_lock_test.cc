// SPDX-License-Identifier: Apache-2.0
// The instance lock: one holder in a network namespace, released with it.
#include "dataplane/kernel/instance_lock.hh"

#include <gtest/gtest.h>
#include <unistd.h>

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

}  // namespace
}  // namespace holdfast::dataplane
