// SPDX-License-Identifier: Apache-2.0
// The judge against its tables: the named cases must hold; over the larger table both error rates
// are printed.
#include "provision-proxy/phone/plausible.hh"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "plausible_table.hh"
#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Plausible judge_case(const PlausibleCase& c) {
  static const FileClasses classes;
  const auto body_of = [&](const std::string& bytes) {
    JudgedBody body;
    body.body = {bytes, bytes.size(), {}};
    body.content_encoding = c.encoding;
    return body;
  };
  JudgedBody fresh = body_of(c.new_body);
  fresh.status = c.status;
  fresh.whole = c.whole;
  fresh.declared_size = c.declared;
  std::optional<JudgedBody> known;
  if (c.old_body) known = body_of(*c.old_body);
  // What was stored in plain stays plain, whatever the new answer is encoded in.
  if (known && c.old_body->starts_with('<')) known->content_encoding = {};
  return judge(fresh, known ? &*known : nullptr, classes.classify(c.path), c.identity);
}

struct Rates {
  int good = 0, false_alarms = 0, poisons = 0, missed = 0, misnamed = 0;

  void print(const char* what) const {
    std::printf(
        "%-28s %4d legitimate: %3d false alarms (%.1f %%); %4d poisons: %3d missed (%.1f %%)\n",
        what, good, false_alarms, good ? 100.0 * false_alarms / good : 0.0, poisons, missed,
        poisons ? 100.0 * missed / poisons : 0.0);
  }
};

void count(Rates& rates, const PlausibleCase& c, Plausible verdict) {
  const bool passed = verdict == Plausible::ok;
  if (c.want == "ok") {
    ++rates.good;
    rates.false_alarms += passed ? 0 : 1;
  } else {
    ++rates.poisons;
    rates.missed += passed ? 1 : 0;
  }
}

TEST(Plausible, NamedCases) {
  const auto cases = read_plausible_table(from_environment("HOLDFAST_SOURCE_ROOT") +
                                          "/tests/provision-proxy/phone/plausible_cases.json");
  ASSERT_GE(cases.size(), 60U);
  Rates rates;
  for (const auto& c : cases) {
    const Plausible verdict = judge_case(c);
    EXPECT_EQ(name_of(verdict), c.want) << c.name;
    count(rates, c, verdict);
  }
  rates.print("named cases");
}

TEST(Plausible, RatesOverTheMutatedTable) {
  const auto cases = read_plausible_table(from_environment("HOLDFAST_PLAUSIBLE_TABLE"));
  ASSERT_GE(cases.size(), 300U);
  Rates all;
  std::map<std::string, Rates> kinds;
  const bool tell = !from_environment("HOLDFAST_TELL_ERRORS").empty();
  for (const auto& c : cases) {
    const Plausible verdict = judge_case(c);
    count(all, c, verdict);
    count(kinds[c.kind], c, verdict);
    if (tell && (verdict == Plausible::ok) != (c.want == "ok"))
      std::printf("%s: %s\n--- old\n%s\n--- new\n%s\n", c.name.c_str(), name_of(verdict).data(),
                  c.old_body.value_or("(none)").c_str(), c.new_body.c_str());
  }
  for (const auto& [kind, rates] : kinds) rates.print(kind.c_str());
  all.print("the mutated table");
  EXPECT_GT(all.good, 100);
  EXPECT_GT(all.poisons, 100);
  EXPECT_LE(100 * all.false_alarms, all.good) << "1 %, as docs/phones.md says";
  EXPECT_LE(100 * all.missed, 6 * all.poisons) << "6 %";
}

TEST(Plausible, WhatMayStandAlone) {
  EXPECT_TRUE(may_stand_alone(Plausible::ok));
  EXPECT_TRUE(may_stand_alone(Plausible::truncated));
  EXPECT_FALSE(may_stand_alone(Plausible::html));
  EXPECT_FALSE(may_stand_alone(Plausible::another_phone));
}

TEST(Plausible, EachVerdictHasANameAndAText) {
  for (size_t i = 0; i < static_cast<size_t>(Plausible::count); ++i) {
    EXPECT_FALSE(name_of(static_cast<Plausible>(i)).empty());
    EXPECT_FALSE(text_of(static_cast<Plausible>(i)).empty());
  }
}

// Of large bodies only the beginning and the end are at hand.
TEST(Plausible, LargeBodiesByTheirBeginningAndEnd) {
  const FileClasses classes;
  const std::string old_bytes(1000, '\x81');
  const std::string new_bytes(1000, '\x82');
  JudgedBody known;
  known.body = {old_bytes, 80'000'000, {}};
  JudgedBody fresh;
  fresh.body = {new_bytes, 900'000, {}};
  EXPECT_EQ(judge(fresh, &known, classes.classify("/sip.ld"), ""), Plausible::ok);
  fresh.body.bytes = old_bytes;  // the same beginning, and smaller: cannot be told
  EXPECT_EQ(judge(fresh, &known, classes.classify("/sip.ld"), ""), Plausible::ok);
  fresh.body.bytes = "<html>";
  EXPECT_EQ(judge(fresh, &known, classes.classify("/sip.ld"), ""), Plausible::html);
  const std::string head = "<directory><item/>";
  known.body = {head, 4'000'000, "</item></directory>\n"};
  fresh.body = {head, 3'000'000, "<item><ln>Mil"};
  EXPECT_EQ(judge(fresh, &known, classes.classify("/0004f2aaaaaa-directory.xml"), ""),
            Plausible::truncated);
}

}  // namespace
}  // namespace holdfast::provision
