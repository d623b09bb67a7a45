// SPDX-License-Identifier: Apache-2.0
// What settings say of whose they are.
#include "provision-proxy/phone/phone_settings.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

BodyText read(std::string_view text) {
  return read_body({text, text.size()});
}

TEST(PhoneSettings, OwnMacs) {
  const struct {
    const char* body;
    const char* mac;  // the only one, or empty
  } rows[] = {
      {"network/mac_address=00:90:8F:3B:BC:BA\n", "00908f3bbcba"},
      {"<a><device device.mac=\"00908f3bbcba\"/></a>", "00908f3bbcba"},
      {"<a><mac>00-90-8f-3b-bc-ba</mac></a>", "00908f3bbcba"},
      {"<a CONFIG_FILES=\"sip.cfg, overrides/0004f2aaaaaa-phone.cfg\"/>", "0004f2aaaaaa"},
      {"voip/line/0/auth_name=00908f3bbcba\n", "00908f3bbcba"},
      {"# phone 00:90:8f:3b:bc:ba\na=1\n", "00908f3bbcba"},
      {"a=1\n# phone 00:90:8f:3b:bc:ba\n", ""},  // no heading
      {"network/gateway_mac=00:90:8f:3b:bc:ba\n", ""},
      {"memory/key/1/number=00908f3bbcba\n", ""},
      {"voip/line/0/auth_name=user-00908f3bbcba\n", ""},
      {"mac=000000000000\n", ""},
  };
  for (const auto& row : rows) {
    const auto macs = own_macs(read(row.body));
    const std::vector<std::string> want(*row.mac != 0 ? 1 : 0, row.mac);
    EXPECT_EQ(macs, want) << row.body;
  }
}

TEST(PhoneSettings, Registration) {
  for (const char* body :
       {"voip/line/0/auth_name=1234\n", "voip/line/0/auth_password=4321\n",
        "account.1.user_name = 2001\n", "<a reg.1.auth.userId=\"1\"/>",
        "<a><line><authName>1</authName></line></a>", "<a><reg><password>x</password></reg></a>"})
    EXPECT_TRUE(has_registration(read(body))) << body;
  for (const char* body :
       {"voip/line/0/auth_name=\nx=1\n", "a=1\n", "<a device.prov.user=\"x\"/>",
        "<a device.auth.localAdminPassword=\"456\"/>", "static.security.user_password=admin:x\n",
        "management/web_admin/username=admin\n", "<a httpd.cfg.userName=\"p\"/>"})
    EXPECT_FALSE(has_registration(read(body))) << body;
}

TEST(PhoneSettings, ListedFiles) {
  const auto body = read("<APPLICATION CONFIG_FILES=\" a.cfg,b/c.cfg ,, \" MISC_FILES=\"x\"/>");
  const auto files = listed_files(body);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0], "a.cfg");
  EXPECT_EQ(files[1], "b/c.cfg");
}

TEST(PhoneSettings, FilesOfOnePhone) {
  for (const char* name : {"phone/6f9619ff-8b86-d011-b42d-00c04fc964ff.cfg",
                           "phone/ABCDEFAB-abcd-abcd-abcd-abcdefabcdef.cfg", "0004f2aaaaaa.cfg",
                           "users/4711.cfg", "contacts/0004f2aaaaaa-directory.xml"})
    EXPECT_TRUE(is_phone_file_name(name)) << name;
  for (const char* name : {"sip.cfg", "phone1.cfg", "server/xic.cfg", "proxy/branch-12.cfg", "",
                           "overrides/0004f2aaaaaa-phone.cfg", "a-b-c-d-e.cfg"})
    EXPECT_FALSE(is_phone_file_name(name)) << name;
}

TEST(PhoneSettings, ProvisionalWords) {
  EXPECT_TRUE(says_provisional(read("line/0/label=Provisional\n"), false));
  EXPECT_FALSE(says_provisional(read("line/0/label=Provisional\n"), true));
  EXPECT_TRUE(says_provisional(read("line/0/auth_name=provisional-17\n"), true));
  EXPECT_TRUE(says_provisional(read("# unassigned station\na=1\n"), false));
  EXPECT_TRUE(says_provisional(read("<A CONFIG_FILES=\"provisional/x.cfg\"/>"), true));
  EXPECT_FALSE(says_provisional(read("use100rel=provisional\n"), false));
  EXPECT_FALSE(says_provisional(read("line/0/label=Provisionally\n"), false));
}

TEST(PhoneSettings, KeptShare) {
  const auto before = read("a=1\nb=2\nc=3\nd=\n");
  EXPECT_DOUBLE_EQ(kept_share(before, read("a=1\nb=9\nc=0\n")), 1.0);
  EXPECT_DOUBLE_EQ(kept_share(before, read("a=1\n")), 1.0 / 3);
  EXPECT_DOUBLE_EQ(kept_share(read("d=\n"), before), 1.0);
}

}  // namespace
}  // namespace holdfast::provision
