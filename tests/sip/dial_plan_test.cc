// SPDX-License-Identifier: Apache-2.0
// The dial plan: what each number does, and what each wrong configuration is called.
#include "sip/dial_plan.hh"

#include <gtest/gtest.h>

#include "tests/sip/messages.hh"

namespace holdfast::sip {
namespace {

DialPlanConfig good() {
  DialPlanConfig config;
  config.has_gateway = true;
  config.emergency = {{"911", "911"}, {"9911", "911"}, {"112", "911"}};
  config.outbound = {{"9", 1, "", 8, 20}, {"9011", 4, "+", 10, 20}, {"+1", 2, "1", 12, 12}};
  config.inbound = {{"+1212555", 8, "", 12, 12}};
  return config;
}
bool is_extension(const std::string& user) {
  return user == "1001" || user == "alice" || user == "911" || user == "90000001";
}

struct Row {
  const char* name;
  const char* uri;
  DialKind kind;
  const char* number;
};

TEST(DialPlan, WhatAPhoneDials) {
  const auto plan = DialPlan::make(good());
  ASSERT_TRUE(plan.ok());
  const Row rows[] = {
      {"an emergency number beats an extension of that name", "sip:911@h", DialKind::emergency,
       "911"},
      {"with the outside prefix", "sip:9911@h", DialKind::emergency, "911"},
      {"as the gateway wants it", "tel:112", DialKind::emergency, "911"},
      {"escaped: RFC 3261 19.1.2", "sip:9%311@h", DialKind::emergency, "911"},
      {"with parameters in the user: RFC 3261 19.1.6", "sip:911;phone-context=x@h",
       DialKind::emergency, "911"},
      {"RFC 5031 4.1", "urn:service:sos", DialKind::emergency, "911"},
      {"RFC 5031 4.1, any case", "URN:Service:SOS.Police", DialKind::emergency, "911"},
      {"RFC 5031: no such service", "urn:service:sosx", DialKind::reject, ""},
      {"an extension", "sip:1001@anything", DialKind::extension, "1001"},
      {"an extension as a number", "tel:10-01", DialKind::extension, "1001"},
      {"an extension by name, any case", "sip:ALICE@h", DialKind::extension, "alice"},
      {"an extension beats a prefix", "sip:90000001@h", DialKind::extension, "90000001"},
      {"outside, prefix stripped", "sip:912125551000@h", DialKind::gateway, "12125551000"},
      {"the longest prefix wins", "sip:901144123456@h", DialKind::gateway, "+44123456"},
      {"E.164", "sip:+1-212-555-1000@h", DialKind::gateway, "12125551000"},
      {"too short for its prefix", "sip:912@h", DialKind::reject, ""},
      {"too long for its prefix", "sip:+121255510000@h", DialKind::reject, ""},
      {"no rule", "sip:8000@h", DialKind::reject, ""},
      {"no number", "sip:bob@h", DialKind::reject, ""},
      {"no user", "sip:h", DialKind::reject, ""},
  };
  for (const Row& row : rows) {
    const Dialled got = plan->outbound(uri(row.uri), is_extension);
    EXPECT_EQ(got.kind, row.kind) << row.name;
    EXPECT_EQ(got.number, row.number) << row.name;
    EXPECT_EQ(got.reject_code, row.kind == DialKind::reject ? 480 : 0) << row.name;
  }
}

TEST(DialPlan, WhatTheGatewaySends) {
  const auto plan = DialPlan::make(good());
  ASSERT_TRUE(plan.ok());
  const Row rows[] = {
      {"a number of ours", "sip:+12125551001@h", DialKind::extension, "1001"},
      {"an extension", "sip:1001@h", DialKind::extension, "1001"},
      {"a number of ours with no phone", "sip:+12125552222@h", DialKind::reject, ""},
      {"never back out", "sip:912125551000@h", DialKind::reject, ""},
      {"not even to help", "sip:112@h", DialKind::reject, ""},
  };
  for (const Row& row : rows) {
    const Dialled got = plan->inbound(uri(row.uri), is_extension);
    EXPECT_EQ(got.kind, row.kind) << row.name;
    EXPECT_EQ(got.number, row.number) << row.name;
  }
}

struct BadRow {
  DialPlanErrorKind kind;
  const char* key;
  void (*spoil)(DialPlanConfig&);
};

TEST(DialPlan, WrongConfigurationsAreNamedWithKeyAndHelp) {
  using Kind = DialPlanErrorKind;
  const BadRow rows[] = {
      {Kind::no_emergency_number, "emergency", [](DialPlanConfig& c) { c.emergency.clear(); }},
      {Kind::not_a_number, "emergency[0].dialled",
       [](DialPlanConfig& c) { c.emergency[0].dialled = "9-1-1"; }},
      {Kind::not_a_number, "emergency[1].sent",
       [](DialPlanConfig& c) { c.emergency[1].sent = ""; }},
      {Kind::duplicate, "emergency[2].dialled",
       [](DialPlanConfig& c) { c.emergency[2].dialled = "911"; }},
      {Kind::not_a_number, "outbound[0].prefix",
       [](DialPlanConfig& c) { c.outbound[0].prefix = "x"; }},
      {Kind::not_a_number, "outbound[0].prepend",
       [](DialPlanConfig& c) { c.outbound[0].prepend = "@evil"; }},
      {Kind::duplicate, "outbound[1].prefix",
       [](DialPlanConfig& c) { c.outbound[1].prefix = "9"; }},
      {Kind::strip_too_long, "outbound[0].strip",
       [](DialPlanConfig& c) { c.outbound[0].strip = 9; }},
      {Kind::digits_range, "outbound[0].min_digits",
       [](DialPlanConfig& c) { c.outbound[0].min_digits = 21; }},
      {Kind::digits_range, "inbound[0].min_digits",
       [](DialPlanConfig& c) { c.inbound[0].max_digits = 33; }},
      {Kind::reject_code_range, "reject_code", [](DialPlanConfig& c) { c.reject_code = 200; }},
      {Kind::reject_code_range, "reject_code", [](DialPlanConfig& c) { c.reject_code = 503; }},
      {Kind::no_gateway, "emergency", [](DialPlanConfig& c) { c.has_gateway = false; }},
      {Kind::too_many_rows, "inbound", [](DialPlanConfig& c) { c.inbound.resize(257); }},
  };
  for (const BadRow& row : rows) {
    DialPlanConfig config = good();
    row.spoil(config);
    const auto plan = DialPlan::make(config);
    ASSERT_FALSE(plan.ok()) << row.key;
    bool found = false;
    for (const DialPlanError& error : plan.error())
      found |= error.kind == row.kind && error.key == row.key;
    EXPECT_TRUE(found) << name_of(row.kind) << ' ' << row.key;
    EXPECT_FALSE(help_of(row.kind).empty());
  }
}

TEST(DialPlan, WithoutAGatewayThereAreExtensionsOnly) {
  const auto plan = DialPlan::make({});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->outbound(uri("sip:1001@h"), is_extension).kind, DialKind::extension);
  EXPECT_EQ(plan->outbound(uri("urn:service:sos"), is_extension).kind, DialKind::reject);
}

}  // namespace
}  // namespace holdfast::sip
