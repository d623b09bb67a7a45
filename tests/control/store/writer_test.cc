// SPDX-License-Identifier: Apache-2.0
// What the writer wrote is read back by the readers.
#include "control/store/writer.hh"

#include <atomic>
#include <memory>

#include "tests/control/store/writer_fixture.hh"

namespace holdfast::store {
namespace {

TEST_F(WriterTest, ACallThatIsFoundIsFilledInAndNeverChanged) {
  start();
  writer_->put(BeganItem{call(1), 1000});
  writer_->put(FoundItem{call(1, "sip:other@branch"), 5000});
  writer_->put(FoundItem{call(2), 6000});
  writer_->put(EndedItem{end_of(2), 9000, std::nullopt});
  const auto found = calls();
  ASSERT_EQ(found.size(), 2U);
  for (const auto& row : found) {
    const bool known = row.call_key == 1;
    EXPECT_EQ(row.began_ms, known ? 1000 : 6000);
    EXPECT_EQ(row.answered_ms, known ? 5000 : 6000);
    EXPECT_EQ(row.dialled, known ? "sip:1001@branch" : "");
    EXPECT_EQ(row.end, known ? "" : "caller_hung_up");
  }
}

TEST_F(WriterTest, WritesACallFromItsBeginningToItsEnd) {
  start();
  writer_->put(BeganItem{call(0xffff'ffff'ffff'fff0), 1000});
  sip::CallAnswered answered;
  answered.call_key = 0xffff'ffff'ffff'fff0;
  answered.decision = "local_to_phone";
  writer_->put(AnsweredItem{answered, 2000});
  auto open = calls();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].end, "");

  auto ended = end_of(0xffff'ffff'ffff'fff0);
  control::CallReport report;
  report.call = "hf-1/0";
  report.legs.resize(2);
  for (auto& leg : report.legs) {
    leg.local = leg.local_rtcp = *SocketAddress::parse("198.18.1.2:20000");
    leg.interface = "wan";
    leg.next_hop.state = "resolved";
  }
  report.legs[0].leg = 7;
  report.legs[0].interface = "lan";
  report.legs[0].rx.packets = 1500;
  report.legs[0].streams.resize(1);
  report.legs[0].streams[0].ssrc = 0xdeadbeef;
  report.legs[0].streams[0].lost = 11;
  report.legs[0].streams[0].lost_by_us = 49;
  report.legs[0].streams[0].dscp_in = 46;
  report.legs[0].streams[0].dscp_in_first = 8;
  report.legs[0].streams[0].unmarked = 5;
  report.legs[0].streams[0].remarked = 7;
  report.legs[0].streams[0].loss_runs = {{"11", 1}};
  report.legs[0].folded = {.streams = 1, .expected = 90, .received = 88, .lost_by_us = 2};
  report.legs[1].leg = 8;
  ended.media = {report};
  writer_->put(EndedItem{ended, 9000, 7000});
  writer_->put(MinutesItem{{minute(ended.call_key, 0xdeadbeef, 60, 11, 4, 9)}, {}});
  writer_->put(MinutesItem{{minute(ended.call_key, 0xdeadbeef, 60, 2, 1, 40),
                            minute(ended.call_key, std::nullopt, 5, 0, 0, 2)},
                           MinuteCursor{7, 1000}});
  const auto all = calls();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].call_key, 0xffff'ffff'ffff'fff0);
  EXPECT_EQ(all[0].began_ms, 1000);
  EXPECT_EQ(all[0].answered_ms, 2000);
  EXPECT_EQ(all[0].talk_ms, 7000);
  EXPECT_EQ(all[0].end, "caller_hung_up");
  EXPECT_EQ(all[0].source, "198.18.1.10:5060");
  EXPECT_EQ(all[0].answered_decision, "local_to_phone");
  const auto legs = Reader(path()).legs({all[0].call_key});
  ASSERT_TRUE(legs);
  ASSERT_EQ(legs->size(), 2U);
  EXPECT_EQ(legs->at(0).report.rx.packets, 1500U);
  EXPECT_EQ(legs->at(0).report.streams.at(0).ssrc, 0xdeadbeefU);
  EXPECT_EQ(legs->at(0).report.streams.at(0).loss_runs.at(0).name, "11");
  EXPECT_EQ(legs->at(0).report.streams.at(0).lost_by_us, 49U);
  EXPECT_EQ(legs->at(0).report.folded.lost_by_us, 2U);
  auto database = Database::open(path(), Database::Mode::kRead);
  ASSERT_TRUE(database);
  auto row = (*database)->prepare(
      "SELECT lost, lost_by_us, dscp_in, dscp_in_first, unmarked, remarked FROM streams");
  ASSERT_TRUE(row.with().next());
  EXPECT_EQ(row.integer(0), 11);
  EXPECT_EQ(row.integer(1), 49);
  EXPECT_EQ(row.integer(2), 46);
  EXPECT_EQ(row.integer(3), 8);
  EXPECT_EQ(row.integer(4), 5);
  EXPECT_EQ(row.integer(5), 7);
  const auto minutes = Reader(path()).minutes({all[0].call_key});
  ASSERT_TRUE(minutes);
  ASSERT_EQ(minutes->size(), 2U);
  EXPECT_FALSE(minutes->at(0).ssrc) << "streams that gave up their places, together";
  EXPECT_EQ(minutes->at(0).lost_by_us, 2U);
  EXPECT_EQ(minutes->at(1).ssrc, 0xdeadbeefU);
  EXPECT_EQ(minutes->at(1).expected, 120U) << "the parts of a minute add up";
  EXPECT_EQ(minutes->at(1).received, 58U);
  EXPECT_EQ(minutes->at(1).lost, 13U);
  EXPECT_EQ(minutes->at(1).lost_by_us, 49U);
  EXPECT_EQ(minutes->at(1).longest_loss_run, 4U);
  EXPECT_EQ(Reader(path()).minute_cursor(), (MinuteCursor{7, 1000}));
}

TEST_F(WriterTest, FiltersAndPages) {
  start();
  for (uint64_t key = 1; key <= 10; ++key)
    writer_->put(BeganItem{call(key), static_cast<int64_t>(key) * 1000});
  writer_->put(EndedItem{end_of(4, sip::CallEnd::busy), 4500, std::nullopt});
  writer_->put(EndedItem{end_of(5, sip::CallEnd::busy), 5500, std::nullopt});
  writer_->put(EndedItem{end_of(6), 6500, std::nullopt});
  CallQuery page;
  page.limit = 4;
  const auto newest = calls(page);
  ASSERT_EQ(newest.size(), 4U);
  EXPECT_EQ(newest[0].call_key, 10U);
  page.before_seq = newest.back().seq;
  EXPECT_EQ(calls(page)[0].call_key, 6U);
  CallQuery window;
  window.since_ms = 3000;
  window.until_ms = 5000;
  EXPECT_EQ(calls(window).size(), 2U);
  CallQuery open;
  open.open_only = true;
  EXPECT_EQ(calls(open).size(), 7U);
  const auto ends = Reader(path()).ends(CallQuery{});
  ASSERT_TRUE(ends);
  ASSERT_EQ(ends->size(), 2U);
  EXPECT_EQ(ends->at(0), (std::pair<std::string, int64_t>("busy", 2)));
  CallQuery later;
  later.since_ms = 5000;
  EXPECT_EQ(Reader(path()).ends(later)->at(0).second, 1);
  CallQuery one;
  one.call_key = 4;
  EXPECT_EQ(Reader(path()).ends(one)->at(0), (std::pair<std::string, int64_t>("busy", 1)));
}

TEST_F(WriterTest, AnEndWithoutABeginningIsARecordToo) {
  start();
  writer_->put(EndedItem{end_of(5), 9000, std::nullopt});
  const auto all = calls();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_FALSE(all[0].began_ms);
  EXPECT_EQ(all[0].end, "caller_hung_up");
}

TEST_F(WriterTest, ClosesWhatNobodyKnowsOfAnyMore) {
  start();
  for (uint64_t key = 1; key <= 3; ++key) writer_->put(BeganItem{call(key), 1000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  writer_.reset();
  start();
  EXPECT_EQ(writer_->status().run, 2);
  writer_->put(BeganItem{call(4), 2000});  // of this run: nobody's business yet
  writer_->put(CloseLostItem{{2}, false});
  writer_->put(EndedItem{end_of(3), 3000, std::nullopt});  // its BYE came after all
  const auto all = calls();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[3].end, "lost_track");
  EXPECT_EQ(all[2].end, "") << "its legs live";
  EXPECT_EQ(all[1].end, "caller_hung_up") << "the true end overrules";
  EXPECT_EQ(all[0].end, "");
  writer_->put(EndedItem{end_of(3, sip::CallEnd::media_lost), 4000, std::nullopt});
  EXPECT_EQ(calls()[1].end, "caller_hung_up") << "and stands";
  writer_->put(CloseLostItem{{2}, true});
  EXPECT_EQ(calls()[0].end, "lost_track") << "an end may have been dropped";
  EXPECT_EQ(calls()[2].end, "");
}

TEST_F(WriterTest, RemarksAddUpEachOnce) {
  start();
  writer_->put(BeganItem{call(1), 1000});
  for (const auto remark :
       {sip::CallRemark::no_media_from_callee, sip::CallRemark::no_media_from_caller,
        sip::CallRemark::no_media_from_callee})
    writer_->put(RemarkItem{1, remark});
  writer_->put(EndedItem{end_of(1), 3000, std::nullopt});
  writer_->put(RemarkItem{2, sip::CallRemark::no_media_from_caller});  // began before we did
  writer_->put(BeganItem{call(3), 1000});
  const auto all = calls();
  ASSERT_EQ(all.size(), 3U);
  using Words = std::vector<std::string>;
  EXPECT_EQ(all[2].remarks, (Words{"no_media_from_callee", "no_media_from_caller"}));
  EXPECT_EQ(all[2].end, "caller_hung_up");
  EXPECT_EQ(all[1].remarks, Words{"no_media_from_caller"});
  EXPECT_EQ(all[0].remarks, Words());
}

TEST_F(WriterTest, BindingsAreAsTheLastListHasThem) {
  start();
  writer_->put(BindingsItem{{binding("1000"), binding("1001")}});
  auto moved = binding("1001");
  moved.source = "198.18.1.99:5060";
  writer_->put(BindingsItem{{moved, binding("1002")}});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  const auto saved = Reader(path()).bindings();
  ASSERT_TRUE(saved);
  ASSERT_EQ(saved->size(), 2U);
  EXPECT_EQ(saved->at(0).source, "198.18.1.99:5060");
  EXPECT_EQ(saved->at(1).path, (std::vector<std::string>{"sip:a;lr", "sip:b;lr"}));
  // A writer that starts anew does not know what is there, and makes it right all the same.
  writer_.reset();
  start();
  writer_->put(BindingsItem{{binding("1003")}});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  EXPECT_EQ(Reader(path()).bindings()->size(), 1U);
}

TEST_F(WriterTest, AnyBytesAreTexts) {
  start();
  auto odd = call(1, std::string("sip:'\"; DROP TABLE calls;--\0\xff\xfe", 30));
  writer_->put(BeganItem{odd, 1000});
  const auto all = calls();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].dialled, odd.dialled);
}

TEST_F(WriterTest, PurgesByAgeOnlyWithAClockToTrust) {
  auto purging = config();
  purging.retention_days = 1;
  purging.purge_s = 0;
  purging.first_purge_ms = 0;
  static constexpr int64_t kNow = 1'700'000'000'000;
  const auto trusted = std::make_shared<std::atomic<bool>>(false);  // the writer outlives the test
  purging.trusted_time = [trusted]() -> std::optional<int64_t> {
    if (!*trusted) return std::nullopt;
    return kNow;
  };
  start(purging);
  writer_->put(BeganItem{call(1), kNow - 2 * 86'400'000});
  writer_->put(EndedItem{end_of(1), kNow - 2 * 86'400'000, std::nullopt});
  writer_->put(BeganItem{call(2), kNow - 2 * 86'400'000});  // still open
  writer_->put(BeganItem{call(3), kNow - 1000});
  writer_->put(EndedItem{end_of(3), kNow, std::nullopt});
  writer_->put(MinutesItem{{minute(1, 1, 1, 0, 0), minute(3, 1, 1, 0, 0)}, {}});
  const auto purges = writer_->status().purged;
  const auto until = std::chrono::steady_clock::now() + seconds(20);
  while (writer_->status().purged < purges + 3 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(calls().size(), 3U);
  *trusted = true;
  while (calls().size() > 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  const auto left = calls();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].call_key, 3U);
  EXPECT_EQ(left[1].call_key, 2U);
  while (!Reader(path()).minutes({1})->empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_TRUE(Reader(path()).minutes({1})->empty());
  EXPECT_EQ(Reader(path()).minutes({3})->size(), 1U);
}

TEST_F(WriterTest, PurgesTheOldestBeyondTheirNumber) {
  auto purging = config();
  purging.max_calls = 100;
  purging.purge_s = 0;
  purging.first_purge_ms = 0;
  start(purging);
  for (uint64_t key = 1; key <= 1700; ++key) writer_->put(BeganItem{call(key), 1000});
  CallQuery everything;
  everything.limit = 10'000;
  const auto until = std::chrono::steady_clock::now() + seconds(20);
  while (calls(everything).size() > 100 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  const auto left = calls(everything);
  ASSERT_EQ(left.size(), 100U);
  EXPECT_EQ(left.back().call_key, 1601U);
}

TEST(ReaderTest, AFileThatIsNotThereIsAnError) {
  const auto read = Reader("/nonexistent/holdfast.db").calls({});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().trouble, Trouble::kIo);
}

}  // namespace
}  // namespace holdfast::store
