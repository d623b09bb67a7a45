// SPDX-License-Identifier: Apache-2.0
// Addresses: text in, text out, and what must be refused.
#include "media/address.hh"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(IpAddress, PrintsWhatItParsed) {
  for (const char* text : {"198.18.1.10", "0.0.0.0", "2001:db8::1", "::", "::ffff:198.18.0.1"}) {
    const auto a = IpAddress::parse(text);
    ASSERT_TRUE(a) << text;
    EXPECT_EQ(a->to_string(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoLiteral) {
  for (const std::string_view text :
       {"", "localhost", "198.18.1", "198.18.1.256", "[::1]", "fe80::1%eth0", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, KnowsMulticastAndUnspecified) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("198.18.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_FALSE(IpAddress{}.is_unspecified());
}

TEST(SocketAddress, NeedsBracketsForIpv6AndAPort) {
  EXPECT_EQ(SocketAddress::parse("198.18.1.10:4000")->to_string(), "198.18.1.10:4000");
  EXPECT_EQ(SocketAddress::parse("[2001:db8::1]:4000")->to_string(), "[2001:db8::1]:4000");
  for (const char* text : {"198.18.1.10", "198.18.1.10:", "198.18.1.10:65536", "2001:db8::1:4000",
                           "[198.18.1.10]:1", "198.18.1.10:-1", "198.18.1.10:40x", ":4000"}) {
    EXPECT_FALSE(SocketAddress::parse(text)) << text;
  }
}

TEST(MacAddress, RoundTripsAndRefusesOddForms) {
  EXPECT_EQ(MacAddress::parse("02:0A:00:ff:10:01")->to_string(), "02:0a:00:ff:10:01");
  for (const char* text :
       {"", "02:0a:00:ff:10", "02-0a-00-ff-10-01", "02:0a:00:ff:10:0g", "2:a:0:f:1:1:1:1:1"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast
