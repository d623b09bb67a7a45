// SPDX-License-Identifier: Apache-2.0
// Whose file goes to whom, and who asks for too many.
#include "provision-proxy/phone/owner.hh"

#include <gtest/gtest.h>

#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

constexpr const char* kPhoneA = "0004f2aaaaaa";
constexpr const char* kPhoneB = "0004f2bbbbbb";
constexpr const char* kUserAgentA = "FileTransport X-UA/4 (SN:0004f2aaaaaa)";

std::optional<MacAddress> mac(const char* id) {
  return id == nullptr ? std::nullopt : mac_of(id);
}

OwnerConfig config_of(OwnerPolicy policy) {
  OwnerConfig config;
  config.policy = policy;
  return config;
}

OwnerQuestion question(std::string_view target, const char* certificate, const char* neighbour,
                       const char* source = "198.18.1.10", const char* user_agent = "") {
  return {target, user_agent, mac(certificate), mac(neighbour), *IpAddress::parse(source)};
}

TEST(Owner, Decides) {
  using enum OwnerVerdict;
  const struct {
    const char* what;
    const char* target;
    const char* certificate;
    const char* neighbour;
    const char* user_agent;
    OwnerVerdict strict, if_known, off;
  } rows[] = {
      {"nobody's file", "/sip.cfg", nullptr, kPhoneB, "", nobodys, nobodys, nobodys},
      {"the common file", "/000000000000.cfg", nullptr, nullptr, "", nobodys, nobodys, nobodys},
      {"its own, by certificate", "/0004f2aaaaaa.cfg", kPhoneA, nullptr, "", certificate,
       certificate, certificate},
      {"its own, by certificate, behind another device", "/0004f2aaaaaa.cfg", kPhoneA, kPhoneB, "",
       certificate, certificate, certificate},
      {"its own, by neighbour", "/0004F2AAAAAA-phone.cfg", nullptr, kPhoneA, "", neighbour,
       neighbour, neighbour},
      {"another's certificate", "/0004f2aaaaaa.cfg", kPhoneB, kPhoneA, "", foreign_certificate,
       foreign_certificate, neighbour},
      {"another neighbour", "/0004f2aaaaaa.cfg", nullptr, kPhoneB, "", foreign_neighbour,
       foreign_neighbour, not_checked},
      {"another neighbour, escaped", "/0004f2aaaaa%61.cfg", nullptr, kPhoneB, "", foreign_neighbour,
       foreign_neighbour, not_checked},
      {"another neighbour that claims to be the phone", "/0004f2aaaaaa.cfg", nullptr, kPhoneB,
       kUserAgentA, foreign_neighbour, foreign_neighbour, not_checked},
      {"another neighbour by the query", "/get?mac=0004f2aaaaaa", nullptr, kPhoneB, "",
       foreign_neighbour, foreign_neighbour, not_checked},
      {"not in the table", "/0004f2aaaaaa.cfg", nullptr, nullptr, kUserAgentA, no_proof, unproven,
       not_checked},
      {"not in the table, and betrayed by its name", "/0004f2bbbbbb.cfg", nullptr, nullptr,
       kUserAgentA, claims_another, claims_another, not_checked},
      {"two phones at once", "/0004f2bbbbbb/0004f2aaaaaa.cfg", nullptr, kPhoneA, "", several_phones,
       several_phones, neighbour},
  };
  for (const auto& row : rows) {
    for (const auto& [policy, want] : {std::pair{OwnerPolicy::strict, row.strict},
                                       {OwnerPolicy::neighbour_if_known, row.if_known},
                                       {OwnerPolicy::off, row.off}}) {
      OwnerCheck check(config_of(policy));
      auto asked = question(row.target, row.certificate, row.neighbour);
      asked.user_agent = row.user_agent;
      const auto decision = check.decide(asked, 1);
      EXPECT_EQ(decision.verdict, want)
          << row.what << ", " << name_of(policy) << ": " << name_of(decision.verdict);
      EXPECT_FALSE(decision.alarm) << row.what;
      EXPECT_EQ(check.count(want), 1U) << row.what;
    }
  }
}

std::string file_of(int number) {
  char name[32];
  std::snprintf(name, sizeof name, "/0004f2%06x.cfg", number);
  return name;
}

TEST(Owner, AStrangerWhoAsksForEveryMacOfARangeIsFoundOnce) {
  for (const OwnerPolicy policy :
       {OwnerPolicy::strict, OwnerPolicy::neighbour_if_known, OwnerPolicy::off}) {
    OwnerCheck check(config_of(policy));
    int served = 0;
    for (int i = 0; i < 1000; ++i)
      served += check.decide(question(file_of(i), nullptr, nullptr), i).allowed() ? 1 : 0;
    EXPECT_EQ(check.alarms(), 1U) << name_of(policy);
    const int let =
        policy == OwnerPolicy::strict ? 0 : static_cast<int>(OwnerConfig{}.max_unproven);
    EXPECT_EQ(served, let) << name_of(policy);
    EXPECT_GT(check.count(OwnerVerdict::enumeration), 900U);
  }
}

TEST(Owner, AStrangerIsOneSourceWhateverAddressItTakes) {
  OwnerCheck check(config_of(OwnerPolicy::strict));
  for (int i = 0; i < 10; ++i) {
    const std::string address = "198.18.1." + std::to_string(i + 1);
    check.decide(question(file_of(i), nullptr, kPhoneB, address.c_str()), 1);
  }
  EXPECT_EQ(check.alarms(), 1U);
  EXPECT_EQ(check.sources(), 1U);
}

TEST(Owner, AnEnumeratorStillGetsWhatItProves) {
  OwnerCheck check(config_of(OwnerPolicy::strict));
  for (int i = 0; i < 10; ++i) check.decide(question(file_of(i), nullptr, kPhoneA), 1);
  EXPECT_EQ(check.alarms(), 1U);
  EXPECT_EQ(check.decide(question("/0004f2aaaaaa.cfg", nullptr, kPhoneA), 2).verdict,
            OwnerVerdict::neighbour);
  EXPECT_EQ(check.decide(question("/sip.cfg", nullptr, kPhoneA), 2).verdict, OwnerVerdict::nobodys);
}

TEST(Owner, ThePhonesOfABranchAreNoEnumerators) {
  OwnerCheck check(config_of(OwnerPolicy::neighbour_if_known));
  for (int i = 1; i < 500; ++i) {
    const auto id = file_of(i).substr(1, 12);
    for (int round = 0; round < 3; ++round)
      EXPECT_TRUE(check.decide(question(file_of(i), nullptr, id.c_str()), i).allowed());
  }
  // Behind a router each has an address of its own.
  for (int i = 1; i < 250; ++i) {
    const std::string address = "198.18.2." + std::to_string(i);
    EXPECT_TRUE(check.decide(question(file_of(i), nullptr, nullptr, address.c_str()), i).allowed());
  }
  EXPECT_EQ(check.alarms(), 0U);
}

TEST(Owner, TheSamePhoneAgainIsNoNewOne) {
  OwnerCheck check(config_of(OwnerPolicy::neighbour_if_known));
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(check.decide(question("/0004f2aaaaaa.cfg", nullptr, nullptr), i).allowed());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(check.decide(question("/0004f2aaaaaa.cfg", nullptr, kPhoneB), i).verdict,
              OwnerVerdict::foreign_neighbour);
  EXPECT_EQ(check.alarms(), 0U);
}

TEST(Owner, TheWindowEndsThoughPhonesTryAgain) {
  OwnerConfig config = config_of(OwnerPolicy::neighbour_if_known);
  config.max_unproven = 2;
  config.window_ms = 1000;
  OwnerCheck check(config);
  EXPECT_TRUE(check.decide(question(file_of(1), nullptr, nullptr), 0).allowed());
  EXPECT_TRUE(check.decide(question(file_of(2), nullptr, nullptr), 400).allowed());
  EXPECT_TRUE(check.decide(question(file_of(3), nullptr, nullptr), 500).alarm);
  for (int now_ms = 510; now_ms <= 1500; now_ms += 10)  // it holds from when it was found out
    EXPECT_FALSE(check.decide(question(file_of(now_ms % 4), nullptr, nullptr), now_ms).allowed());
  EXPECT_TRUE(check.decide(question(file_of(3), nullptr, nullptr), 1501).allowed());
  EXPECT_EQ(check.alarms(), 1U);
}

TEST(Owner, NoLimitIsNone) {
  for (const OwnerPolicy policy : {OwnerPolicy::neighbour_if_known, OwnerPolicy::off}) {
    OwnerConfig config = config_of(policy);
    config.max_unproven = config.max_foreign = 0;
    OwnerCheck check(config);
    for (int i = 0; i < 100; ++i)
      EXPECT_TRUE(check.decide(question(file_of(i), nullptr, nullptr), i).allowed());
    for (int i = 0; i < 100; ++i)
      EXPECT_NE(check.decide(question(file_of(i), nullptr, kPhoneB), i).verdict,
                OwnerVerdict::enumeration);
    EXPECT_EQ(check.alarms(), 0U);
  }
}

TEST(Owner, SourcesAreBoundedAndTheQuietestGoes) {
  OwnerConfig config = config_of(OwnerPolicy::strict);
  config.max_sources = 4;
  config.max_foreign = 1;
  OwnerCheck check(config);
  const auto ask = [&](int host, int phone) {
    const std::string address = "198.18.1." + std::to_string(host);
    return check.decide(question(file_of(phone), nullptr, nullptr, address.c_str()), 1).verdict;
  };
  for (int host = 1; host <= 100; ++host) EXPECT_EQ(ask(host, 1), OwnerVerdict::no_proof);
  EXPECT_EQ(check.sources(), 4U);
  EXPECT_EQ(ask(97, 2), OwnerVerdict::enumeration);  // still watched
  EXPECT_EQ(ask(1, 2), OwnerVerdict::no_proof);      // forgotten
}

TEST(Owner, Names) {
  for (size_t i = 0; i < static_cast<size_t>(OwnerVerdict::count); ++i) {
    EXPECT_FALSE(name_of(static_cast<OwnerVerdict>(i)).empty());
    EXPECT_FALSE(text_of(static_cast<OwnerVerdict>(i)).empty());
  }
  EXPECT_EQ(owner_policy_of("neighbour-if-known"), OwnerPolicy::neighbour_if_known);
  EXPECT_FALSE(owner_policy_of("maybe"));
}

}  // namespace
}  // namespace holdfast::provision
