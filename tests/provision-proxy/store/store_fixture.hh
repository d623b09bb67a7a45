// SPDX-License-Identifier: Apache-2.0
// A store in a directory of its own, with clocks and a disk that tests can set.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "provision-proxy/store/store.hh"
#include "tests/control/store/failing_vfs.hh"
#include "tests/provision-proxy/store/failing_disk.hh"

namespace holdfast::provision {

inline Meta meta_of(int status, const std::string& mark, int64_t at_ms = 1'000'000) {
  Meta meta;
  meta.status = status;
  meta.reason = status == 200 ? "OK" : "Not Found";
  meta.fields.add("Content-Type", "text/xml");
  meta.fields.add("ETag", "\"" + mark + "\"");
  meta.request_ms = at_ms - 5;
  meta.response_ms = meta.validated_ms = at_ms;
  return meta;
}

inline Key key_of(const std::string& target, const std::string& identity = "") {
  return {"https://centre.example", target, identity};
}

inline std::string bytes_of(size_t size, char seed) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>((i * 31 + i / 251) ^ static_cast<size_t>(seed));
  return bytes;
}

// What a failed test can print: long bodies by size and hash.
inline std::string brief(const std::string& bytes) {
  if (bytes.size() < 100) return bytes;
  Sha256 sum;
  sum.add(bytes);
  return std::to_string(bytes.size()) + " bytes " + sum.hex();
}
inline std::string brief_of(size_t size, char seed) {
  return brief(bytes_of(size, seed));
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    store::FailingVfs::install();
    store::FailingVfs::code = 0;
    directory_ = testing::TempDir() + "hf-provision-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    config_.directory = directory_ + "/store";
    config_.max_bytes = 1'000'000;
    config_.max_body_bytes = 800'000;
  }
  void TearDown() override {
    store::FailingVfs::code = 0;
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string try_open() {
    store_.reset();
    StoreHooks hooks;
    hooks.unix_ms = [this] { return unix_ms_; };
    hooks.steady_ms = [this] { return steady_ms_; };
    hooks.wake = [this] { ++wakes_; };
    hooks.logger = [this](LogLevel level, const std::string& text) {
      if (level != LogLevel::info) alarms_.push_back(text);
    };
    hooks.damaged = [this](const std::string& subject, const std::string&) {
      damaged_.push_back(subject.empty() ? "index" : subject);
    };
    hooks.disk = &disk_;
    auto opened = Store::open(config_, std::move(hooks));
    if (!opened) return opened.error();
    store_ = std::move(opened).value();
    return "";
  }
  void open() {
    ASSERT_EQ(try_open(), "");
    store_->drain();
  }

  // The whole way: filled, committed, written.
  StoreError put(const Key& key, const std::string& body, Meta meta, Keep keep = Keep::kNormal) {
    auto fill = store_->begin_fill();
    fill->write(body);
    fill->complete();
    StoreError result = StoreError::kClosed;
    store_->commit(std::move(fill), key, std::move(meta), keep,
                   [&](StoreError error, const EntryPtr&) { result = error; });
    store_->drain();
    return result;
  }
  StoreError put(const Key& key, const std::string& body, Keep keep = Keep::kNormal) {
    return put(key, body, meta_of(200, body.substr(0, 10)), keep);
  }

  // The whole body in odd pieces (brief()), or the error's text in brackets.
  std::string body_of(const EntryPtr& entry) {
    std::string body = "[not called]";
    store_->read(entry, [&](StoreError error, std::unique_ptr<Reader> reader) {
      body = error == StoreError::kNone ? all_of(*reader) : "[" + std::string(text_of(error)) + "]";
    });
    store_->drain();
    return brief(body);
  }
  static std::string all_of(const Reader& reader) {
    std::string all, piece(1013, '\0');
    for (;;) {
      const Piece got = reader.read(all.size(), piece);
      if (got.state == ReadState::kEnd) return all;
      if (got.state != ReadState::kData) return all + "[cut]";
      all.append(piece, 0, got.bytes);
    }
  }
  // Of the current entry; empty if there is none.
  std::string current(const Key& key) {
    const auto found = store_->find(key);
    return found.empty() ? "" : body_of(found.front());
  }
  template <typename Call>  // of a Done
  StoreError done_of(const Call& call) {
    StoreError result = StoreError::kClosed;
    call([&](StoreError error) { result = error; });
    store_->drain();
    return result;
  }

  std::string path_of_body(const Key& key) const {
    const auto hash = store_->find(key).front()->body.hash;
    return config_.directory + "/bodies/" + hash.substr(0, 2) + "/" + hash;
  }
  size_t files_in(const std::string& below) const {
    size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(config_.directory + "/" + below))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  static void overwrite(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string directory_;
  StoreConfig config_;
  FailingDisk disk_;
  int64_t unix_ms_ = 2'000'000, steady_ms_ = 0;
  std::atomic<int> wakes_{0};
  std::vector<std::string> alarms_, damaged_;  // network thread
  std::unique_ptr<Store> store_;
};

}  // namespace holdfast::provision
