// SPDX-License-Identifier: Apache-2.0
// Full and failing disks: serve on, store nothing, lose nothing, come back.
#include <sqlite3.h>

#include <cerrno>

#include "tests/provision-proxy/store/store_fixture.hh"

namespace holdfast::provision {
namespace {

class DiskTest : public StoreTest {
 protected:
  void recover() {
    steady_ms_ += config_.retry_ms;
    store_->tick();
    store_->drain();
    store_->tick();
    store_->drain();
  }
};

struct Fault {
  const char* name;
  int write, sync, rename, sqlite;
  StoreError state;
};
const Fault kFaults[] = {
    {"write ENOSPC", ENOSPC, 0, 0, 0, StoreError::kDiskFull},
    {"write EDQUOT", EDQUOT, 0, 0, 0, StoreError::kDiskFull},
    {"write EIO", EIO, 0, 0, 0, StoreError::kDiskError},
    {"fsync ENOSPC", 0, ENOSPC, 0, 0, StoreError::kDiskFull},
    {"fsync EIO", 0, EIO, 0, 0, StoreError::kDiskError},
    {"rename ENOSPC", 0, 0, ENOSPC, 0, StoreError::kDiskFull},
    {"rename EIO", 0, 0, EIO, 0, StoreError::kDiskError},
    {"SQLite full", 0, 0, 0, SQLITE_FULL, StoreError::kDiskFull},
    {"SQLite I/O", 0, 0, 0, SQLITE_IOERR_WRITE, StoreError::kDiskError},
};

TEST_F(DiskTest, EachFaultIsAStateThatEndsWithIt) {
  for (const auto& fault : kFaults) {
    SCOPED_TRACE(fault.name);
    std::filesystem::remove_all(config_.directory);
    alarms_.clear();
    open();
    const Key key = key_of("/a");
    ASSERT_EQ(put(key, "old", Keep::kLastGood), StoreError::kNone);
    disk_.write_error = fault.write;
    disk_.sync_error = fault.sync;
    disk_.rename_error = fault.rename;
    store::FailingVfs::code = fault.sqlite;
    EXPECT_EQ(put(key, "new", Keep::kLastGood), fault.state);
    EXPECT_EQ(store_->status().state, fault.state);
    EXPECT_EQ(alarms_.size(), 1U);
    // Stopped; what is there is served.
    EXPECT_EQ(store_->begin_fill()->error(), fault.state);
    EXPECT_EQ(current(key), "old");
    recover();
    if (fault.rename == 0) {  // a probe renames nothing
      EXPECT_EQ(store_->status().state, fault.state);
      EXPECT_EQ(alarms_.size(), 1U);  // once
    }
    disk_.heal();
    store::FailingVfs::code = 0;
    recover();
    EXPECT_EQ(store_->status().state, StoreError::kNone);
    EXPECT_EQ(store_->status().trouble, "");
    EXPECT_EQ(store_->status().disk_troubles, 1U);
    EXPECT_EQ(files_in("tmp"), 0U);
    EXPECT_EQ(put(key, "new", Keep::kLastGood), StoreError::kNone);
    for (int run = 0; run < 2; ++run) {
      EXPECT_EQ(current(key), "new");
      EXPECT_EQ(store_->generations(key).size(), 2U);
      EXPECT_EQ(files_in("bodies"), 2U);
      open();
    }
  }
}

TEST_F(DiskTest, WhatWasToBeEvictedStaysWhenTheDiskRefusesTheOther) {
  open();
  ASSERT_EQ(put(key_of("/a"), bytes_of(600'000, 'a')), StoreError::kNone);
  store::FailingVfs::code = SQLITE_FULL;
  EXPECT_EQ(put(key_of("/b"), bytes_of(600'000, 'b')), StoreError::kDiskFull);
  store::FailingVfs::code = 0;
  EXPECT_EQ(current(key_of("/a")), brief_of(600'000, 'a'));
  EXPECT_EQ(store_->status().body_bytes, 600'000U);
  recover();
  ASSERT_EQ(put(key_of("/b"), bytes_of(600'000, 'b')), StoreError::kNone);
  EXPECT_EQ(store_->status().body_bytes, 600'000U);
  EXPECT_TRUE(store_->find(key_of("/a")).empty());
}

TEST_F(DiskTest, WhatMustBeForgottenIsTriedUntilItIsWritten) {
  open();
  for (const char* name : {"/removed", "/invalid", "/rolled"}) {
    ASSERT_EQ(put(key_of(name), std::string(name) + " good", Keep::kLastGood), StoreError::kNone);
    ASSERT_EQ(put(key_of(name), std::string(name) + " bad", Keep::kLastGood), StoreError::kNone);
  }
  store::FailingVfs::code = SQLITE_IOERR_WRITE;
  EXPECT_EQ(done_of([&](auto done) { store_->remove(key_of("/removed"), done); }),
            StoreError::kDiskError);
  EXPECT_EQ(done_of([&](auto done) { store_->invalidate(key_of("/invalid"), done); }),
            StoreError::kDiskError);
  EXPECT_EQ(done_of([&](auto done) { store_->rollback(key_of("/rolled"), done); }),
            StoreError::kDiskError);
  const auto expect = [&] {
    EXPECT_TRUE(store_->find(key_of("/removed")).empty());
    EXPECT_TRUE(store_->find(key_of("/invalid")).front()->must_validate);
    EXPECT_EQ(current(key_of("/rolled")), "/rolled good");
  };
  expect();  // in memory at once
  store::FailingVfs::code = 0;
  recover();
  EXPECT_EQ(files_in("bodies"), 4U);
  open();
  expect();
  EXPECT_EQ(store_->status().orphans_removed, 0U);
}

TEST_F(DiskTest, AnUpdateIsUsedThoughItCannotBeWritten) {
  open();
  ASSERT_EQ(put(key_of("/a"), "body"), StoreError::kNone);
  store::FailingVfs::code = SQLITE_FULL;
  const auto entry = store_->find(key_of("/a")).front();
  EXPECT_EQ(
      done_of([&](auto done) { store_->update(entry, meta_of(200, "new", 1'900'000), done); }),
      StoreError::kDiskFull);
  EXPECT_EQ(store_->find(key_of("/a")).front()->meta.validated_ms, 1'900'000);
}

TEST_F(DiskTest, FullOfGoodCopiesIsAState) {
  open();
  ASSERT_EQ(put(key_of("/a.cfg"), bytes_of(500'000, 'a'), Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_of("/b.cfg"), bytes_of(400'000, 'b'), Keep::kLastGood), StoreError::kNone);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(put(key_of("/c"), bytes_of(300'000, 'c')), StoreError::kFull);
  EXPECT_EQ(store_->status().state, StoreError::kFull);
  EXPECT_EQ(store_->status().full_refusals, 3U);
  EXPECT_EQ(alarms_.size(), 1U);
  EXPECT_EQ(current(key_of("/a.cfg")), brief_of(500'000, 'a'));
  EXPECT_EQ(current(key_of("/b.cfg")), brief_of(400'000, 'b'));
  // A new good copy takes the old one's room, once it is written.
  EXPECT_EQ(put(key_of("/a.cfg"), bytes_of(500'000, 'A'), Keep::kLastGood), StoreError::kNone);
  EXPECT_EQ(store_->status().state, StoreError::kNone);
  EXPECT_EQ(store_->generations(key_of("/a.cfg")).size(), 1U);
  EXPECT_EQ(put(key_of("/small"), "c"), StoreError::kNone);
}

TEST_F(DiskTest, AnIndexDamagedWhileWeRunIsWrittenAnewFromMemory) {
  open();
  ASSERT_EQ(put(key_of("/a"), "good", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_of("/a"), "bad", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(done_of([&](auto done) { store_->rollback(key_of("/a"), done); }), StoreError::kNone);
  store_->note_fetch(key_of("/a"), "0004f282e824", "VVX", 200);
  store::FailingVfs::code = SQLITE_CORRUPT;
  EXPECT_EQ(put(key_of("/b"), "body"), StoreError::kDiskError);
  store::FailingVfs::code = 0;
  recover();
  recover();
  EXPECT_EQ(store_->status().state, StoreError::kNone);
  EXPECT_GE(store_->status().indexes_replaced, 1U);
  EXPECT_EQ(put(key_of("/b"), "body"), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(current(key_of("/a")), "good");
    EXPECT_EQ(store_->generations(key_of("/a")).size(), 2U);
    EXPECT_EQ(store_->status().refused, 1U);
    EXPECT_EQ(current(key_of("/b")), "body");
    EXPECT_EQ(store_->fetch_log().of(key_of("/a")).size(), 1U);
    open();
  }
}

}  // namespace
}  // namespace holdfast::provision
