// SPDX-License-Identifier: Apache-2.0
// Which class a file falls into; above all, which ones phones share.
#include "provision-proxy/phone/file_class.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

struct Row {
  const char* target;
  const char* name;
  bool shared;
  JudgeKind judge;
  UploadKind upload;
};

using J = JudgeKind;
using U = UploadKind;

const Row kRows[] = {
    {"/2345-12500-001.bootrom.ld", "bootrom", true, J::firmware, U::refuse},
    {"/2345-12500-001.sip.ld", "firmware", true, J::firmware, U::refuse},
    {"/sip100.img", "firmware", true, J::firmware, U::refuse},
    {"/420hd.IMG", "firmware", true, J::firmware, U::refuse},
    {"/firmware/T33G-124.86.0.118.rom", "firmware", true, J::firmware, U::refuse},
    {"/sip.ld?v=2", "firmware", true, J::firmware, U::refuse},
    {"/0004f218dece.cfg", "phone-config", false, J::config, U::refuse},
    {"/0004F218DECE.CFG", "phone-config", false, J::config, U::refuse},
    {"/00-90-8f-3b-bc-ba.cfg", "phone-config", false, J::config, U::refuse},
    {"/%300%304f218dece.cfg", "phone-config", false, J::config, U::refuse},
    {"/SEP0004f218dece.cnf.xml", "phone-config", false, J::config, U::refuse},
    {"/000000000000.cfg", "common-config", true, J::config, U::refuse},
    {"/000000000000-directory.xml", "common-directory", true, J::document, U::refuse},
    {"/overrides/0004f218dece-phone.cfg", "phone-overrides", false, J::config, U::replay},
    {"/0004f218dece-web.cfg", "phone-overrides", false, J::config, U::replay},
    {"/contacts/0004f218dece-directory.xml", "phone-directory", false, J::document, U::replay},
    {"/0004f218dece-calls.xml", "phone-calls", false, J::document, U::replay},
    {"/0004f218dece-license.cfg", "phone-license", false, J::config, U::refuse},
    {"/0004f218dece-boot.log", "phone-log", false, J::none, U::log_ring},
    {"/0004f218dece-app.log", "phone-log", false, J::none, U::log_ring},
    {"/log/0004f218dece-app.log.1", "phone-log", false, J::none, U::log_ring},
    {"/phone/6f9619ff-8b86-d011-b42d-00c04fc964ff.cfg", "phone-config-by-name", false, J::config,
     U::refuse},
    {"/proxy/branch.cfg", "group-config", false, J::config, U::refuse},
    {"/server/xic.cfg", "group-config", false, J::config, U::refuse},
    {"/sip.cfg", "group-config", false, J::config, U::refuse},
    {"/phone1.cfg", "group-config", false, J::config, U::refuse},
    {"/y000000000044.cfg", "config", false, J::config, U::refuse},
    {"/server/cert/ca.cfg", "ca-certificate", true, J::certificate, U::refuse},
    {"/server/cert/client.pem", "other", false, J::any, U::replay},
    {"/SoundPointIPLocalization/English/SoundPointIP-dictionary.xml", "language", true, J::document,
     U::refuse},
    {"/languages/German.lng", "language", true, J::document, U::refuse},
    {"/Warble.wav", "ringtone", true, J::media, U::refuse},
    {"/logo/branch.bmp", "logo", true, J::media, U::refuse},
    // A phone's name outweighs an ending that is shared.
    {"/0004f218dece.bin", "phone-file", false, J::any, U::replay},
    {"/0004f218dece/logo.bmp", "phone-file", false, J::any, U::replay},
    {"/config-0004f218dece-enc.bin", "phone-file", false, J::any, U::replay},
    {"/config.bin", "config-binary", false, J::any, U::refuse},
    {"/", "other", false, J::any, U::replay},
    {"", "other", false, J::any, U::replay},
};

TEST(FileClass, DefaultTable) {
  const FileClasses classes;
  for (const Row& row : kRows) {
    const FileClass& found = classes.classify(row.target);
    EXPECT_EQ(found.name, row.name) << row.target;
    EXPECT_EQ(found.shared, row.shared) << row.target;
    EXPECT_EQ(found.judge, row.judge) << row.target << " " << name_of(found.judge);
    EXPECT_EQ(found.upload, row.upload) << row.target << " " << name_of(found.upload);
    EXPECT_FALSE(found.interval_s) << "the origin's own: " << row.target;
  }
}

TEST(FileClass, TheOperatorsRowsComeFirst) {
  FileClass sites;
  sites.name = "sites";
  sites.globs = {"/proxy/*.cfg"};
  sites.shared = true;
  sites.kind = FileKind::config;
  const FileClasses classes({sites});
  EXPECT_EQ(classes.classify("/proxy/branch.cfg").name, "sites");
  EXPECT_EQ(classes.classify("/a/proxy/branch.cfg").name, "group-config");
  EXPECT_EQ(classes.rows().size(), default_file_classes().size() + 1);
}

// What a row does not set is that of the built-in class, for each file that it takes in.
TEST(FileClass, AnOperatorsRowSetsWhatItSaysAndNothingElse) {
  using K = FileKind;
  const FileClasses classes({}, {{"{mac}-phone.cfg", {}, {}, 9},
                                 {"/inv/**", {}, {}, 9},
                                 {"/proxy/*.cfg", true, {}, {}},
                                 {"/plain/**", {}, K::config, {}},
                                 {"*.blob", {}, K::log, 0}});
  const struct {
    const char* target;
    const char* name;
    bool shared;
    K kind;
    J judge;
    U upload;
    std::optional<int64_t> interval_s;
  } rows[] = {
      {"/0004f218dece-phone.cfg", "{mac}-phone.cfg", false, K::config, J::config, U::replay, 9},
      {"/inv/420hd.img", "/inv/**", true, K::firmware, J::firmware, U::refuse, 9},
      {"/inv/0004f218dece-app.log", "/inv/**", false, K::log, J::none, U::log_ring, 9},
      {"/proxy/branch.cfg", "/proxy/*.cfg", true, K::config, J::config, U::refuse, {}},
      {"/plain/x", "/plain/**", false, K::config, J::config, U::refuse, {}},
      {"/plain/420hd.img", "/plain/**", true, K::config, J::config, U::refuse, {}},
      {"/plain/0004f218dece-web.cfg", "/plain/**", false, K::config, J::config, U::replay, {}},
      {"/a.blob", "*.blob", false, K::log, J::none, U::log_ring, 0},
      {"/a.cfg", "config", false, K::config, J::config, U::refuse, {}},
  };
  for (const auto& row : rows) {
    const FileClass& found = classes.classify(row.target);
    EXPECT_EQ(found.name, row.name) << row.target;
    EXPECT_EQ(found.shared, row.shared) << row.target;
    EXPECT_EQ(found.kind, row.kind) << row.target;
    EXPECT_EQ(found.judge, row.judge) << row.target;
    EXPECT_EQ(found.upload, row.upload) << row.target;
    EXPECT_EQ(found.interval_s, row.interval_s) << row.target;
  }
}

TEST(FileClass, Globs) {
  const struct {
    const char* glob;
    const char* path;
    bool matches;
  } rows[] = {
      {"*.ld", "/a/b/sip.ld", true},
      {"*.ld", "/sip.ld/x", false},
      {"/a/*.ld", "/a/sip.ld", true},
      {"/a/*.ld", "/a/b/sip.ld", false},
      {"/a/**.ld", "/a/b/sip.ld", true},
      {"s?p.cfg", "/SIP.CFG", true},
      {"/a?b", "/a/b", false},
      {"{mac}.cfg", "/0004f218dece.cfg", true},
      {"{mac}.cfg", "/000000000000.cfg", false},
      {"{mac}*", "/0004f218dece", true},
      {"*", "/", true},
      {"", "/", true},
      {"", "/a", false},
      {"**", "/any/thing", true},
      {"*{mac}*", "/x-0004f218dece-y", true},
      {"*{mac}*", "/x-0004f218dece1-y", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(glob_matches(row.glob, row.path), row.matches) << row.glob << " " << row.path;
}

// What is left out before a match is what would not have matched.
TEST(FileClass, TheFirstGlobThatMatchesDecides) {
  FileClass odd;
  odd.name = "odd";
  odd.globs = {"A{b}c*.X", "sip*sip", "{MAC}.y", "/top/{mac}?z"};
  const FileClasses classes({odd});
  const char* targets[] = {"/a{B}cd.x",
                           "/a{b}d.x",
                           "/sip",
                           "/sipsip",
                           "/sip-SIP",
                           "/{mac}.y",
                           "/0004f218dece.y",
                           "/top/0004f218dece-z",
                           "/top/00:04:f2:18:de:ce_Z",
                           "/a/0004f218dece",
                           "/0004f218dece/a",
                           "/%30004f218dece.cfg",
                           "/sep0004f218dece.cnf.xml",
                           "/xsep0004f218dece.cnf.xml",
                           "/8b86-d011-b42d-0004f218dece.cfg",
                           "/b42d-/0004f218dece.cfg",
                           "/00:04:/f2:18:de:ce:01:02.cfg",
                           "/bootrom.ld.bootrom.ld",
                           "/.ld",
                           "/ld",
                           "/x?.cfg",
                           "/languages/x",
                           "/a.cfg/b.LOG"};
  for (const char* target : targets) {
    const std::string path =
        unescaped(std::string_view(target).substr(0, std::string_view(target).find('?')));
    const FileClass* wanted = &classes.rows().back();
    for (const FileClass& row : classes.rows()) {
      if (std::ranges::none_of(row.globs, [&](const auto& g) { return glob_matches(g, path); }))
        continue;
      wanted = &row;
      break;
    }
    EXPECT_EQ(classes.classify(target).name, wanted->name) << target;
  }
}

TEST(FileClass, AGlobOfManyStarsEnds) {
  EXPECT_FALSE(glob_matches("**a**a**a**a**a**a**a**b", std::string(4000, 'a')));
}

TEST(FileClass, Names) {
  EXPECT_EQ(name_of(FileKind::certificate), "certificate");
  EXPECT_EQ(file_kind_of("certificate"), FileKind::certificate);
  EXPECT_FALSE(file_kind_of(""));
  EXPECT_EQ(name_of(JudgeKind::any), "any");
  EXPECT_EQ(name_of(UploadKind::replay), "replay");
}

}  // namespace
}  // namespace holdfast::provision
