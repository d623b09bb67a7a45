// SPDX-License-Identifier: Apache-2.0
// Bindings: learned from the centre's 200 only, bounded, refreshed by their own phone, kept over
// restarts.
#include "sip/binding_table.hh"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/sip/messages.hh"

namespace holdfast::sip {
namespace {

constexpr char kAor[] = "sip:1001@centre.example.com";
constexpr char kContact[] = "sip:1001@198.18.1.21:5060";
const Origin kPhone = from("198.18.1.21:5060");

BindingTable with_phone(uint64_t now = 1000) {
  BindingTable table;
  const Request r = registration(kAor, kContact, kPhone);
  EXPECT_FALSE(table.learn(now, r, granted(r)));
  return table;
}

TEST(BindingTable, LearnsWhatTheCentreGranted) {
  BindingTable table;
  const Request r = registration(kAor, kContact, kPhone);
  EXPECT_FALSE(table.learn(1000, r, granted(r, 600)));
  const auto found = table.find(1000, uri("sip:1001@CENTRE.example.com;transport=tcp"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]->contact.to_string(), kContact);
  EXPECT_EQ(found[0]->source.address, kPhone.address);
  EXPECT_EQ(table.find(600999, uri(kAor)).size(), 1u);
  EXPECT_TRUE(table.find(601000, uri(kAor)).empty()) << "expired at its time, swept or not";
  EXPECT_EQ(table.size(), 1u);
  table.sweep(901000);
  EXPECT_EQ(table.size(), 0u);
}

TEST(BindingTable, FoundByUserContactKeyAndSource) {
  const BindingTable table = with_phone();
  EXPECT_EQ(table.find(2000, uri("sip:1001@198.18.1.2")).size(), 1u) << "dialled at our address";
  EXPECT_EQ(table.find_user(2000, "1001").size(), 1u);
  const Binding* binding = table.find_contact(2000, uri(kContact));
  ASSERT_NE(binding, nullptr);
  EXPECT_EQ(table.find_key(2000, binding->key()), binding);
  EXPECT_TRUE(table.is_known_source(2000, from("198.18.1.21:49152")));
  EXPECT_FALSE(table.is_known_source(2000, from("198.18.1.21:5060", "wan")));
  EXPECT_FALSE(table.is_known_source(2000, from("198.18.1.22:5060")));
  EXPECT_EQ(table.find_contact(2000, uri("sip:1002@198.18.1.21:5060")), nullptr);
  EXPECT_EQ(table.find_key(2000, "0123456789abcdef"), nullptr);
}

TEST(BindingTable, UsersThatDifferByCaseAreOne) {
  BindingTable table;
  const Request r = registration("sip:Alice@c.example", "sip:alice@198.18.1.21", kPhone);
  table.learn(1000, r, granted(r));
  const Request again = registration("sip:ALICE@c.example", "sip:Alice@198.18.1.21", kPhone, 2);
  table.learn(2000, again, granted(again));
  EXPECT_EQ(table.size(), 1u);
}

struct LearnRow {
  const char* name;
  void (*change)(Request&, Response&);
  BindingReject why;
};
TEST(BindingTable, NotLearned) {
  const LearnRow rows[] = {
      {"401 is not yet", [](Request&, Response& a) { a.status = 401; },
       BindingReject::not_accepted},
      {"202 is not 200", [](Request&, Response& a) { a.status = 202; },
       BindingReject::not_accepted},
      {"RFC 3261 10.3.8: not in the list", [](Request&, Response& a) { a.contacts.clear(); },
       BindingReject::contact_not_in_answer},
      {"only another's contact in the list",
       [](Request&, Response& a) { a.contacts[0].uri = uri("sip:1001@198.18.9.9"); },
       BindingReject::contact_not_in_answer},
      {"granted for no time", [](Request&, Response& a) { a.contacts[0].expires_s = 0; },
       BindingReject::contact_not_in_answer},
      {"a Call-ID of 10,000 bytes", [](Request& r, Response&) { r.call_id.assign(10000, 'x'); },
       BindingReject::text_too_long},
      {"a contact that is no SIP URI",
       [](Request& r, Response& a) { r.contacts[0].uri = a.contacts[0].uri = uri("mailto:a@b"); },
       BindingReject::bad_contact},
  };
  for (const LearnRow& row : rows) {
    BindingTable table;
    Request r = registration(kAor, kContact, kPhone);
    Response a = granted(r);
    row.change(r, a);
    EXPECT_EQ(table.learn(1000, r, a), row.why) << row.name;
    EXPECT_EQ(table.size(), 0u) << row.name;
    EXPECT_EQ(table.rejected(row.why), 1u) << row.name;
  }
}

TEST(BindingTable, ForeignContactsInTheAnswerAreNotBehindUs) {
  BindingTable table;
  const Request r = registration(kAor, kContact, kPhone);
  Response a = granted(r);
  a.contacts.push_back({uri("sip:1001@198.18.2.99"), 3600, 1000, "", 0});
  EXPECT_FALSE(table.learn(1000, r, a));
  EXPECT_EQ(table.size(), 1u);
}

TEST(BindingTable, RFC3261_10_2_2_UnregisterByExpiresZeroAndByWildcard) {
  BindingTable table = with_phone();
  Request r = registration(kAor, kContact, kPhone, 2);
  r.contacts[0].expires_s = 0;
  EXPECT_FALSE(table.learn(2000, r, {200, {}, {}, {}}));
  EXPECT_EQ(table.size(), 0u);

  table = with_phone();
  r.contacts.clear();
  r.contact_is_star = true;
  r.expires_s = 0;
  EXPECT_FALSE(table.learn(2000, r, {200, {}, {}, {}}));
  EXPECT_EQ(table.size(), 0u);
}

TEST(BindingTable, RFC5626_6_TheSameInstanceUnderANewContactIsOneBinding) {
  BindingTable table;
  Request r = registration(kAor, kContact, kPhone);
  r.contacts[0].instance = "<urn:uuid:1>";
  r.contacts[0].reg_id = 1;
  table.learn(1000, r, granted(r));
  r.contacts[0].uri = uri("sip:1001@198.18.1.21:49999;transport=tcp");
  r.cseq = 2;
  table.learn(2000, r, granted(r));
  ASSERT_EQ(table.find(2000, uri(kAor)).size(), 1u);
  EXPECT_EQ(table.find(2000, uri(kAor))[0]->contact.port, 49999);
}

TEST(BindingTable, FullTableAndTooManyContactsAreNamed) {
  BindingConfig config;
  config.max_bindings = 10;
  BindingTable table(config);
  for (int i = 0; i < 12; ++i) {
    const std::string user = std::to_string(2000 + i);
    const Request r =
        registration("sip:" + user + "@c.example", "sip:" + user + "@198.18.1.21", kPhone);
    EXPECT_EQ(table.learn(1000, r, granted(r)),
              i < 10 ? std::nullopt : std::optional(BindingReject::table_full));
  }
  EXPECT_EQ(table.size(), 10u);
  EXPECT_EQ(table.rejected(BindingReject::table_full), 2u);
  const Request late = registration(kAor, kContact, kPhone);
  EXPECT_FALSE(table.learn(4000000, late, granted(late))) << "the expired make room";

  BindingTable one;
  for (size_t i = 0; i <= kMaxContactsPerAor; ++i) {
    const Request r = registration(kAor, "sip:1001@198.18.1." + std::to_string(i + 1), kPhone);
    EXPECT_EQ(
        one.learn(1000, r, granted(r)),
        i < kMaxContactsPerAor ? std::nullopt : std::optional(BindingReject::too_many_contacts));
  }
}

TEST(BindingTable, BestQFirst) {
  BindingTable table;
  Request r = registration(kAor, kContact, kPhone);
  r.contacts[0].q_milli = 300;
  r.contacts.push_back({uri("sip:1001@198.18.1.22"), {}, 900, "", 0});
  table.learn(1000, r, granted(r));
  ASSERT_EQ(table.find(1000, uri(kAor)).size(), 2u);
  EXPECT_EQ(table.find(1000, uri(kAor))[0]->q_milli, 900);
}

TEST(BindingTable, SurvivalRefreshIsShortAndRandom) {
  BindingTable table = with_phone();
  const Request r = registration(kAor, kContact, kPhone, 2);
  std::set<uint32_t> granted_s;
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto plan = table.plan_refresh(2000, r, static_cast<uint32_t>(random()));
    ASSERT_TRUE(plan.ok());
    ASSERT_EQ(plan->answer.size(), 1u);
    granted_s.insert(*plan->answer[0].expires_s);
  }
  EXPECT_EQ(*granted_s.begin(), 60u);
  EXPECT_EQ(*granted_s.rbegin(), 120u);
  EXPECT_GT(granted_s.size(), 50u);

  table.apply(2000, *table.plan_refresh(2000, r, 0));
  EXPECT_EQ(table.find(61999, uri(kAor)).size(), 1u);
  EXPECT_TRUE(table.find(62000, uri(kAor)).empty());
}

TEST(BindingTable, SurvivalTakesUpWhatHasLapsedForAWhile) {
  const uint64_t lapses_ms = with_phone().find(1000, uri(kAor))[0]->expires_at_ms;
  const Request r = registration(kAor, kContact, kPhone, 2);
  for (const bool swept : {false, true}) {
    BindingTable table = with_phone();
    const uint64_t now_ms = lapses_ms + 299'000;
    if (swept) {
      EXPECT_FALSE(table.sweep(lapses_ms - 1));
      EXPECT_TRUE(table.sweep(lapses_ms)) << "the list has changed";
      EXPECT_FALSE(table.sweep(now_ms));
    }
    EXPECT_TRUE(table.find(lapses_ms, uri(kAor)).empty()) << "nobody is called there meanwhile";
    Request stranger = r;
    stranger.origin = from("198.18.1.66:5060");
    EXPECT_EQ(table.plan_refresh(now_ms, stranger, 0).error(), BindingReject::wrong_source);
    const auto plan = table.plan_refresh(now_ms, r, 0);
    ASSERT_TRUE(plan.ok());
    table.apply(now_ms, *plan);
    EXPECT_EQ(table.find(now_ms, uri(kAor)).size(), 1u);
    EXPECT_EQ(table.size(), 1u) << "in the place of what had lapsed";
  }
  BindingTable table = with_phone();
  EXPECT_EQ(table.plan_refresh(lapses_ms + 300'000, r, 0).error(), BindingReject::unknown_binding);
  table.sweep(lapses_ms + 300'000);
  EXPECT_EQ(table.size(), 0u);
}

TEST(BindingTable, WhatHasLapsedIsNotListedToAnotherPhoneOfTheUser) {
  BindingTable table = with_phone();
  const Origin other = from("198.18.1.22:5060");
  const uint64_t lapses_ms = table.find(1000, uri(kAor))[0]->expires_at_ms;
  const Request second = registration(kAor, "sip:1001@198.18.1.22:5060", other);
  ASSERT_FALSE(table.learn(lapses_ms - 1000, second, granted(second)));
  const Request again = registration(kAor, "sip:1001@198.18.1.22:5060", other, 2);
  const auto plan = table.plan_refresh(lapses_ms, again, 0);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->answer.size(), 1u);
  EXPECT_EQ(plan->answer[0].uri.to_string(), "sip:1001@198.18.1.22:5060");
}

TEST(BindingTable, SurvivalNeverGrantsMoreThanAsked) {
  const BindingTable table = with_phone();
  Request r = registration(kAor, kContact, kPhone, 2);
  r.contacts[0].expires_s = 30;
  EXPECT_EQ(*table.plan_refresh(2000, r, 5)->answer[0].expires_s, 30u);
}

struct RefreshRow {
  const char* name;
  void (*change)(Request&);
  BindingReject why;
};
TEST(BindingTable, SurvivalRefreshRefused) {
  const RefreshRow rows[] = {
      {"another's AOR", [](Request& r) { r.to.uri = uri("sip:1002@centre.example.com"); },
       BindingReject::unknown_binding},
      {"a foreign contact under a known AOR",
       [](Request& r) { r.contacts[0].uri = uri("sip:1001@198.18.9.9"); },
       BindingReject::unknown_binding},
      {"a known and a foreign contact: all or nothing, RFC 3261 10.3",
       [](Request& r) {
         r.contacts.push_back({uri("sip:1001@198.18.9.9"), {}, 1000, "", 0});
       },
       BindingReject::unknown_binding},
      {"from another address", [](Request& r) { r.origin = from("198.18.1.66:5060"); },
       BindingReject::wrong_source},
      {"from another interface", [](Request& r) { r.origin.interface = "wan"; },
       BindingReject::wrong_source},
      {"RFC 3261 10.3.7: a CSeq again", [](Request& r) { r.cseq = 1; }, BindingReject::old_cseq},
      {"RFC 3261 10.3.6: * without Expires: 0",
       [](Request& r) {
         r.contacts.clear();
         r.contact_is_star = true;
       },
       BindingReject::bad_wildcard},
      {"RFC 3261 10.3.6: * beside a contact",
       [](Request& r) {
         r.contact_is_star = true;
         r.expires_s = 0;
       },
       BindingReject::bad_wildcard},
      {"no SIP contact", [](Request& r) { r.contacts[0].uri = uri("mailto:a@b"); },
       BindingReject::bad_contact},
  };
  for (const RefreshRow& row : rows) {
    const BindingTable table = with_phone();
    Request r = registration(kAor, kContact, kPhone, 2);
    row.change(r);
    const auto plan = table.plan_refresh(2000, r, 0);
    ASSERT_FALSE(plan.ok()) << row.name;
    EXPECT_EQ(name_of(plan.error()), name_of(row.why)) << row.name;
  }
}

TEST(BindingTable, SurvivalFetchUnregisterAndWildcard) {
  BindingTable table = with_phone();
  Request r = registration(kAor, kContact, kPhone, 2);
  r.contacts.clear();
  const auto fetch = table.plan_refresh(2000, r, 0);
  ASSERT_TRUE(fetch.ok());
  EXPECT_EQ(fetch->answer.size(), 1u);
  EXPECT_TRUE(fetch->updated.empty());

  r.contact_is_star = true;
  r.expires_s = 0;
  const auto star = table.plan_refresh(2000, r, 0);
  ASSERT_TRUE(star.ok());
  EXPECT_TRUE(star->answer.empty());
  table.apply(2000, *star);
  EXPECT_EQ(table.size(), 0u);

  table = with_phone();
  r = registration(kAor, kContact, kPhone, 2);
  r.expires_s = 0;
  table.apply(2000, *table.plan_refresh(2000, r, 0));
  EXPECT_EQ(table.size(), 0u);
}

TEST(BindingTable, WildcardInSurvivalLeavesTheUsersOtherPhone) {
  BindingTable table = with_phone();
  Request other = registration(kAor, "sip:1001@198.18.1.30", from("198.18.1.30:5060"));
  other.call_id = "another";
  table.learn(1000, other, granted(other));
  Request r = registration(kAor, kContact, kPhone, 2);
  r.contacts.clear();
  r.contact_is_star = true;
  r.expires_s = 0;
  table.apply(2000, *table.plan_refresh(2000, r, 0));
  ASSERT_EQ(table.size(), 1u);
  EXPECT_EQ(table.find(2000, uri(kAor))[0]->contact.host, "198.18.1.30");
}

TEST(BindingTable, HandBackCountsWhatTheCentreHasNotConfirmedSince) {
  BindingTable table = with_phone();
  EXPECT_EQ(table.unconfirmed_since(5000, 4000), 1u);
  const Request r = registration(kAor, kContact, kPhone, 2);
  table.apply(5000, *table.plan_refresh(5000, r, 0));
  EXPECT_EQ(table.unconfirmed_since(6000, 4000), 1u) << "our own answer confirms nothing";
  const Request real = registration(kAor, kContact, kPhone, 3);
  table.learn(6000, real, granted(real));
  EXPECT_EQ(table.unconfirmed_since(6000, 4000), 0u);
}

TEST(BindingTable, SavedAndLoadedWhateverTheClock) {
  BindingTable table;
  Request r = registration(kAor, "sip:1001@[2001:db8::21]:5060;transport=tcp",
                           from("[2001:db8::21]:49152", "lan", Transport::tcp));
  r.contacts[0].instance = "<urn:uuid:1>";
  r.contacts[0].reg_id = 2;
  r.path.push_back({uri("sip:198.18.1.3;lr"), ""});
  table.learn(1000000, r, granted(r, 600));
  const auto saved = table.save(1590000);
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].remaining_ms, 10000u);

  BindingTable after;
  after.load(0, saved);  // a new monotonic clock: it starts at nothing
  ASSERT_EQ(after.find(0, uri(kAor)).size(), 1u);
  const Binding& b = *after.find(0, uri(kAor))[0];
  EXPECT_EQ(b.contact, r.contacts[0].uri);
  EXPECT_EQ(b.source.transport, Transport::tcp);
  EXPECT_EQ(b.source.address, r.origin.address);
  EXPECT_EQ(b.path.size(), 1u);
  EXPECT_EQ(b.reg_id, 2u);
  EXPECT_EQ(b.expires_at_ms, 300000u) << "time to be refreshed before it goes";
  EXPECT_EQ(b.key(), table.find(1590000, uri(kAor))[0]->key());
}

TEST(BindingTable, SavedRubbishIsRefusedAndCounted) {
  const auto good = with_phone().save(1000);
  std::vector<SavedBinding> bad(6, good[0]);
  bad[0].aor = "";
  bad[1].contact = "sip:";
  bad[2].transport = "carrier pigeon";
  bad[3].source = "198.18.1.21";
  bad[4].path.push_back("x");
  bad[5].contact = "tel:1001";
  BindingTable table;
  table.load(0, bad);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.rejected(BindingReject::bad_contact), 6u);
  SavedBinding eternal = good[0];
  eternal.remaining_ms = ~uint64_t{0};
  table.load(0, {eternal});
  EXPECT_EQ(table.list(0).at(0)->expires_at_ms, 86400000u);
}

}  // namespace
}  // namespace holdfast::sip
