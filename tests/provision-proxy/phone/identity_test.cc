// SPDX-License-Identifier: Apache-2.0
// Who asks: every vendor's form, and what only looks like a MAC.
#include "provision-proxy/phone/identity.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

using Source = Identity::Source;

struct Row {
  const char* what;
  const char* target;
  const char* user_agent;
  Source source;
  const char* id;
};

const Row kRows[] = {
    {"the path", "/0004f218dece.cfg", "", Source::path, "0004f218dece"},
    {"upper case", "/0004F218DECE.cfg", "", Source::path, "0004f218dece"},
    {"a suffix that begins with a hex letter", "/0004f282e824-boot.log", "", Source::path,
     "0004f282e824"},
    {"a folder in front", "/contacts/0004f282e824-directory.xml", "", Source::path, "0004f282e824"},
    {"colons", "/00:90:8f:3b:bc:ba.cfg", "", Source::path, "00908f3bbcba"},
    {"dashes", "/00-90-8F-3B-BC-BA.cfg", "", Source::path, "00908f3bbcba"},
    {"dashes and a suffix of two hex letters and more", "/00-90-8f-3b-bc-ba-calls.xml", "",
     Source::path, "00908f3bbcba"},
    {"escapes are read", "/0004f2%31%38dece.cfg", "", Source::path, "0004f218dece"},
    {"escaped colons", "/00%3A90%3a8f%3A3b%3Abc%3Aba.cfg", "", Source::path, "00908f3bbcba"},
    {"a broken escape stays", "/%4/0004f218dece.cfg%", "", Source::path, "0004f218dece"},
    {"letters that vendors put in front", "/SEP0004f218dece.cnf.xml", "", Source::path,
     "0004f218dece"},
    {"and others", "/cfg000b82112233.xml", "", Source::path, "000b82112233"},
    {"of two the file's own, the last", "/0004f2aaaaaa/0004f2bbbbbb.cfg", "", Source::path,
     "0004f2bbbbbb"},
    {"the query, when the path has none", "/config?mac=0004f2aaaaaa", "", Source::path,
     "0004f2aaaaaa"},
    {"the path outweighs the query", "/0004f2bbbbbb.cfg?mac=0004f2aaaaaa", "", Source::path,
     "0004f2bbbbbb"},
    {"the file of phones without one", "/000000000000.cfg", "", Source::none, ""},
    {"thirteen digits", "/0004f218dece1.cfg", "", Source::none, ""},
    {"eleven digits", "/0004f218dec.cfg", "", Source::none, ""},
    {"a hash", "/d41d8cd98f00b204e9800998ecf8427e.bin", "", Source::none, ""},
    {"the tail of a GUID", "/phone/6f9619ff-8b86-d011-b42d-00c04fc964ff.cfg", "", Source::none, ""},
    {"a model's common file", "/y000000000044.cfg", "", Source::none, ""},
    {"a group address", "/0100f218dece.cfg", "", Source::none, ""},
    {"all ones", "/ffffffffffff.cfg", "", Source::none, ""},
    {"seven pairs", "/00-90-8f-3b-bc-ba-11.cfg", "", Source::none, ""},
    {"pairs with two kinds of separator", "/00-90:8f-3b:bc-ba.cfg", "", Source::none, ""},
    {"a firmware's name", "/2345-12500-001.sip.ld", "", Source::none, ""},
    {"nothing", "", "", Source::none, ""},
    {"a path's MAC outweighs the User-Agent's", "/0004f218dece.cfg",
     "AUDC-IPPhone/2.0.0_build_15 (420HD; 00908F3BBCBA)", Source::path, "0004f218dece"},
    {"Polycom's serial number", "/sip.cfg",
     "FileTransport PolycomSoundPointIP-SPIP_550-UA/4.0.15.1047 (SN:0004a11a1a1a) "
     "Type/Application",
     Source::user_agent, "0004a11a1a1a"},
    {"Yealink", "/sip.cfg", "Yealink SIP-T33G 124.86.0.118 24:9a:d8:1e:83:fa", Source::user_agent,
     "249ad81e83fa"},
    {"Yealink without colons", "/sip.cfg", "Yealink SIP-T33G 124.86.0.118 249ad81e83fa",
     Source::user_agent, "249ad81e83fa"},
    {"AudioCodes", "/420hd.img", "AUDC-IPPhone/2.0.0_build_15 (420HD; 00908F3BBCBA)",
     Source::user_agent, "00908f3bbcba"},
    {"dashes in the User-Agent", "/x", "Phone (MAC 00-90-8F-3B-BC-BA)", Source::user_agent,
     "00908f3bbcba"},
    {"decimal digits that begin like an OUI", "/x",
     "Mozilla/4.0 (compatible; snom320-SIP 8.4.35 000413341234)", Source::user_agent,
     "000413341234"},
    {"no MAC in Polycom's newer ones", "/sip.cfg",
     "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application", Source::none, ""},
    {"a build stamp", "/sip.cfg", "Phone/1.2 (202311091200)", Source::none, ""},
    {"a commit", "/sip.cfg", "Phone/1.2 (build a0b1c2d3e4f5)", Source::none, ""},
    {"a version", "/sip.cfg", "Phone/a0b1c2d3e4f5 x", Source::none, ""},
    {"behind a dot", "/sip.cfg", "Phone 1.a0b1c2d3e4f5", Source::none, ""},
    {"a serial number", "/sip.cfg", "Phone (Serial: 0a1b2c3d4e5f)", Source::none, ""},
    {"a longer serial number", "/sip.cfg", "Phone (SN:0004a11a1a1a1a)", Source::none, ""},
    {"zeros", "/sip.cfg", "Phone (SN:000000000000)", Source::none, ""},
    {"a commit, then the MAC", "/sip.cfg", "Phone (rev a0b1c2d3e4f5; 00908F3BBCBA)",
     Source::user_agent, "00908f3bbcba"},
};

TEST(Identity, OfRequests) {
  for (const Row& row : kRows) {
    const Identity identity = identify(row.target, row.user_agent, std::nullopt);
    EXPECT_EQ(identity.source, row.source) << row.what << ": " << name_of(identity.source);
    EXPECT_EQ(identity.id, row.id) << row.what;
  }
}

TEST(Identity, OfANeighbour) {
  const auto known = identify_neighbour(mac_of("0004f2aaaaaa"));
  EXPECT_EQ(known, (Identity{Identity::Source::neighbour, "0004f2aaaaaa"}));
  EXPECT_EQ(name_of(known.source), "neighbour");
  EXPECT_EQ(identify_neighbour(std::nullopt), Identity{});
  EXPECT_EQ(identify_neighbour(mac_of("000000000000")), Identity{});
  EXPECT_EQ(identify_neighbour(mac_of("0104f2aaaaaa")), Identity{}) << "a group address";
}

TEST(Identity, ACertificateOutweighsAll) {
  const auto mac = mac_of("0004F2AAAAAA");
  const auto identity = identify("/0004f2bbbbbb.cfg", "(SN:0004a11a1a1a)", mac);
  EXPECT_EQ(identity, (Identity{Source::certificate, "0004f2aaaaaa"}));
  const auto group = identify("/0004f2bbbbbb.cfg", "", MacAddress{{1, 2, 3, 4, 5, 6}});
  EXPECT_EQ(group, (Identity{Source::path, "0004f2bbbbbb"}));
}

TEST(Identity, NamesInCertificates) {
  EXPECT_EQ(mac_in_certificate_name("0004F2AAAAAA"), mac_of("0004f2aaaaaa"));
  EXPECT_EQ(mac_in_certificate_name("VVX 411 00:04:f2:aa:aa:aa"), mac_of("0004f2aaaaaa"));
  EXPECT_FALSE(mac_in_certificate_name("centre.lab.voip"));
}

TEST(Identity, MacsOfATargetAreBoundedAndTheLastStays) {
  std::string target;
  for (int i = 10; i < 40; ++i) target += "/0004f20000" + std::to_string(i);
  target += "/0004f2bbbbbb.cfg";
  const auto macs = macs_in_target(target);
  EXPECT_EQ(macs.size(), kMaxTargetMacs);
  EXPECT_EQ(macs.back(), "0004f2bbbbbb");
  EXPECT_EQ(macs_in_target("/0004f2aaaaaa/0004f2AAAAAA-phone.cfg").size(), 1U);
}

TEST(Identity, IdsAndMacs) {
  EXPECT_EQ(id_of(*mac_of("00908F3BBCBA")), "00908f3bbcba");
  for (const char* text : {"", "00908f3bbcb", "00908f3bbcba1", "00908f3bbcbg", "00:90:8f:3b:b"})
    EXPECT_FALSE(mac_of(text)) << text;
}

}  // namespace
}  // namespace holdfast::provision
