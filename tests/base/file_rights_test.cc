// SPDX-License-Identifier: Apache-2.0
// What a daemon may read and write, and what is said when it may not. By modes: root is told too.
#include "base/file_rights.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace holdfast {
namespace {

class FileRights : public testing::Test {
 protected:
  void SetUp() override {
    folder = testing::TempDir() + "holdfast-rights-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder);
    std::ofstream(file()) << "x";
  }
  void TearDown() override {
    ::chmod(folder.c_str(), 0700);
    std::filesystem::remove_all(folder);
  }
  std::string file() const { return folder + "/file"; }

  std::string folder;
};

TEST_F(FileRights, AFileThatMayBeReadHasNoFault) {
  const RightsOfDaemon rights;
  EXPECT_EQ(read_fault(file()), "");
  EXPECT_EQ(read_fault(folder + "/none"), folder + "/none: No such file or directory");
}

TEST_F(FileRights, WhatIsInTheWayIsNamed) {
  const std::string whose = " belongs to user " + std::to_string(::geteuid()) + " and has mode ";
  ::chmod(file().c_str(), 0);
  const RightsOfDaemon rights;
  EXPECT_EQ(read_fault(file()),
            file() + ": Permission denied: " + file() + whose + "0000; run: chmod u+r " + file());
  ::chmod(folder.c_str(), 0600);
  EXPECT_EQ(read_fault(file()),
            file() + ": Permission denied: " + folder + whose + "0600; run: chmod u+x " + folder);
  EXPECT_EQ(folder_fault(folder, FolderUse::kState),
            folder + " cannot be written: Permission denied: " + folder + whose +
                "0600; run: chmod u+rwx " + folder);
  ::chmod(folder.c_str(), 0755);
  EXPECT_EQ(folder_fault(folder, FolderUse::kState), "");
  EXPECT_EQ(folder_fault(file(), FolderUse::kShared), file() + " is not a directory");
}

TEST_F(FileRights, WhoeverPassedPermissionsDoesSoAgain) {
  ::chmod(file().c_str(), 0);
  const bool before = read_fault(file()).empty();
  { const RightsOfDaemon rights; }
  EXPECT_EQ(read_fault(file()).empty(), before);
}

}  // namespace
}  // namespace holdfast
