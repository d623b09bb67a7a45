// SPDX-License-Identifier: Apache-2.0
// The spool's thread: what is asked is done in order, and the view is that of the last poll.
#include "provision-proxy/spool/spool_worker.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

namespace holdfast::provision {
namespace {

class SpoolWorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.directory = testing::TempDir() + "hf-spool-worker-" + std::to_string(::getpid()) + "-" +
                        testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(config_.directory);
    open();
  }
  void TearDown() override {
    worker_.reset();
    std::filesystem::remove_all(config_.directory);
  }
  void open(Disk& disk = Disk::real()) {
    worker_.reset();
    auto opened = SpoolWorker::open(
        config_, [this] { ++wakes_; }, disk);
    ASSERT_TRUE(opened);
    worker_ = std::move(opened).value();
  }
  void add(const std::string& phone, const std::string& target, const std::string& body,
           const std::string& method = "PUT") {
    Upload upload;
    upload.origin = "centre";
    upload.phone = phone;
    upload.method = method;
    upload.target = target;
    upload.body = body;
    worker_->add(std::move(upload), [this](SpoolResult result) { results_.push_back(result); });
  }
  std::string read(const Spool::Item* item) {
    if (item == nullptr) return "none";
    std::string body = "nothing";
    worker_->read(item->number, [&](std::optional<Upload> got) {
      if (got) body = got->body;
    });
    worker_->drain();
    return body;
  }
  const Spool::Item* newest(const std::string& phone, const std::string& target) {
    return worker_->newest({"centre", target, phone});
  }

  SpoolConfig config_;
  std::atomic<int> wakes_{0};
  std::vector<SpoolResult> results_;
  std::unique_ptr<SpoolWorker> worker_;
};

TEST_F(SpoolWorkerTest, TheViewFollows) {
  add("a", "/x", "1");
  EXPECT_TRUE(worker_->waits("centre", "a")) << "on its way counts";
  EXPECT_EQ(newest("a", "/x"), nullptr) << "but is not there yet";
  add("a", "/x", "2");
  add("b", "/x", "3");
  add("a", "/y", "4", "POST");
  worker_->drain();
  EXPECT_EQ(results_, std::vector<SpoolResult>(4, SpoolResult::kept));
  EXPECT_GE(wakes_, 4);
  EXPECT_EQ(read(newest("a", "/x")), "2");
  EXPECT_EQ(read(newest("b", "/x")), "3");
  EXPECT_EQ(newest("a", "/y"), nullptr) << "a POST makes no file";
  EXPECT_EQ(read(worker_->next("centre", {})), "1");
  EXPECT_EQ(read(worker_->next("centre", {"a"})), "3");
  EXPECT_EQ(worker_->next("elsewhere", {}), nullptr);
  EXPECT_EQ(worker_->status().uploads, 4U);
  for (int left = 4; left > 0; --left) {
    const auto* item = worker_->next("centre", {});
    ASSERT_NE(item, nullptr);
    bool finished = false;
    worker_->finish(item->number, [&] { finished = true; });
    worker_->drain();
    EXPECT_TRUE(finished);
  }
  EXPECT_FALSE(worker_->waits("centre", "a"));
  EXPECT_EQ(newest("a", "/x"), nullptr);
  EXPECT_EQ(worker_->status().finished, 4U);
}

TEST_F(SpoolWorkerTest, WhatWasAskedForIsDoneBeforeItEnds) {
  for (int i = 0; i < 20; ++i) add("a", "/x", std::to_string(i));
  open();
  EXPECT_TRUE(results_.empty()) << "no callback after the end";
  EXPECT_EQ(worker_->status().uploads, 20U);
  EXPECT_EQ(read(newest("a", "/x")), "19");
  EXPECT_TRUE(worker_->waits("centre", "a"));
}

TEST_F(SpoolWorkerTest, WhatIsRefusedDoesNotWait) {
  struct Full : Disk {
    int write(int, std::span<const char>) override { return ENOSPC; }
  } full;
  open(full);
  add("a", "/x", "1");
  worker_->drain();
  EXPECT_EQ(results_, std::vector<SpoolResult>{SpoolResult::disk_error});
  EXPECT_FALSE(worker_->waits("centre", "a"));
  worker_.reset();
}

TEST_F(SpoolWorkerTest, LogsThatMakeRoomLeaveTheView) {
  config_.max_phone_logs = 1;
  open();
  for (const char* body : {"1", "2"}) {
    Upload log;
    log.kind = SpoolKind::log;
    log.origin = "centre";
    log.phone = "a";
    log.method = "PUT";
    log.target = "/a.log";
    log.body = body;
    worker_->add(std::move(log), [](SpoolResult) {});
  }
  worker_->drain();
  EXPECT_EQ(read(worker_->next("centre", {})), "2");
  EXPECT_EQ(worker_->status().logs, 1U);
  EXPECT_EQ(worker_->status().logs_dropped, 1U);
}

TEST_F(SpoolWorkerTest, ADirectoryThatIsNoneIsAnError) {
  config_.directory = "/proc/nowhere";
  EXPECT_FALSE(SpoolWorker::open(config_, [] {}));
}

}  // namespace
}  // namespace holdfast::provision
