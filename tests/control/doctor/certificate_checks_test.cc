// SPDX-License-Identifier: Apache-2.0
// Certificates, keys and CAs of a configuration, good ones and each spoiled.
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>

#include "control/doctor/checks.hh"
#include "tests/control/doctor/made_up_machine.hh"
#include "tests/provision-proxy/server/test_certificates.hh"

namespace holdfast::doctor {
namespace {

constexpr long kDay = 86400;

class CertificateChecks : public testing::Test {
 protected:
  void SetUp() override {
    files.make(
        "ca", "",
        {.common_name = "ca", .alternative_names = {}, .valid_to_s = 90 * kDay, .authority = true});
    files.make("edge", "ca",
               {.common_name = "edge", .alternative_names = {}, .valid_to_s = 30 * kDay});
    files.make("phones", "ca",
               {.common_name = "phones", .alternative_names = {}, .valid_to_s = 90 * kDay});
    machine.now_s = std::time(nullptr);
  }

  std::vector<Row> look() const {
    const std::string tls = "certificate = \"" + files.certificate("edge") + "\"\nkey = \"" +
                            files.key("edge") + "\"\n";
    const std::string phones = "certificate = \"" + files.certificate("phones") + "\"\nkey = \"" +
                               files.key("phones") + "\"\n";
    const auto site = site_of(
        "[[interface]]\nname = \"lan\"\ndevice = \"eth0\"\nmedia-addresses = [\"198.18.1.2\"]\n"
        "[[sip-listener]]\ninterface = \"lan\"\nfaces = \"both\"\n"
        "transports = [\"udp\", \"tls\"]\n" +
        tls +
        "[centre]\nservers = [\"198.18.3.2\"]\ndomain = \"lab.voip\"\ninterface = \"lan\"\n"
        "transport = \"tls\"\nca = \"" +
        files.certificate("ca") +
        "\"\n[[gateway]]\nname = \"pstn\"\naddress = \"198.18.1.20:5061\"\ninterface = \"lan\"\n"
        "transport = \"tls\"\nca = \"" +
        files.certificate("ca") +
        "\"\n[dial-plan]\nemergency = [\"911\"]\n[[provision-origin]]\nname = \"centre\"\nurl = "
        "\"https://centre.example\"\n"
        "[[provision-listener]]\ninterface = \"lan\"\nport = 8089\ntls = true\n" +
        phones);
    std::vector<Row> rows;
    check_certificates(machine, site, rows);
    return rows;
  }
  std::string said(const std::string& name) const { return row_of(look(), "certificate", name); }

  provision::test::TestCertificates files;
  Machine machine;
};

TEST_F(CertificateChecks, GoodOnesHaveARowEach) {
  const auto rows = look();
  ASSERT_EQ(rows.size(), 4U);
  for (const Row& row : rows) EXPECT_EQ(row.state, State::ok) << row.name << ": " << row.why;
  EXPECT_EQ(said("SIP lan").find("ok: " + files.certificate("edge") + ", until "), 0U);
  EXPECT_EQ(said("CA of the centre").find("ok: "), 0U);
  EXPECT_EQ(said("CA of gateway pstn").find("ok: "), 0U);
  EXPECT_EQ(said("provision lan 8089").find("ok: "), 0U);
}

TEST_F(CertificateChecks, OneThatIsNotThereStopsTheStart) {
  std::filesystem::remove(files.certificate("edge"));
  std::filesystem::remove(files.certificate("ca"));
  EXPECT_EQ(said("SIP lan"),
            "not usable: " + files.certificate("edge") + ": No such file or directory");
  EXPECT_EQ(said("CA of the centre"),
            "not usable: " + files.certificate("ca") + ": No such file or directory");
  EXPECT_FALSE(can_start(look()));
}

TEST_F(CertificateChecks, OneThatDoesNotFitOrHoldIsNotUsable) {
  std::filesystem::copy_file(files.key("ca"), files.key("edge"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(said("SIP lan"), "not usable: " + files.key("edge") + ": is not its key");
  machine.now_s += 80 * kDay;
  EXPECT_EQ(said("provision lan 8089").find("warning: "), 0U) << said("provision lan 8089");
  machine.now_s += 20 * kDay;
  EXPECT_EQ(said("provision lan 8089").find("not usable: CN=phones of CN=ca: expired on"), 0U);
  EXPECT_FALSE(can_start(look()));
}

TEST_F(CertificateChecks, OneThatTheDaemonCannotReadIsNotUsable) {
  std::filesystem::permissions(files.key("phones"), std::filesystem::perms::none);
  EXPECT_EQ(said("provision lan 8089")
                .find("not usable: " + files.key("phones") + ": Permission denied: "),
            0U)
      << said("provision lan 8089");
}

}  // namespace
}  // namespace holdfast::doctor
