// SPDX-License-Identifier: Apache-2.0
// What is said of a port that cannot be had.
#include "base/bind_words.hh"

#include <gtest/gtest.h>

#include <cerrno>

namespace holdfast {
namespace {

TEST(BindWords, SayHowToFindWhoHasThePort) {
  EXPECT_EQ(bind_words(EADDRINUSE, PortKind::kTcp, 5060),
            "Address already in use: another program has it; holdfast doctor names it, as does ss "
            "-lnpt 'sport = :5060': end that one, or choose another port");
  EXPECT_NE(bind_words(EADDRINUSE, PortKind::kUdp, 69).find("-lnpu 'sport = :69'"),
            std::string::npos);
  EXPECT_EQ(bind_words(EADDRNOTAVAIL, PortKind::kTcp, 1),
            "Cannot assign requested address: this machine has no such address; see ip address");
  EXPECT_EQ(bind_words(EACCES, PortKind::kTcp, 1), "Permission denied");
}

}  // namespace
}  // namespace holdfast
