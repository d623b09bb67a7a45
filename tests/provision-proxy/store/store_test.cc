// SPDX-License-Identifier: Apache-2.0
// Bodies and metadata in and out, followers, verification, eviction.
#include "provision-proxy/store/store.hh"

#include <sys/stat.h>

#include "tests/provision-proxy/store/store_fixture.hh"

namespace holdfast::provision {
namespace {

TEST_F(StoreTest, BodiesOfAllSizesComeBackByteForByteAlsoAfterARestart) {
  config_.max_bytes = 10'000'000;
  open();
  // Around the limits of memory (64 KiB) and of the inline check (256 KiB).
  const std::vector<size_t> sizes{0, 1, 1013, 65535, 65536, 65537, 262143, 262144, 262145, 300000};
  for (const size_t size : sizes)
    ASSERT_EQ(put(key_of("/" + std::to_string(size)), bytes_of(size, 'a')), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    for (const size_t size : sizes)
      EXPECT_EQ(current(key_of("/" + std::to_string(size))), brief_of(size, 'a')) << size;
    open();
  }
  EXPECT_EQ(alarms_, std::vector<std::string>{});
}

TEST_F(StoreTest, MetadataComesBackAfterARestartButNotAsValidated) {
  open();
  Meta meta = meta_of(200, "v1", 1'234'567);
  meta.fields.add("X-Odd", "");
  meta.fields.add("x-odd", "a: b");
  meta.vary_request.add("User-Agent", "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435");
  ASSERT_EQ(put(key_of("/a.cfg?x=%20y", "0004f282e824"), "body", meta, Keep::kLastGood),
            StoreError::kNone);
  EXPECT_EQ(store_->find(key_of("/a.cfg?x=%20y", "0004f282e824")).front()->meta.validated_ms,
            1'234'567);
  open();
  const auto found = store_->find(key_of("/a.cfg?x=%20y", "0004f282e824"));
  ASSERT_EQ(found.size(), 1U);
  const Entry& entry = *found.front();
  EXPECT_EQ(entry.meta.fields.text(), meta.fields.text());
  EXPECT_EQ(entry.meta.vary_request.text(), meta.vary_request.text());
  EXPECT_EQ(entry.meta.status, 200);
  EXPECT_EQ(entry.meta.reason, "OK");
  EXPECT_EQ(entry.meta.request_ms, 1'234'562);
  EXPECT_EQ(entry.meta.response_ms, 1'234'567);
  EXPECT_EQ(entry.meta.validated_ms, 0);
  EXPECT_EQ(entry.keep, Keep::kLastGood);
  EXPECT_FALSE(entry.must_validate);
  // Another phone's, another origin's.
  EXPECT_TRUE(store_->find(key_of("/a.cfg?x=%20y", "0004f282e825")).empty());
  EXPECT_TRUE(store_->find(key_of("/a.cfg?x=%20y")).empty());
  EXPECT_TRUE(store_->find({"https://other.example", "/a.cfg?x=%20y", "0004f282e824"}).empty());
}

TEST_F(StoreTest, FilesAreForUsAlone) {
  open();
  ASSERT_EQ(put(key_of("/a"), "body"), StoreError::kNone);
  auto fill = store_->begin_fill();
  size_t seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(config_.directory)) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700U : 0600U) << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 8U);
}

TEST_F(StoreTest, SeveralFollowAFillUpToWhatHasCome) {
  open();
  auto fill = store_->begin_fill();
  auto first = fill->follow();
  std::string into(100, '\0');
  EXPECT_EQ(first->read(0, into).state, ReadState::kWait);
  ASSERT_TRUE(fill->write(std::string("hello ")));
  auto second = fill->follow();
  EXPECT_EQ(first->read(0, into).bytes, 6U);
  EXPECT_EQ(second->read(2, into).bytes, 4U);
  EXPECT_EQ(first->read(6, into).state, ReadState::kWait);
  EXPECT_EQ(first->end(), Arrival::End::kNotYet);
  ASSERT_TRUE(fill->write(std::string("world")));
  ASSERT_TRUE(fill->complete());
  EXPECT_FALSE(fill->write(std::string("more")));
  store_->commit(std::move(fill), key_of("/a"), meta_of(200, "a"), Keep::kNormal, nullptr);
  store_->drain();
  EXPECT_EQ(all_of(*first), "hello world");
  EXPECT_EQ(all_of(*second), "hello world");
  EXPECT_EQ(current(key_of("/a")), "hello world");
}

TEST_F(StoreTest, AFillThatFailsEndsItsFollowersAndLeavesNothing) {
  open();
  auto fill = store_->begin_fill();
  fill->write(std::string("half"));
  auto follower = fill->follow();
  fill->fail();
  EXPECT_EQ(all_of(*follower), "half[cut]");
  StoreError result = StoreError::kNone;
  store_->commit(std::move(fill), key_of("/a"), meta_of(200, "a"), Keep::kNormal,
                 [&](StoreError error, const EntryPtr&) { result = error; });
  store_->drain();
  EXPECT_EQ(result, StoreError::kIncomplete);
  // One that is given up without a word is the same.
  auto other = store_->begin_fill();
  other->write(std::string("half"));
  auto of_other = other->follow();
  other.reset();
  EXPECT_EQ(all_of(*of_other), "half[cut]");
  follower.reset();
  of_other.reset();
  EXPECT_EQ(files_in("tmp"), 0U);
  EXPECT_TRUE(store_->find(key_of("/a")).empty());
}

TEST_F(StoreTest, ABodyBeyondTheLimitIsRefusedAtOnceOrWhenItGrows) {
  open();
  EXPECT_EQ(store_->begin_fill(800'001)->error(), StoreError::kTooLarge);
  auto fill = store_->begin_fill();
  EXPECT_TRUE(fill->write(bytes_of(800'000, 'x')));
  EXPECT_FALSE(fill->write(std::string("x")));
  EXPECT_EQ(fill->error(), StoreError::kTooLarge);
  EXPECT_FALSE(fill->complete());
}

TEST_F(StoreTest, FillsQueueAndMetadataAreBounded) {
  config_.max_fills = 2;
  config_.max_entry_meta_bytes = 2000;
  open();
  auto one = store_->begin_fill(), two = store_->begin_fill();
  EXPECT_EQ(store_->begin_fill()->error(), StoreError::kTooMany);
  one.reset();
  EXPECT_EQ(store_->begin_fill()->error(), StoreError::kNone);
  two.reset();
  Meta meta = meta_of(200, "a");
  meta.fields.add("X-Long", std::string(2000, 'x'));
  EXPECT_EQ(put(key_of("/a"), "body", meta), StoreError::kTooLarge);
}

TEST_F(StoreTest, TheBodyOfTwoEntriesLiesThereOnce) {
  open();
  ASSERT_EQ(put(key_of("/a"), "same"), StoreError::kNone);
  ASSERT_EQ(put(key_of("/b"), "same"), StoreError::kNone);
  EXPECT_EQ(files_in("bodies"), 1U);
  EXPECT_EQ(store_->status().body_bytes, 4U);
  EXPECT_EQ(done_of([&](auto done) { store_->remove(key_of("/a"), done); }), StoreError::kNone);
  EXPECT_EQ(current(key_of("/b")), "same");
  EXPECT_EQ(done_of([&](auto done) { store_->remove(key_of("/b"), done); }), StoreError::kNone);
  EXPECT_EQ(files_in("bodies"), 0U);
  EXPECT_EQ(store_->status().body_bytes, 0U);
}

// What a disk may do to a body while we are not looking.
TEST_F(StoreTest, ADamagedBodyIsNeverServed) {
  struct Row {
    const char* name;
    size_t size;
    std::string (*damage)(std::string);
    bool aside;
  };
  const auto flip = [](std::string bytes) {
    bytes[bytes.size() / 2] ^= 1;
    return bytes;
  };
  const auto cut = [](std::string bytes) { return bytes.substr(0, bytes.size() - 1); };
  const auto grow = [](std::string bytes) { return bytes + "x"; };
  const auto zero = [](std::string bytes) { return std::string(bytes.size(), '\0'); };
  const auto empty = [](std::string) { return std::string(); };
  int number = 0;
  for (const size_t size : {size_t{100}, size_t{100'000}, size_t{300'000}}) {
    for (const auto& row : std::initializer_list<Row>{{"flip", size, flip, true},
                                                      {"cut", size, cut, true},
                                                      {"grow", size, grow, true},
                                                      {"zero", size, zero, true},
                                                      {"empty", size, empty, true}}) {
      SCOPED_TRACE(std::string(row.name) + " " + std::to_string(size));
      const Key key = key_of("/" + std::to_string(++number));
      config_.max_bytes = 10'000'000;
      open();
      ASSERT_EQ(put(key, bytes_of(size, 'o')), StoreError::kNone);
      ASSERT_EQ(put(key, bytes_of(size, static_cast<char>(number))), StoreError::kNone);
      const std::string path = path_of_body(key);
      ASSERT_EQ(try_open(), "");  // the sweep has not been there yet
      const auto damaged = store_->find(key).front();
      overwrite(path, row.damage(bytes_of(size, static_cast<char>(number))));
      EXPECT_EQ(body_of(damaged).front(), '[');
      // The older generation takes its place, and is not believed fresh.
      const auto found = store_->find(key);
      ASSERT_EQ(found.size(), 1U);
      EXPECT_TRUE(found.front()->must_validate);
      EXPECT_EQ(body_of(found.front()), brief_of(size, 'o'));
      EXPECT_EQ(store_->status().damaged, 1U);
      EXPECT_FALSE(alarms_.empty());
      EXPECT_EQ(std::exchange(damaged_, {}), std::vector<std::string>{key.target});
      EXPECT_FALSE(std::filesystem::exists(path));
      open();
      EXPECT_EQ(store_->generations(key).size(), 1U);
      EXPECT_EQ(done_of([&](auto done) { store_->remove(key, done); }), StoreError::kNone);
    }
  }
  EXPECT_LE(files_in("damaged"), BodyFiles::kMaxDamaged);
}

TEST_F(StoreTest, AWaitingReaderOfABigDamagedBodyIsTold) {
  open();
  const Key key = key_of("/firmware.img");
  ASSERT_EQ(put(key, bytes_of(400'000, 'f')), StoreError::kNone);
  open();
  overwrite(path_of_body(key), bytes_of(400'000, 'g'));
  const auto entry = store_->find(key).front();
  std::vector<StoreError> told;
  for (int i = 0; i < 3; ++i)
    store_->read(entry, [&](StoreError error, const auto&) { told.push_back(error); });
  EXPECT_TRUE(told.empty());  // the writer thread looks
  store_->drain();
  EXPECT_EQ(told, std::vector<StoreError>(3, StoreError::kDamaged));
  EXPECT_TRUE(store_->find(key).empty());
}

TEST_F(StoreTest, ABodyStoredAnewWhileTheDamagedOneIsSetAsideStays) {
  open();
  const Key key = key_of("/a");
  ASSERT_EQ(put(key, "good body"), StoreError::kNone);
  ASSERT_EQ(try_open(), "");
  overwrite(path_of_body(key), "evil body");
  auto fill = store_->begin_fill();
  fill->write(std::string("good body"));
  fill->complete();
  const auto entry = store_->find(key).front();
  store_->commit(std::move(fill), key, meta_of(200, "a"), Keep::kNormal, nullptr);
  store_->small(entry);  // perhaps sees the bad one, while the good one is on its way
  store_->drain();
  EXPECT_EQ(current(key), "good body");
  open();
  EXPECT_EQ(current(key), "good body");
}

TEST_F(StoreTest, AReaderReadsOnThoughItsEntryIsEvicted) {
  open();
  ASSERT_EQ(put(key_of("/big"), bytes_of(600'000, 'b')), StoreError::kNone);
  std::unique_ptr<Reader> reader;
  const auto entry = store_->find(key_of("/big")).front();
  store_->read(entry, [&](StoreError, auto got) { reader = std::move(got); });
  ASSERT_NE(reader, nullptr);
  ASSERT_EQ(put(key_of("/other"), bytes_of(700'000, 'o')), StoreError::kNone);
  EXPECT_TRUE(store_->find(key_of("/big")).empty());
  EXPECT_EQ(brief(all_of(*reader)), brief_of(600'000, 'b'));
  EXPECT_EQ(body_of(entry), "[" + std::string(text_of(StoreError::kNotFound)) + "]");
  EXPECT_EQ(store_->status().evicted, 1U);
}

TEST_F(StoreTest, TheLeastRecentlyUsedGoesAlsoByWhatAnEarlierRunUsed) {
  open();
  for (const char* name : {"/a", "/b", "/c"}) {
    ++unix_ms_;
    ASSERT_EQ(put(key_of(name), bytes_of(300'000, name[1])), StoreError::kNone);
  }
  ++unix_ms_;
  body_of(store_->find(key_of("/a")).front());
  open();  // the end of a run writes times of use down
  ASSERT_EQ(put(key_of("/d"), bytes_of(300'000, 'd')), StoreError::kNone);
  EXPECT_TRUE(store_->find(key_of("/b")).empty());
  for (const char* name : {"/a", "/c", "/d"})
    EXPECT_EQ(current(key_of(name)), brief_of(300'000, name[1])) << name;
}

TEST_F(StoreTest, CommitsThatWaitTogetherEvictEnoughForAll) {
  open();
  for (int i = 0; i < 9; ++i)
    ASSERT_EQ(put(key_of("/old" + std::to_string(i)), bytes_of(100'000, static_cast<char>(i))),
              StoreError::kNone);
  for (int i = 0; i < 5; ++i) {
    auto fill = store_->begin_fill();
    fill->write(bytes_of(150'000, static_cast<char>(100 + i)));
    fill->complete();
    store_->commit(std::move(fill), key_of("/new" + std::to_string(i)), meta_of(200, "n"),
                   Keep::kNormal, [](StoreError error, const EntryPtr& entry) {
                     EXPECT_EQ(error, StoreError::kNone);
                     EXPECT_NE(entry, nullptr);
                   });
  }
  store_->drain();
  EXPECT_LE(store_->status().body_bytes, config_.max_bytes);
  EXPECT_EQ(store_->status().evicted, 7U);
}

TEST_F(StoreTest, OnlyOneProcessUsesADirectory) {
  open();
  StoreHooks hooks;
  hooks.unix_ms = hooks.steady_ms = [] { return int64_t{0}; };
  hooks.wake = [] {};
  hooks.logger = [](LogLevel, const std::string&) {};
  const auto second = Store::open(config_, std::move(hooks));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("in use"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::provision
