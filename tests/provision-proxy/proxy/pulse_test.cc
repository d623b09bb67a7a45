// SPDX-License-Identifier: Apache-2.0
// Much news, told seldom, and none of it lost.
#include "provision-proxy/proxy/pulse.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

using std::chrono::milliseconds;

TEST(Pulse, TellsAtOnceAndOnceMoreAfterThePause) {
  boost::asio::io_context io;
  int told = 0;
  Pulse pulse(io, milliseconds(1), [&] { ++told; });
  pulse.beat();
  EXPECT_EQ(told, 1);
  for (int i = 0; i < 100; ++i) pulse.beat();
  EXPECT_EQ(told, 1);
  io.run();  // until no pause is under way
  EXPECT_EQ(told, 2);
  io.restart();
  pulse.beat();
  EXPECT_EQ(told, 3);
  io.run();
  EXPECT_EQ(told, 3);
}

TEST(Pulse, NewsThatComeOutOfTheTellingAreTold) {
  boost::asio::io_context io;
  int told = 0;
  Pulse* self = nullptr;
  Pulse pulse(io, milliseconds(1), [&] {
    if (++told < 5) self->beat();
  });
  self = &pulse;
  pulse.beat();
  io.run();
  EXPECT_EQ(told, 5);
}

TEST(Pulse, MayEndWhileItTellsAndWhileItPauses) {
  boost::asio::io_context io;
  int told = 0;
  std::unique_ptr<Pulse> pulse;
  pulse = std::make_unique<Pulse>(io, milliseconds(1), [&] {
    ++told;
    pulse.reset();
  });
  pulse->beat();
  io.run();
  EXPECT_EQ(told, 1);
  pulse = std::make_unique<Pulse>(io, milliseconds(1), [&] { ++told; });
  pulse->beat();
  pulse->beat();
  pulse.reset();
  io.restart();
  io.run();
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace holdfast::provision
