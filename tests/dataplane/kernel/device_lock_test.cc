// SPDX-License-Identifier: Apache-2.0
// Device locks: one holder, released with it.
#include "dataplane/kernel/device_lock.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

namespace holdfast::dataplane {
namespace {

TEST(DeviceLock, HasOneHolderWhoIsNamed) {
  const std::string device = "test" + std::to_string(getpid());
  std::optional<DeviceLock> held;
  {
    auto first = DeviceLock::take(device);
    ASSERT_TRUE(first) << first.error();
    held.emplace(std::move(first).value());
  }
  const auto second = DeviceLock::take(device);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "another holdfast-dataplane (pid " + std::to_string(getpid()) + ") has " + device);
  EXPECT_TRUE(DeviceLock::take(device + "b")) << "another device";
  held.reset();
  EXPECT_TRUE(DeviceLock::take(device));
}

TEST(DeviceLock, RefusesNamesThatDoNotFit) {
  EXPECT_FALSE(DeviceLock::take(std::string(200, 'x')));
}

}  // namespace
}  // namespace holdfast::dataplane
