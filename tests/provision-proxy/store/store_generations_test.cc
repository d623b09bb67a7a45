// SPDX-License-Identifier: Apache-2.0
// Generations, rollback, 304, invalidation, variants, negative answers.
#include "tests/provision-proxy/store/store_fixture.hh"

namespace holdfast::provision {
namespace {

class GenerationsTest : public StoreTest {
 protected:
  // "body!" for must_validate, "body~" for distrusted, newest first.
  std::string line(const Key& key) {
    std::string text;
    for (const auto& entry : store_->generations(key)) {
      text += body_of(entry);
      if (entry->must_validate) text += "!";
      if (entry->distrusted) text += "~";
      text += " ";
    }
    return text;
  }
  StoreError update(const Key& key, const std::string& mark, int64_t at_ms) {
    return done_of([&](auto done) {
      store_->update(store_->find(key).front(), meta_of(200, mark, at_ms), done);
    });
  }
  StoreError rollback(const Key& key) {
    return done_of([&](auto done) { store_->rollback(key, done); });
  }
  const Key key_ = key_of("/0004f282e824.cfg", "0004f282e824");
};

TEST_F(GenerationsTest, TheCurrentAndTwoOlderAreKept) {
  open();
  for (const char* body : {"v1", "v2", "v3", "v4"})
    ASSERT_EQ(put(key_, body, Keep::kLastGood), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(line(key_), "v4 v3! v2! ");
    EXPECT_EQ(store_->find(key_).size(), 1U);
    EXPECT_EQ(store_->find(key_).front()->generation, 4);
    EXPECT_EQ(files_in("bodies"), 3U);
    open();
  }
}

TEST_F(GenerationsTest, TheSameBodyAgainIsNoNewGeneration) {
  open();
  ASSERT_EQ(put(key_, "v1", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "v2", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "v2", meta_of(200, "other tag", 1'500'000), Keep::kLastGood),
            StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(line(key_), "v2 v1! ");
    EXPECT_EQ(store_->find(key_).front()->generation, 2);
    EXPECT_EQ(store_->find(key_).front()->meta.fields.find("ETag"), "\"other tag\"");
    open();
  }
}

TEST_F(GenerationsTest, ANegativeAnswerNeverTakesTheGoodCopyAway) {
  open();
  ASSERT_EQ(put(key_, "good", Keep::kLastGood), StoreError::kNone);
  for (int i = 0; i < 8; ++i)
    ASSERT_EQ(put(key_, "no " + std::to_string(i), meta_of(404, "none")), StoreError::kNone);
  // A 404 with the very body of the 200 is one all the same.
  ASSERT_EQ(put(key_, "good", meta_of(404, "none")), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(store_->find(key_).front()->meta.status, 404);
    const auto good = store_->last_good(key_);
    ASSERT_EQ(good.size(), 1U);
    EXPECT_EQ(good.front()->meta.status, 200);
    EXPECT_EQ(body_of(good.front()), "good");
    EXPECT_LE(store_->generations(key_).size(), 4U);
    open();
  }
}

TEST_F(GenerationsTest, RollbackGoesBackAndRefusesTheBodyUntilToldOtherwise) {
  open();
  ASSERT_EQ(put(key_, "good", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kNone);
  const std::string bad = store_->find(key_).front()->body.hash;
  EXPECT_FALSE(store_->is_refused(key_, bad));
  ASSERT_EQ(rollback(key_), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(current(key_), "good");
    EXPECT_TRUE(store_->find(key_).front()->must_validate);
    EXPECT_EQ(line(key_), "bad~ good! ");
    EXPECT_TRUE(store_->is_refused(key_, bad));
    EXPECT_FALSE(store_->is_refused(key_of("/other"), bad));
    EXPECT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kDistrusted);
    EXPECT_EQ(rollback(key_), StoreError::kNotFound);  // nothing older
    open();
  }
  ASSERT_EQ(put(key_, "better", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(done_of([&](auto done) { store_->trust(key_, done); }), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(store_->is_refused(key_, bad));
    EXPECT_EQ(line(key_), "better bad! good! ");
    open();
  }
  ASSERT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kNone);
  EXPECT_EQ(current(key_), "bad");
}

// v2 is bad. One phone has it over v1, one has nothing else, one has v1 alone, one has been off
// since v0, and one has nothing.
TEST_F(GenerationsTest, ABodyThatIsRolledBackIsRefusedToAllPhones) {
  open();
  const Key updated = key_of("/sip.cfg", "a"), fresh = key_of("/sip.cfg", "b"),
            behind = key_of("/sip.cfg", "c"), off = key_of("/sip.cfg", "d"),
            absent = key_of("/sip.cfg", "e"), other = key_of("/other.cfg", "a");
  ASSERT_EQ(put(off, "v0", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(behind, "v0", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(behind, "v1", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(updated, "v1", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(updated, "v2", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(fresh, "v2", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(other, "v2", Keep::kLastGood), StoreError::kNone);
  const std::string bad = store_->find(updated).front()->body.hash;
  Store::Rolled rolled;
  ASSERT_EQ(done_of([&](auto done) { rolled = store_->rollback(behind, done); }),
            StoreError::kNone);
  EXPECT_EQ(rolled.back, 1U);
  EXPECT_EQ(rolled.withheld, 1U);
  EXPECT_EQ(rolled.untouched, 2U);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(line(updated), "v2~ v1! ");
    EXPECT_EQ(line(fresh), "v2~ ");
    EXPECT_EQ(current(fresh), "");
    EXPECT_EQ(current(behind), "v1");
    EXPECT_EQ(current(off), "v0");
    EXPECT_EQ(current(other), "v2");
    for (const Key& key : {updated, fresh, behind, off, absent}) {
      EXPECT_TRUE(store_->is_refused(key, bad));
      EXPECT_EQ(put(key, "v2", Keep::kLastGood), StoreError::kDistrusted) << key.identity;
    }
    EXPECT_FALSE(store_->is_refused(other, bad));
    EXPECT_EQ(store_->status().refused, 1U);
    open();
  }
  size_t trusted = 0;
  ASSERT_EQ(done_of([&](auto done) { trusted = store_->trust(absent, done); }), StoreError::kNone);
  EXPECT_EQ(trusted, 1U);
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(store_->refuses_some(updated));
    EXPECT_EQ(current(updated), "v2");
    EXPECT_EQ(current(fresh), "v2");
    EXPECT_EQ(current(behind), "v1");
    EXPECT_EQ(put(absent, "v2", Keep::kLastGood), StoreError::kNone);
    open();
  }
}

// The centre went from A to B and back, and not all phones have seen it: the newer is what came
// last.
TEST_F(GenerationsTest, WhatCameLastIsRolledBackWhereEachHasBeenTheOlder) {
  open();
  const Key one = key_of("/sip.cfg", "a"), two = key_of("/sip.cfg", "b");
  for (const char* body : {"A", "B"}) ASSERT_EQ(put(one, body, Keep::kLastGood), StoreError::kNone);
  for (const char* body : {"B", "A"}) ASSERT_EQ(put(two, body, Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(rollback(one), StoreError::kNone);
  EXPECT_EQ(line(one), "B A!~ ");
  EXPECT_EQ(line(two), "A~ B! ");
}

TEST_F(GenerationsTest, TrustWithNothingNewerMakesTheBodyCurrentAgain) {
  open();
  ASSERT_EQ(put(key_, "good", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(rollback(key_), StoreError::kNone);
  ASSERT_EQ(done_of([&](auto done) { store_->trust(key_, done); }), StoreError::kNone);
  EXPECT_EQ(line(key_), "bad! good! ");
}

TEST_F(GenerationsTest, RollbackPassesOverNegativeAnswersAndBodiesThatAreRefused) {
  open();
  ASSERT_EQ(put(key_, "good", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "none", meta_of(404, "none")), StoreError::kNone);
  ASSERT_EQ(rollback(key_), StoreError::kNone);
  EXPECT_EQ(line(key_), "bad!~ good! ");
  // A, B, A: from the second A to B; from B there is no way to the first A.
  const Key other = key_of("/other");
  for (const char* body : {"A", "B", "A"})
    ASSERT_EQ(put(other, body, Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(rollback(other), StoreError::kNone);
  EXPECT_EQ(current(other), "B");
  EXPECT_EQ(rollback(other), StoreError::kNotFound);
}

TEST_F(GenerationsTest, ABodyRolledBackWhileItIsWrittenAgainDoesNotComeBack) {
  open();
  ASSERT_EQ(put(key_, "good", Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, "bad", Keep::kLastGood), StoreError::kNone);
  auto fill = store_->begin_fill();
  fill->write(std::string("bad"));
  fill->complete();
  StoreError result = StoreError::kNone;
  store_->commit(std::move(fill), key_, meta_of(200, "bad"), Keep::kLastGood,
                 [&](StoreError error, const EntryPtr&) { result = error; });
  ASSERT_EQ(rollback(key_), StoreError::kNone);
  EXPECT_EQ(result, StoreError::kDistrusted);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(current(key_), "good");
    open();
  }
}

// The older copy is on its way out for another's sake when the newer is rolled back.
TEST_F(GenerationsTest, RollbackDoesNotGoBackToWhatIsBeingEvicted) {
  open();
  ASSERT_EQ(put(key_, bytes_of(400'000, '1'), Keep::kLastGood), StoreError::kNone);
  ASSERT_EQ(put(key_, bytes_of(400'000, '2'), Keep::kLastGood), StoreError::kNone);
  auto fill = store_->begin_fill();
  fill->write(bytes_of(400'000, '3'));
  fill->complete();
  store_->commit(std::move(fill), key_of("/other"), meta_of(200, "3"), Keep::kNormal, nullptr);
  EXPECT_EQ(rollback(key_), StoreError::kNotFound);
  EXPECT_EQ(current(key_), brief_of(400'000, '2'));
  EXPECT_FALSE(store_->find(key_).front()->distrusted);
  EXPECT_EQ(current(key_of("/other")), brief_of(400'000, '3'));
}

TEST_F(GenerationsTest, RefusedBodiesAreBounded) {
  config_.max_refused_of_file = 2;
  config_.generations = 9;
  open();
  for (const char* body : {"1", "2", "3", "4"})
    ASSERT_EQ(put(key_, body, Keep::kLastGood), StoreError::kNone);
  EXPECT_EQ(rollback(key_), StoreError::kNone);
  EXPECT_EQ(rollback(key_), StoreError::kNone);
  EXPECT_EQ(rollback(key_), StoreError::kFull);
  EXPECT_EQ(current(key_), "2");
  EXPECT_EQ(store_->status().refused, 2U);
}

TEST_F(GenerationsTest, A304UpdatesTheMetadataOfThatBodyAlone) {
  open();
  ASSERT_EQ(put(key_, "v1", Keep::kLastGood), StoreError::kNone);
  const auto old = store_->find(key_).front();
  ASSERT_EQ(update(key_, "checked", 1'700'000), StoreError::kNone);
  EXPECT_EQ(store_->find(key_).front()->meta.validated_ms, 1'700'000);
  ASSERT_EQ(put(key_, "v2", Keep::kLastGood), StoreError::kNone);
  // A 304 that was asked for before v2 came belongs to v1, and does not make it fresh.
  EXPECT_EQ(done_of([&](auto done) { store_->update(old, meta_of(200, "late"), done); }),
            StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(line(key_), "v2 v1! ");
    EXPECT_EQ(store_->find(key_).front()->meta.fields.find("ETag"), "\"v2\"");
    EXPECT_EQ(store_->generations(key_).back()->meta.fields.find("ETag"), "\"late\"");
    open();
  }
  // Of what has gone.
  EXPECT_EQ(done_of([&](auto done) { store_->remove(key_, done); }), StoreError::kNone);
  EXPECT_EQ(done_of([&](auto done) { store_->update(old, meta_of(200, "x"), done); }),
            StoreError::kNotFound);
  open();
  EXPECT_TRUE(store_->generations(key_).empty());
}

TEST_F(GenerationsTest, InvalidationLastsUntilTheOriginHasConfirmed) {
  open();
  ASSERT_EQ(put(key_, "v1"), StoreError::kNone);
  StoreError result = StoreError::kClosed;
  store_->invalidate(key_, [&](StoreError error) { result = error; });
  EXPECT_TRUE(store_->find(key_).front()->must_validate);  // at once
  EXPECT_EQ(result, StoreError::kClosed);
  store_->drain();
  EXPECT_EQ(result, StoreError::kNone);
  open();
  EXPECT_TRUE(store_->find(key_).front()->must_validate);
  ASSERT_EQ(update(key_, "v1", 1'800'000), StoreError::kNone);
  for (int run = 0; run < 2; ++run) {
    EXPECT_FALSE(store_->find(key_).front()->must_validate);
    open();
  }
}

TEST_F(GenerationsTest, WhatIsBeingWrittenIsRemovedOrInvalidatedToo) {
  open();
  const auto begin = [&](const Key& key) {
    auto fill = store_->begin_fill();
    fill->write(std::string("body"));
    fill->complete();
    store_->commit(std::move(fill), key, meta_of(200, "a"), Keep::kNormal, nullptr);
  };
  begin(key_of("/removed"));
  begin(key_of("/purged"));
  begin(key_of("/invalid"));
  store_->remove(key_of("/removed"), nullptr);
  store_->purge([](const Entry& entry) { return entry.key.target == "/purged"; }, nullptr);
  store_->invalidate(key_of("/invalid"), nullptr);
  store_->drain();
  for (int run = 0; run < 2; ++run) {
    EXPECT_TRUE(store_->find(key_of("/removed")).empty());
    EXPECT_TRUE(store_->find(key_of("/purged")).empty());
    ASSERT_FALSE(store_->find(key_of("/invalid")).empty());
    EXPECT_TRUE(store_->find(key_of("/invalid")).front()->must_validate);
    open();
  }
}

TEST_F(GenerationsTest, VariantsOfAKeyStandSideBySideUpToALimit) {
  config_.max_variants = 3;
  open();
  const auto variant = [](const std::string& agent) {
    Meta meta = meta_of(200, agent);
    meta.vary_request.add("User-Agent", agent);
    return meta;
  };
  ASSERT_EQ(put(key_, "for A, old", variant("A")), StoreError::kNone);
  ASSERT_EQ(put(key_, "for B", variant("B")), StoreError::kNone);
  ASSERT_EQ(put(key_, "for A", variant("A")), StoreError::kNone);
  auto found = store_->find(key_);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(body_of(found[0]), "for A");
  EXPECT_EQ(body_of(found[1]), "for B");
  ASSERT_EQ(put(key_, "for C", variant("C")), StoreError::kNone);
  ASSERT_EQ(put(key_, "for D", variant("D")), StoreError::kNone);
  EXPECT_EQ(line(key_), "for D for C for A for A, old! ");
  // The name's case and the order of names tell nothing apart.
  Fields one, two;
  one.add("Accept", "x");
  one.add("User-Agent", "y");
  two.add("user-agent", "y");
  two.add("ACCEPT", "x");
  EXPECT_EQ(variant_of(one), variant_of(two));
  two.set("accept", "X");
  EXPECT_NE(variant_of(one), variant_of(two));
}

}  // namespace
}  // namespace holdfast::provision
