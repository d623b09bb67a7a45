// SPDX-License-Identifier: Apache-2.0
// A writer on a disk that can be told to fail, and what it is given to write.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/store/reader.hh"
#include "control/store/writer.hh"
#include "tests/control/store/failing_vfs.hh"

namespace holdfast::store {

using std::chrono::seconds;

inline sip::CallBegan call(uint64_t key, const std::string& dialled = "sip:1001@branch") {
  sip::CallBegan began;
  began.call_key = key;
  began.call_id = "id-" + std::to_string(key);
  began.from = "sip:1000@branch";
  began.to = began.dialled = dialled;
  began.origin = {*SocketAddress::parse("198.18.1.10:5060"), sip::Transport::udp, "lan"};
  began.decision = "to_centre";
  return began;
}
inline sip::CallEnded end_of(uint64_t key, sip::CallEnd end = sip::CallEnd::caller_hung_up) {
  sip::CallEnded ended;
  ended.call_key = key;
  ended.end = end;
  return ended;
}
inline sip::SavedBinding binding(const std::string& user,
                                 const std::string& source = "198.18.1.10:5060") {
  sip::SavedBinding b;
  b.aor = "sip:" + user + "@centre.example";
  b.contact = "sip:" + user + "@" + source;
  b.interface = "lan";
  b.transport = "udp";
  b.source = source;
  b.path = {"sip:a;lr", "sip:b;lr"};
  b.remaining_ms = 600'000;
  return b;
}

inline MinuteRow minute(uint64_t call_key, std::optional<uint32_t> ssrc, uint64_t expected,
                        uint64_t lost, uint32_t run, uint64_t lost_by_us = 0) {
  MinuteRow row;
  row.call_key = call_key;
  row.stream = "hf-1/0";
  row.leg = 7;
  row.interface = "lan";
  row.ssrc = ssrc;
  row.minute = 28;
  row.expected = expected;
  row.received = expected - lost - lost_by_us;
  row.lost = lost;
  row.lost_by_us = lost_by_us;
  row.longest_loss_run = run;
  return row;
}

class WriterTest : public testing::Test {
 protected:
  void SetUp() override {
    FailingVfs::install();
    FailingVfs::code = 0;
    directory_ = testing::TempDir() + "hf-store-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override {
    FailingVfs::code = 0;
    writer_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/holdfast.db"; }
  WriterConfig config() const {
    WriterConfig config;
    config.path = path();
    config.commit_ms = 1;
    config.retry_ms = 5;
    return config;
  }
  void start(const WriterConfig& config) {
    writer_ = std::make_unique<Writer>(config, [this](LogLevel, const std::string& text) {
      const std::lock_guard lock(mutex_);
      log_.push_back(text);
    });
  }
  void start() { start(config()); }
  // What the database has once all that was put is committed.
  std::vector<CallRecord> calls(const CallQuery& query = {}) {
    EXPECT_TRUE(writer_->flush(seconds(20)));
    auto read = Reader(path()).calls(query);
    EXPECT_TRUE(read) << read.error().text;
    return read ? std::move(read).value() : std::vector<CallRecord>{};
  }
  size_t lines_with(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(log_.begin(), log_.end(), [&](const auto& line) {
      return line.find(text) != std::string::npos;
    }));
  }
  void wait_for_trouble(Trouble trouble) {
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (writer_->status().trouble != trouble && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(writer_->status().trouble, trouble);
  }

  std::string directory_;
  std::unique_ptr<Writer> writer_;
  std::mutex mutex_;
  std::vector<std::string> log_;
};

}  // namespace holdfast::store
