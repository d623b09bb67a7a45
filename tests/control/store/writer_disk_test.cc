// SPDX-License-Identifier: Apache-2.0
// The writer through all that a disk can do to it, and through its own death.
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/control/store/writer_fixture.hh"

namespace holdfast::store {
namespace {

using WriterDiskTest = WriterTest;

TEST_F(WriterDiskTest, AFullQueueDropsAndCounts) {
  auto small = config();
  small.max_queue = 10;
  start(small);
  FailingVfs::code = SQLITE_FULL;
  writer_->put(BeganItem{call(1000), 1000});
  wait_for_trouble(Trouble::kFull);  // the thread has the first one in hand
  size_t taken = 0;
  for (uint64_t key = 1; key <= 25; ++key) taken += writer_->put(BeganItem{call(key), 1000});
  EXPECT_EQ(taken, 10U);
  EXPECT_EQ(writer_->status().dropped, 15U);
  EXPECT_EQ(writer_->status().queued, 11U);
  FailingVfs::code = 0;
  EXPECT_EQ(calls().size(), 11U);
  EXPECT_EQ(writer_->status().queued, 0U);
}

TEST_F(WriterDiskTest, ADiskThatIsFullForAWhileLosesNothing) {
  start();
  writer_->put(BeganItem{call(1), 1000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  FailingVfs::code = SQLITE_FULL;
  writer_->put(BindingsItem{{binding("1000")}});
  writer_->put(BeganItem{call(2), 1000});
  wait_for_trouble(Trouble::kFull);
  EXPECT_FALSE(writer_->status().text.empty());
  EXPECT_GE(writer_->status().failures, 1U);
  FailingVfs::code = 0;
  EXPECT_EQ(calls().size(), 2U);
  EXPECT_EQ(Reader(path()).bindings()->size(), 1U);
  EXPECT_EQ(writer_->status().trouble, Trouble::kNone);
  EXPECT_EQ(lines_with("cannot be written"), 1U) << "said once, however often it was tried";
  EXPECT_EQ(lines_with("written again"), 1U);
}

TEST_F(WriterDiskTest, AFailingDiskAtTheEndHoldsUpNobody) {
  start();
  FailingVfs::code = SQLITE_IOERR_WRITE;
  writer_->put(BeganItem{call(1), 1000});
  wait_for_trouble(Trouble::kIo);
  writer_.reset();  // returns, in some two seconds; the test would hang else
  FailingVfs::code = 0;
  EXPECT_TRUE(Reader(path()).calls({})->empty());
}

TEST_F(WriterDiskTest, ALockedDatabaseIsWaitedFor) {
  start();
  writer_->put(BeganItem{call(1), 1000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  auto other = Database::open(path(), Database::Mode::kWrite);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->execute("BEGIN EXCLUSIVE"));
  writer_->put(BeganItem{call(2), 1000});
  wait_for_trouble(Trouble::kLocked);
  ASSERT_TRUE((*other)->execute("ROLLBACK"));
  EXPECT_EQ(calls().size(), 2U);
}

TEST_F(WriterDiskTest, ADamagedFileIsMovedAsideAndANewOneMade) {
  std::ofstream(path()) << "this is no database, and long enough to look at: " +
                               std::string(4096, 'x');
  start();
  writer_->put(BeganItem{call(1), 1000});
  EXPECT_EQ(calls().size(), 1U);
  const auto aside = writer_->status().moved_aside;
  EXPECT_TRUE(std::filesystem::exists(aside)) << aside;
  EXPECT_EQ(writer_->status().trouble, Trouble::kNone);
  EXPECT_EQ(lines_with("it is kept as " + aside), 1U);
}

TEST_F(WriterDiskTest, DamageInTheMiddleOfWorkCostsTheFileNotTheDaemon) {
  start();
  for (uint64_t key = 1; key <= 500; ++key) writer_->put(BeganItem{call(key), 1000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  writer_.reset();  // so that all is in the file, none of it in a cache
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<long>(std::filesystem::file_size(path()));
    for (long at = 4096 + 8; at + 8 < size; at += 512) {  // the first page stays: it opens well
      file.seekp(at);
      file.write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    }
  }
  start();
  for (uint64_t key = 1; key <= 50; ++key) writer_->put(BeganItem{call(key, "sip:new@b"), 2000});
  const auto all = calls();
  EXPECT_EQ(all.size(), 50U);
  EXPECT_FALSE(writer_->status().moved_aside.empty());
}

TEST_F(WriterDiskTest, ASchemaFromTheFutureIsKeptAside) {
  {
    auto future = Database::open(path(), Database::Mode::kWrite);
    ASSERT_TRUE(future && (*future)->execute("CREATE TABLE calls(x); PRAGMA user_version = 99"));
  }
  start();
  writer_->put(BeganItem{call(1), 1000});
  EXPECT_EQ(calls().size(), 1U);
  EXPECT_EQ(lines_with("newer version of Holdfast (schema 99)"), 1U);
}

TEST_F(WriterDiskTest, WhatIsCommittedOutlivesKill9) {
  int tell[2];
  ASSERT_EQ(::pipe(tell), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Writer writer(config(), [](LogLevel, const std::string&) {});
    for (uint64_t key = 1;; ++key) {
      writer.put(BeganItem{call(key), 1000});
      if (key % 50 != 0) continue;
      writer.flush(seconds(20));
      if (::write(tell[1], &key, sizeof key) != sizeof key) ::_exit(1);
    }
  }
  uint64_t promised = 0;
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(::read(tell[0], &promised, sizeof promised), static_cast<ssize_t>(sizeof promised));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(tell[0]);
  ::close(tell[1]);

  start();  // without a word of damage
  CallQuery everything;
  everything.limit = 1'000'000;
  const auto all = calls(everything);
  EXPECT_GE(all.size(), promised);
  EXPECT_TRUE(writer_->status().moved_aside.empty());
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i].call_key, all.size() - i) << "in order";
}

}  // namespace
}  // namespace holdfast::store
