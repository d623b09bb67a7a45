// SPDX-License-Identifier: Apache-2.0
// The page of words is the one that the code makes.
#include "provision-proxy/daemon/words.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace holdfast::provision {
namespace {

TEST(Words, PageIsTheGeneratedOne) {
  std::ifstream file(std::string(std::getenv("HOLDFAST_SOURCE_ROOT")) +
                     "/docs/provisioning-words.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), words_markdown())
      << "write it again: holdfast-provision --print-words > docs/provisioning-words.md";
}

}  // namespace
}  // namespace holdfast::provision
