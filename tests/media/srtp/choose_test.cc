// SPDX-License-Identifier: Apache-2.0
// Which engine a machine gets, and the words for it.
#include "media/srtp/choose.hh"

#include <gtest/gtest.h>

namespace holdfast::media {
namespace {

TEST(SrtpChoice, ByTheCpu) {
  const SrtpChoice good = choose_srtp_library({true, true, true});
  EXPECT_EQ(good.library, SrtpLibrary::ipsec_mb);
  EXPECT_EQ(good.why, "the CPU has AES-NI and PCLMULQDQ");
  const SrtpChoice old = choose_srtp_library({true, false, true});
  EXPECT_EQ(old.library, SrtpLibrary::libsrtp);
  EXPECT_EQ(old.why, "the CPU lacks AES-NI");
  EXPECT_EQ(choose_srtp_library({false, false, false}).why,
            "the CPU lacks SSE4.2, AES-NI, PCLMULQDQ");
}

TEST(SrtpChoice, OfThisMachineWorks) {
  const SrtpChosen chosen = make_srtp_engine();
  ASSERT_TRUE(chosen.engine);
  EXPECT_FALSE(chosen.why.empty());
  const bool bulk = choose_srtp_library(srtp_cpu()).library == SrtpLibrary::ipsec_mb;
  EXPECT_EQ(chosen.engine->name().starts_with(bulk ? "ipsec-mb " : "libsrtp"), true)
      << chosen.engine->name();
}

}  // namespace
}  // namespace holdfast::media
