// SPDX-License-Identifier: Apache-2.0
// The spool: order, bounds, the ring of logs, and what a power cut or a bad disk leaves behind.
#include "provision-proxy/spool/spool.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace holdfast::provision {
namespace {

constexpr uint64_t kAbout = 300;  // what a file has beside its body

class SpoolTest : public testing::Test {
 protected:
  struct FailingDisk : Disk {
    int write(int fd, std::span<const char> bytes) override {
      return write_error != 0 ? write_error : Disk::write(fd, bytes);
    }
    int sync(int fd) override {
      ++syncs;
      return syncs == failing_sync ? EIO : Disk::sync(fd);
    }
    int rename(const std::string& from, const std::string& to) override {
      return rename_error != 0 ? rename_error : Disk::rename(from, to);
    }
    int write_error = 0, rename_error = 0, syncs = 0, failing_sync = 0;
  };

  void SetUp() override {
    config_.directory = testing::TempDir() + "hf-spool-" + std::to_string(::getpid()) + "-" +
                        testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(config_.directory);
    open();
  }
  void TearDown() override { std::filesystem::remove_all(config_.directory); }
  void open() {
    spool_.reset();
    auto opened = Spool::open(config_, disk_);
    ASSERT_TRUE(opened);
    spool_ = std::move(opened).value();
  }

  static Upload upload(const std::string& target, const std::string& body,
                       SpoolKind kind = SpoolKind::replay, const std::string& phone = "a") {
    Upload made;
    made.kind = kind;
    made.at_ms = 1'700'000'000'000;
    made.origin = "centre";
    made.phone = phone;
    made.method = "PUT";
    made.target = target;
    made.fields.add("Content-Type", "text/xml");
    made.body = body;
    return made;
  }
  std::string_view add(Upload what) { return name_of(spool_->add(std::move(what))); }
  // "target=body" of all that is there, in order.
  std::string all() {
    std::string text;
    std::vector<uint64_t> numbers;
    for (const auto& [number, item] : spool_->items()) numbers.push_back(number);
    for (const auto number : numbers) {
      const auto got = spool_->read(number);
      text += (text.empty() ? "" : " ") + (got ? got->target + "=" + got->body : "[gone]");
    }
    return text;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(config_.directory))
      names.push_back(file.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  void spoil(const std::string& name, size_t at) const {
    std::fstream file(config_.directory + "/" + name, std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('~');
  }

  SpoolConfig config_;
  FailingDisk disk_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, ComesBackAsItWasInOrder) {
  Upload odd = upload("/a?b=c", std::string("\0\r\n\r\nholdfast-upload 1", 22));
  odd.method = "POST";
  odd.phone = "at 198.18.1.10";
  odd.fields.add("X-Empty", "");
  odd.fields.add("Content-Type", "again");
  ASSERT_EQ(add(odd), "kept");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(add(upload("/" + std::to_string(i), "x")), "kept");
  open();
  const auto* first = spool_->next("centre");
  ASSERT_NE(first, nullptr);
  const auto got = spool_->read(first->number);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->method, "POST");
  EXPECT_EQ(got->target, "/a?b=c");
  EXPECT_EQ(got->phone, "at 198.18.1.10");
  EXPECT_EQ(got->body, odd.body);
  EXPECT_TRUE(got->fields == odd.fields) << got->fields.text();
  EXPECT_EQ(got->at_ms, odd.at_ms);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(spool_->finish(spool_->next("centre")->number));
    ASSERT_NE(spool_->next("centre"), nullptr);
    EXPECT_EQ(spool_->next("centre")->target, "/" + std::to_string(i));
  }
  EXPECT_EQ(spool_->next("elsewhere"), nullptr);
}

TEST_F(SpoolTest, NumbersRiseOverARestart) {
  add(upload("/one", "1"));
  add(upload("/two", "2"));
  spool_->finish(1);
  open();
  add(upload("/three", "3"));
  EXPECT_EQ(all(), "/two=2 /three=3");
}

TEST_F(SpoolTest, TheNewestOfAPhoneIsGivenBack) {
  add(upload("/d.xml", "old"));
  add(upload("/d.xml", "new"));
  add(upload("/d.xml", "other", SpoolKind::replay, "b"));
  EXPECT_EQ(spool_->read(spool_->newest("centre", "a", "/d.xml")->number)->body, "new");
  EXPECT_EQ(spool_->read(spool_->newest("centre", "b", "/d.xml")->number)->body, "other");
  EXPECT_EQ(spool_->newest("centre", "c", "/d.xml"), nullptr);
  EXPECT_EQ(spool_->newest("elsewhere", "a", "/d.xml"), nullptr);
}

TEST_F(SpoolTest, IsBoundedByPhone) {
  config_.max_phone_uploads = 2;
  open();
  EXPECT_EQ(add(upload("/1", "x")), "kept");
  EXPECT_EQ(add(upload("/2", "x")), "kept");
  EXPECT_EQ(add(upload("/3", "x")), "phone_full");
  EXPECT_EQ(add(upload("/3", "x", SpoolKind::replay, "b")), "kept");
  EXPECT_EQ(add(upload("/a.log", "x", SpoolKind::log)), "kept") << "logs have a share of their own";
  spool_->finish(1);
  EXPECT_EQ(add(upload("/3", "x")), "kept");
  EXPECT_EQ(spool_->status().uploads, 3U);
}

TEST_F(SpoolTest, IsBoundedByBytes) {
  config_.max_upload_bytes = 5000;
  config_.max_phone_bytes = 8000;
  config_.max_bytes = 14'000;
  open();
  EXPECT_EQ(add(upload("/1", std::string(5001, 'x'))), "too_large");
  EXPECT_EQ(add(upload("/1", std::string(5000, 'x'))), "kept");
  EXPECT_EQ(add(upload("/2", std::string(5000, 'x'))), "phone_full");
  EXPECT_EQ(add(upload("/2", std::string(5000, 'x'), SpoolKind::replay, "b")), "kept");
  EXPECT_EQ(add(upload("/3", std::string(5000, 'x'), SpoolKind::replay, "c")), "full");
  EXPECT_LE(spool_->status().bytes, 14'000U);
  EXPECT_EQ(spool_->status().results[static_cast<size_t>(SpoolResult::full)], 1U);
}

TEST_F(SpoolTest, LogsAreARing) {
  config_.max_phone_logs = 3;
  open();
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(add(upload("/" + std::to_string(i), "x", SpoolKind::log)), "kept");
  add(upload("/other", "x", SpoolKind::log, "b"));
  EXPECT_EQ(all(), "/3=x /4=x /5=x /other=x");
  EXPECT_EQ(spool_->status().logs_dropped, 3U);
  open();
  EXPECT_EQ(all(), "/3=x /4=x /5=x /other=x");
}

TEST_F(SpoolTest, LogsMakeRoomForWhatMustReachTheCentre) {
  config_.max_bytes = 3 * (1000 + kAbout) + 500;
  open();
  const std::string body(1000, 'x');
  EXPECT_EQ(add(upload("/1.log", body, SpoolKind::log, "b")), "kept");
  EXPECT_EQ(add(upload("/2.log", body, SpoolKind::log, "b")), "kept");
  EXPECT_EQ(add(upload("/1", body)), "kept");
  EXPECT_EQ(add(upload("/2", body)), "kept");
  EXPECT_EQ(spool_->newest("centre", "b", "/1.log"), nullptr);
  EXPECT_NE(spool_->newest("centre", "b", "/2.log"), nullptr);
  EXPECT_EQ(add(upload("/3", body)), "kept");
  EXPECT_EQ(add(upload("/4", body)), "full");
  EXPECT_EQ(add(upload("/3.log", body, SpoolKind::log, "c")), "full") << "a log displaces no file";
  EXPECT_EQ(spool_->status().uploads, 3U);
  EXPECT_EQ(spool_->status().logs, 0U);
}

TEST_F(SpoolTest, IsBoundedByNumber) {
  config_.max_uploads = 2;
  open();
  add(upload("/1.log", "x", SpoolKind::log, "b"));
  EXPECT_EQ(add(upload("/1", "x")), "kept");
  EXPECT_EQ(add(upload("/2", "x", SpoolKind::replay, "b")), "kept");
  EXPECT_EQ(add(upload("/3", "x", SpoolKind::replay, "c")), "full");
  EXPECT_EQ(all(), "/1=x /2=x");
}

TEST_F(SpoolTest, ADiskThatFailsLeavesNothingBehind) {
  disk_.write_error = ENOSPC;
  EXPECT_EQ(add(upload("/1", "x")), "disk_error");
  disk_.write_error = 0;
  disk_.rename_error = EIO;
  EXPECT_EQ(add(upload("/2", "x")), "disk_error");
  disk_.rename_error = 0;
  disk_.failing_sync = disk_.syncs + 1;  // of the file
  EXPECT_EQ(add(upload("/3", "x")), "disk_error");
  disk_.failing_sync = disk_.syncs + 2;  // of the folder
  EXPECT_EQ(add(upload("/4", "x")), "disk_error");
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(add(upload("/5", "x")), "kept");
  EXPECT_EQ(all(), "/5=x");
  open();
  EXPECT_EQ(all(), "/5=x");
}

TEST_F(SpoolTest, HalfWrittenOnesGoAtTheStart) {
  add(upload("/1", "x"));
  std::ofstream(config_.directory + "/0000000000000009.new") << "holdfast-upload 1 12";
  std::ofstream(config_.directory + "/a-file-of-somebody-else") << "?";
  open();
  EXPECT_EQ(all(), "/1=x");
  EXPECT_EQ(files(),
            (std::vector<std::string>{"0000000000000001.upload", "a-file-of-somebody-else"}));
  add(upload("/2", "y"));
  EXPECT_EQ(all(), "/1=x /2=y");
}

// Each byte counts, wherever it is altered or cut.
TEST_F(SpoolTest, DamagedOnesAreMovedAside) {
  add(upload("/1", "body"));
  const std::string name = "0000000000000001.upload";
  const auto size = std::filesystem::file_size(config_.directory + "/" + name);
  std::ostringstream good;
  good << std::ifstream(config_.directory + "/" + name).rdbuf();
  for (size_t at = 0; at < size; ++at) {
    std::ofstream(config_.directory + "/" + name) << good.str();
    spoil(name, at);
    open();
    EXPECT_EQ(all(), "") << at;
    EXPECT_EQ(spool_->status().damaged, 1U) << at;
    const auto damage = spool_->take_damage();
    ASSERT_EQ(damage.size(), 1U) << at;
    EXPECT_EQ(damage[0].file, config_.directory + "/0000000000000001.damaged");
    std::ofstream(config_.directory + "/" + name) << good.str().substr(0, at);
    open();
    EXPECT_EQ(all(), "") << at;
  }
  EXPECT_EQ(files(), std::vector<std::string>{"0000000000000001.damaged"});
  std::ofstream(config_.directory + "/0000000000000007.upload") << good.str();
  open();
  EXPECT_EQ(all(), "") << "another number than its own";
}

TEST_F(SpoolTest, DamagedWhileItWaits) {
  add(upload("/1", "body"));
  add(upload("/2", "body"));
  spoil("0000000000000001.upload", 100);
  EXPECT_EQ(all(), "[gone] /2=body");
  const auto damage = spool_->take_damage();
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_EQ(damage[0].target, "/1") << "whose it was is known";
  EXPECT_FALSE(damage[0].phone.empty());
  EXPECT_TRUE(spool_->take_damage().empty());
  EXPECT_EQ(spool_->next("centre")->target, "/2");
}

TEST_F(SpoolTest, ADirectoryThatIsNoneIsAnError) {
  std::ofstream(config_.directory + "/file") << "?";
  SpoolConfig config = config_;
  config.directory += "/file";
  EXPECT_FALSE(Spool::open(config));
}

TEST_F(SpoolTest, IsForItsOwnerAlone) {
  add(upload("/1", "secret"));
  using std::filesystem::perms;
  const auto mode = [](const std::string& path) {
    return std::filesystem::status(path).permissions();
  };
  EXPECT_EQ(mode(config_.directory), perms::owner_all);
  EXPECT_EQ(mode(config_.directory + "/0000000000000001.upload"),
            perms::owner_read | perms::owner_write);
}

}  // namespace
}  // namespace holdfast::provision
