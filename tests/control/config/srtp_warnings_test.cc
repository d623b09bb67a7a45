// SPDX-License-Identifier: Apache-2.0
// Which interfaces are warned of, and in which words.
#include "control/config/srtp_warnings.hh"

#include <gtest/gtest.h>

namespace holdfast::config {
namespace {

using sip::Transport;

class SrtpWarnings : public testing::Test {
 protected:
  SrtpWarnings() {
    site.dataplane.interfaces.resize(2);
    site.dataplane.interfaces[0].name = "lan";
    site.dataplane.interfaces[1].name = "wan";
    site.daemon.emplace().listeners.resize(2);
  }
  void speaks(size_t i, std::initializer_list<Transport> transports) {
    SipListenerConfig& listener = site.daemon->listeners[i];
    listener.interface = site.dataplane.interfaces[i].name;
    listener.transports = 0;
    for (const auto each : transports) listener.transports |= 1U << static_cast<unsigned>(each);
  }
  std::string named() const {
    std::string names;
    for (const SrtpWarning& each : srtp_warnings_of(site)) names += each.interface + ";";
    return names;
  }

  SiteConfig site;
};

TEST_F(SrtpWarnings, WhereKeysFromTlsAreNotTold) {
  speaks(0, {Transport::udp, Transport::tcp});
  speaks(1, {Transport::udp});
  EXPECT_EQ(named(), "") << "no TLS";
  speaks(0, {Transport::tls});
  EXPECT_EQ(named(), "wan;");
  speaks(0, {Transport::udp, Transport::tls});
  EXPECT_EQ(named(), "lan;wan;");
  speaks(0, {Transport::udp, Transport::tcp, Transport::tls});
  const auto told = srtp_warnings_of(site);
  EXPECT_EQ(told[0].why.find("srtp is pass-through, and SIP over UDP and TCP is taken there too: "),
            0U)
      << told[0].why;
  EXPECT_EQ(told[1].to_string().find(
                "interface wan: srtp is pass-through, and SIP over UDP is taken there: "),
            0U)
      << told[1].to_string();
  speaks(0, {Transport::tls});
  speaks(1, {Transport::tls});
  EXPECT_EQ(named(), "") << "all TLS";
  speaks(1, {Transport::udp});
  site.dataplane.interfaces[1].srtp = media::SrtpPolicy::forbid;
  EXPECT_EQ(named(), "") << "the policy says it";
}

TEST_F(SrtpWarnings, WhereKeysAreToldInTheClear) {
  speaks(0, {Transport::udp});
  speaks(1, {Transport::udp});
  site.dataplane.interfaces[1].srtp = media::SrtpPolicy::offer;
  site.dataplane.interfaces[1].srtp_without_tls = true;
  EXPECT_EQ(named(), "wan;");
  EXPECT_EQ(srtp_warnings_of(site)[0].why.find("srtp-without-tls is on"), 0U);
  site.daemon.reset();
  EXPECT_EQ(named(), "") << "no SIP";
}

}  // namespace
}  // namespace holdfast::config
