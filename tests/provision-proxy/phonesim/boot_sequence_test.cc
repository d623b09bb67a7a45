// SPDX-License-Identifier: Apache-2.0
// The order of requests of each model, without a network.
#include "provision-proxy/phonesim/boot_sequence.hh"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "provision-proxy/phonesim/sequences.hh"

namespace holdfast::provision {
namespace {

using Files = std::map<std::string, std::string>;

// "KIND TARGET", with what of the answer a phone is told.
std::vector<std::string> walk(BootSequence& sequence,
                              const std::function<BootAnswer(const BootStep&)>& answer) {
  std::vector<std::string> steps;
  while (const auto step = sequence.next()) {
    steps.push_back(std::string(step->phase) + " " + std::string(step->kind) + " " + step->target);
    sequence.answered(*step, answer(*step));
    if (steps.size() > 1000) break;
  }
  return steps;
}

std::function<BootAnswer(const BootStep&)> from(const Files& files) {
  return [&files](const BootStep& step) {
    const auto found = files.find(step.target);
    if (found == files.end()) return BootAnswer{404, ""};
    return BootAnswer{step.range ? 206 : 200, found->second};
  };
}

BootOptions polycom() {
  BootOptions options;
  options.mac = "0004f2aaaaaa";
  return options;
}

BootOptions image_phone(PhoneModel model) {
  BootOptions options;
  options.model = model;
  options.mac = "00908f3bbcba";
  return options;
}

using Steps = std::vector<std::string>;

TEST(PolycomSequence, BootsThenProvisions) {
  const Files files = {
      {"/2345-12500-001.bootrom.ld", "x"},
      {"/2345-12500-001.sip.ld", "x"},
      {"/0004f2aaaaaa.cfg",
       "<APPLICATION APP_FILE_PATH=\"sip.ld\" CONFIG_FILES=\"server/cert/ca.cfg, /phone/g.cfg, "
       "sip.cfg, overrides/0004f2aaaaaa-phone.cfg\" CONTACTS_DIRECTORY=\"contacts/\" "
       "OVERRIDES_DIRECTORY=\"overrides\"/>"}};
  auto sequence = BootSequence::make(polycom());
  EXPECT_EQ(
      walk(*sequence, from(files)),
      (Steps{"boot bootrom /2345-12500-001.bootrom.ld", "boot master /0004f2aaaaaa.cfg",
             "boot firmware /2345-12500-001.sip.ld", "provision bootrom /2345-12500-001.bootrom.ld",
             "provision master /0004f2aaaaaa.cfg", "provision firmware /2345-12500-001.sip.ld",
             "provision config /server/cert/ca.cfg", "provision config /phone/g.cfg",
             "provision config /sip.cfg", "provision overrides /overrides/0004f2aaaaaa-phone.cfg",
             "provision license /0004f2aaaaaa-license.cfg",
             "provision directory /contacts/0004f2aaaaaa-directory.xml"}));
  EXPECT_TRUE(sequence->problems().empty());
}

TEST(PolycomSequence, FallsBackToTheCommonFilesAndAsksForItsOverrides) {
  const Files files = {
      {"/sip.ld", "x"},
      {"/000000000000.cfg", "<APPLICATION APP_FILE_PATH=\"sip.ld\" CONFIG_FILES=\"sip.cfg\"/>"}};
  auto sequence = BootSequence::make(polycom());
  const auto steps = walk(*sequence, from(files));
  EXPECT_EQ(steps,
            (Steps{"boot bootrom /2345-12500-001.bootrom.ld", "boot master /0004f2aaaaaa.cfg",
                   "boot master /000000000000.cfg", "boot firmware /2345-12500-001.sip.ld",
                   "boot firmware /sip.ld", "provision bootrom /2345-12500-001.bootrom.ld",
                   "provision master /0004f2aaaaaa.cfg", "provision master /000000000000.cfg",
                   "provision firmware /2345-12500-001.sip.ld", "provision firmware /sip.ld",
                   "provision config /sip.cfg", "provision overrides /0004f2aaaaaa-phone.cfg",
                   "provision license /0004f2aaaaaa-license.cfg",
                   "provision directory /0004f2aaaaaa-directory.xml"}));
}

TEST(PolycomSequence, WithoutAMasterItGivesUp) {
  auto sequence = BootSequence::make(polycom());
  EXPECT_EQ(walk(*sequence, from({})).size(), 3U);
  auto refused = BootSequence::make(polycom());
  EXPECT_EQ(walk(*refused, [](const BootStep&) { return BootAnswer{503, ""}; }).size(), 2U);
  EXPECT_EQ(refused->problems().size(), 1U);
}

TEST(PolycomSequence, TellsOddMasters) {
  for (const auto& [master, problems] :
       {std::pair{"<APPLICATION CONFIG_FILES=\"a.cfg\">", 2},  // in both phases
        {"<APPLICATION/>", 2},
        {"Access denied", 4},
        {"<APPLICATION CONFIG_FILES=\"http://elsewhere.example/a.cfg,b.cfg\"/>", 1}}) {
    const Files files = {{"/0004f2aaaaaa.cfg", master}};
    auto sequence = BootSequence::make(polycom());
    walk(*sequence, from(files));
    EXPECT_EQ(sequence->problems().size(), static_cast<size_t>(problems)) << master;
  }
}

TEST(ImageSequence, SipStation) {
  Files files = {{"/sip100.img", "firmware"}, {"/00908f3bbcba.cfg", "a=1\n"}};
  auto sequence = BootSequence::make(image_phone(PhoneModel::sip_station));
  EXPECT_EQ(walk(*sequence, from(files)),
            (Steps{"boot firmware-part /sip100.img", "boot firmware /sip100.img",
                   "boot config /00908f3bbcba.cfg", "reboot firmware-part /sip100.img",
                   "reboot config /00908f3bbcba.cfg"}));
  EXPECT_TRUE(sequence->problems().empty());
}

TEST(ImageSequence, AudioCodesAsksForTheListedFilesFirst) {
  Files files = {{"/420hd.img", "firmware"},
                 {"/00908f3bbcba.cfg", "a=1\nCUSTOM::config_files=site.cfg,b.cfg\n"}};
  auto sequence = BootSequence::make(image_phone(PhoneModel::audiocodes));
  EXPECT_EQ(walk(*sequence, from(files)),
            (Steps{"boot firmware-part /420hd.img", "boot firmware /420hd.img",
                   "boot config /00908f3bbcba.cfg", "reboot firmware-part /420hd.img",
                   "reboot config /site.cfg", "reboot config /b.cfg",
                   "reboot config /00908f3bbcba.cfg"}));
}

TEST(ImageSequence, AServerWithoutRangesSendsAllAtOnce) {
  auto sequence = BootSequence::make(image_phone(PhoneModel::sip_station));
  const auto steps = walk(*sequence, [](const BootStep& step) {
    return BootAnswer{200, step.kind == "config" ? "a=1\n" : "firmware"};
  });
  EXPECT_EQ(steps.size(), 4U);
}

TEST(ImageSequence, TellsWhatDoesNotFitTogether) {
  auto sequence = BootSequence::make(image_phone(PhoneModel::sip_station));
  walk(*sequence, [](const BootStep& step) {
    if (step.kind == "firmware-part") return BootAnswer{206, "one"};
    return BootAnswer{200, step.kind == "firmware" ? "other" : "a=1\n"};
  });
  EXPECT_FALSE(sequence->problems().empty());
  int changes = 0;
  auto restless = BootSequence::make(image_phone(PhoneModel::sip_station));
  std::string body;
  const auto steps = walk(*restless, [&](const BootStep& step) {
    body = step.kind == "config" ? "a=" + std::to_string(++changes) + "\n" : "f";
    return BootAnswer{step.range ? 206 : 200, body};
  });
  EXPECT_EQ(changes, kMaxBoots);
  EXPECT_EQ(restless->problems().size(), 1U);
}

TEST(Sequences, Targets) {
  EXPECT_EQ(target_of("a/b.cfg"), "/a/b.cfg");
  EXPECT_EQ(target_of("//a b?.cfg"), "/a%20b%3F.cfg");
  EXPECT_EQ(target_of("M\xc3\xbc.cfg"), "/M%C3%BC.cfg");
  for (const char* name : {"", "/", "http://x/y", "a\nb"}) EXPECT_FALSE(target_of(name)) << name;
}

TEST(Sequences, NamesAndAgents) {
  for (const auto model : {PhoneModel::polycom, PhoneModel::sip_station, PhoneModel::audiocodes}) {
    EXPECT_EQ(phone_model_of(name_of(model)), model);
    const auto agent = with_mac(default_user_agent(model), "0004f2aaaaaa");
    EXPECT_NE(agent.find(model == PhoneModel::polycom ? "0004f2aaaaaa" : "0004F2AAAAAA"),
              std::string::npos);
  }
  EXPECT_FALSE(phone_model_of("cisco"));
}

}  // namespace
}  // namespace holdfast::provision
