// SPDX-License-Identifier: Apache-2.0
// Remarks: over restarts, over a full disk, bounded, and in an index that knew none.
#include <sqlite3.h>

#include "tests/provision-proxy/store/store_fixture.hh"

namespace holdfast::provision {
namespace {

using enum RemarkKind;

class RemarkTest : public StoreTest {
 protected:
  void execute(const char* sql) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((config_.directory + "/index.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(db);
  }
  void recover() {
    store::FailingVfs::code = 0;
    steady_ms_ += config_.retry_ms;
    for (int i = 0; i < 2; ++i) {
      store_->tick();
      store_->drain();
    }
  }
};

TEST_F(RemarkTest, OutlastARestart) {
  open();
  EXPECT_TRUE(store_->set_remark(key_of("/a", "one"), kRefused, {1, 5}));
  EXPECT_TRUE(store_->set_remark(key_of("/a", "one"), kDenied, {2, 6}));
  EXPECT_TRUE(store_->set_remark(key_of("/b"), kDenied, {1, 7}));
  EXPECT_TRUE(store_->set_remark(key_of("/b"), kDenied, {2, 7}));
  EXPECT_TRUE(store_->set_remark(key_of("/c"), kDenied, {1, 8}));
  EXPECT_TRUE(store_->set_remark(key_of("/c"), kDenied, {}));
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(store_->remark(key_of("/a", "one"), kRefused), (Remark{1, 5}));
    EXPECT_EQ(store_->remark(key_of("/a", "one"), kDenied), (Remark{2, 6}));
    EXPECT_EQ(store_->remark(key_of("/a", "two"), kRefused), Remark{});
    EXPECT_EQ(store_->remark(key_of("/b"), kDenied), (Remark{2, 7}));
    EXPECT_EQ(store_->remark(key_of("/c"), kDenied), Remark{});
    open();
  }
  EXPECT_EQ(store_->status().unusable_rows, 0U);
}

TEST_F(RemarkTest, AreWrittenOnceTheDiskTakesThem) {
  open();
  store_->set_remark(key_of("/stays"), kRefused, {1, 1});
  store_->drain();
  store::FailingVfs::code = SQLITE_FULL;
  store_->set_remark(key_of("/new"), kRefused, {1, 2});
  store_->set_remark(key_of("/gone"), kRefused, {1, 3});
  store_->drain();
  EXPECT_EQ(store_->remark(key_of("/new"), kRefused), (Remark{1, 2})) << "known at once";
  store::FailingVfs::code = 0;  // taken again, before the store has found out
  store_->set_remark(key_of("/gone"), kRefused, {});
  store_->set_remark(key_of("/stays"), kRefused, {});
  store_->drain();
  recover();
  open();
  EXPECT_EQ(store_->remark(key_of("/new"), kRefused), (Remark{1, 2}));
  EXPECT_EQ(store_->remark(key_of("/gone"), kRefused), Remark{}) << "an older one came after";
  EXPECT_EQ(store_->remark(key_of("/stays"), kRefused), Remark{});
}

TEST_F(RemarkTest, AreBounded) {
  config_.max_remarks = 3;
  open();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(store_->set_remark(key_of("/" + std::to_string(i)), kRefused, {1, 1}));
  EXPECT_FALSE(store_->set_remark(key_of("/3"), kRefused, {1, 1}));
  EXPECT_EQ(store_->remark(key_of("/3"), kRefused), Remark{});
  EXPECT_TRUE(store_->set_remark(key_of("/2"), kRefused, {2, 1})) << "it is there already";
  EXPECT_TRUE(store_->set_remark(key_of("/3"), kDenied, {1, 1})) << "of another kind";
  store_->set_remark(key_of("/0"), kRefused, {});
  EXPECT_TRUE(store_->set_remark(key_of("/3"), kRefused, {1, 1}));
}

TEST_F(RemarkTest, AnIndexWithoutThemGetsThem) {
  open();
  ASSERT_EQ(put(key_of("/a"), "a"), StoreError::kNone);
  execute("DROP TABLE remarks; PRAGMA user_version = 1");
  open();
  EXPECT_EQ(store_->status().indexes_replaced, 0U);
  EXPECT_EQ(current(key_of("/a")), "a") << "nothing is lost by it";
  store_->set_remark(key_of("/a"), kDenied, {1, 1});
  open();
  EXPECT_EQ(store_->remark(key_of("/a"), kDenied), (Remark{1, 1}));
}

TEST_F(RemarkTest, RowsThatMakeNoSenseAreNotBelieved) {
  open();
  execute(
      "INSERT INTO remarks VALUES('https://centre.example', '/a', '', 7, 1, 1);"
      "INSERT INTO remarks VALUES('https://centre.example', '/a', '', 0, -1, 1)");
  open();
  EXPECT_EQ(store_->status().unusable_rows, 2U);
  EXPECT_EQ(store_->remark(key_of("/a"), kRefused), Remark{});
}

TEST_F(RemarkTest, ALostIndexIsWrittenAnewWithThem) {
  open();
  store_->set_remark(key_of("/a"), kDenied, {1, 1});
  store_->drain();
  store::FailingVfs::code = SQLITE_CORRUPT;
  store_->set_remark(key_of("/b"), kDenied, {1, 2});
  store_->drain();
  recover();
  recover();
  open();
  EXPECT_EQ(store_->remark(key_of("/a"), kDenied), (Remark{1, 1}));
  EXPECT_EQ(store_->remark(key_of("/b"), kDenied), (Remark{1, 2}));
}

}  // namespace
}  // namespace holdfast::provision
