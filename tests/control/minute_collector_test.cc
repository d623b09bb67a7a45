// SPDX-License-Identifier: Apache-2.0
// The minute collector against a control socket whose records are the test's.
#include "control/records/minute_collector.hh"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "dataplane/control/server.hh"
#include "sip/anchor/stream_name.hh"

namespace holdfast::records {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Serves records in pages of two.
class MinuteServer : public control::ControlHandler {
 public:
  explicit MinuteServer(const std::string& path) : wake_(::eventfd(0, EFD_CLOEXEC)) {
    server_ = std::move(control::ControlServer::listen(path, *this)).value();
    thread_ = std::thread([this] {
      pollfd fds[2] = {{server_->epoll_fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
      while (::poll(fds, 2, -1) > 0 && fds[1].revents == 0) server_->on_ready();
    });
  }
  ~MinuteServer() override {
    ::eventfd_write(wake_, 1);
    thread_.join();
    ::close(wake_);
  }

  void add(const std::string& call, uint64_t lost) {
    const std::lock_guard lock(mutex_);
    control::MinuteRecord record;
    record.number = records_.size() + 1;
    record.call = call;
    record.leg = 1;
    record.interface = "lan";
    record.ssrc = 0xabc;
    record.minute_s = 1'700'000'040;
    record.expected = 140;
    record.received = 100 - lost;
    record.lost = lost;
    record.lost_by_us = 40;
    records_.push_back(record);
  }

  void handle(const control::Request& request, control::Reply reply) override {
    const auto* asked = std::get_if<control::MinuteList>(&request.operation);
    if (asked == nullptr) return reply.fail(control::ErrorCode::kUnknownOp, "not here");
    const std::lock_guard lock(mutex_);
    control::MinutePage page;
    page.epoch = epoch;
    const uint64_t after = asked->epoch == epoch ? asked->after : 0;
    page.next = after;
    for (const auto& record : records_) {
      if (record.number <= after) continue;
      if (page.records.size() == 2) {
        page.more = true;
        break;
      }
      page.records.push_back(record);
      page.next = record.number;
    }
    reply.send(page);
  }

  uint64_t epoch = 5;

 private:
  std::mutex mutex_;  // guards records_
  std::vector<control::MinuteRecord> records_;
  std::unique_ptr<control::ControlServer> server_;
  int wake_;
  std::thread thread_;
};

class CollectorTest : public testing::Test {
 protected:
  void TearDown() override {
    collector_.reset();
    server_.reset();
    ::unlink((path_ + ".lock").c_str());
  }
  void serve() { server_ = std::make_unique<MinuteServer>(path_); }
  void start(std::optional<store::MinuteCursor> cursor = {}) {
    collector_ = std::make_unique<MinuteCollector>(
        path_, cursor,
        [this](store::Item item) {
          const std::lock_guard lock(mutex_);
          if (refusals_ > 0) return --refusals_, false;
          auto& minutes = std::get<store::MinutesItem>(item);
          for (auto& row : minutes.rows) rows_.push_back(std::move(row));
          if (minutes.cursor) cursor_ = minutes.cursor;
          wake_.notify_all();
          return true;
        },
        [](LogLevel, const std::string&) {}, milliseconds(5));
  }
  void wait_for_rows(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(wake_.wait_for(lock, seconds(20), [&] { return rows_.size() >= count; }));
    EXPECT_EQ(rows_.size(), count);
  }
  // The sink has the rows a moment before the status counts them.
  bool status_becomes(const std::function<bool(const MinuteStatus&)>& wanted) {
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (!wanted(collector_->status())) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  const std::string call_ = sip::to_string(sip::StreamName{.call_key = 0xfeed, .media = "audio"});
  std::string path_ = testing::TempDir() + "hf-minutes-" + std::to_string(::getpid()) + ".sock";
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<store::MinuteRow> rows_;
  std::optional<store::MinuteCursor> cursor_;
  int refusals_ = 0;
  std::unique_ptr<MinuteServer> server_;
  std::unique_ptr<MinuteCollector> collector_;
};

TEST_F(CollectorTest, FetchesEveryPageOnce) {
  serve();
  for (uint64_t lost = 0; lost < 5; ++lost) server_->add(call_, lost);
  start();
  wait_for_rows(5);
  EXPECT_EQ(rows_[4].call_key, 0xfeedU);
  EXPECT_EQ(rows_[4].expected, 140U);
  EXPECT_EQ(rows_[4].received, 96U);
  EXPECT_EQ(rows_[4].lost, 4U);
  EXPECT_EQ(rows_[4].lost_by_us, 40U);
  EXPECT_EQ(rows_[4].minute, 28'333'334);
  EXPECT_EQ(cursor_, (store::MinuteCursor{5, 5}));
  server_->add(call_, 9);
  wait_for_rows(6);
  EXPECT_TRUE(status_becomes([](const auto& status) { return status.rows == 6; }));
}

TEST_F(CollectorTest, GoesOnWhereTheDatabaseSays) {
  serve();
  for (uint64_t lost = 0; lost < 5; ++lost) server_->add(call_, lost);
  start(store::MinuteCursor{5, 3});
  wait_for_rows(2);
  EXPECT_EQ(rows_[0].lost, 3U);
}

TEST_F(CollectorTest, AnotherDataplaneBeginsAnew) {
  serve();
  server_->add(call_, 1);
  start(store::MinuteCursor{4, 3000});
  wait_for_rows(1);
  EXPECT_EQ(cursor_, (store::MinuteCursor{5, 1}));
}

TEST_F(CollectorTest, WhatAFullQueueRefusesIsAskedForAgain) {
  serve();
  for (uint64_t lost = 0; lost < 3; ++lost) server_->add(call_, lost);
  refusals_ = 3;
  start();
  wait_for_rows(3);
  EXPECT_TRUE(status_becomes([](const auto& status) { return status.rows == 3; }));
}

TEST_F(CollectorTest, CallsOfOthersAreLeftOut) {
  serve();
  server_->add("by-hand", 1);
  server_->add(call_, 2);
  start();
  wait_for_rows(1);
  EXPECT_TRUE(status_becomes([](const auto& status) { return status.not_of_calls == 1; }));
}

TEST_F(CollectorTest, ADataplaneThatComesLaterIsFound) {
  start();
  EXPECT_TRUE(status_becomes([](const auto& status) {
    return status.last_error.find("is not running") != std::string::npos;
  }));
  serve();
  server_->add(call_, 1);
  wait_for_rows(1);
}

}  // namespace
}  // namespace holdfast::records
