// SPDX-License-Identifier: Apache-2.0
// The last good addresses and their text.
#include "provision-proxy/upstream/address_book.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}
std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> list;
  for (const auto& address : addresses) list.push_back(address.to_string());
  return list;
}
using Texts = std::vector<std::string>;

TEST(AddressBook, PutsTheOneThatWorkedFirst) {
  AddressBook book;
  EXPECT_TRUE(book.put("a.example",
                       {ip("198.18.0.2"), ip("198.18.0.1"), ip("2001:db8::1"), ip("198.18.0.2")}));
  EXPECT_EQ(texts(book.find("a.example")), (Texts{"2001:db8::1", "198.18.0.1", "198.18.0.2"}));
  EXPECT_TRUE(book.worked("a.example", ip("198.18.0.2")));
  EXPECT_FALSE(book.worked("a.example", ip("198.18.0.2"))) << "no news";
  EXPECT_EQ(texts(book.find("a.example")), (Texts{"198.18.0.2", "2001:db8::1", "198.18.0.1"}));
  EXPECT_FALSE(book.worked("a.example", ip("198.18.0.9"))) << "not one of its addresses";
  EXPECT_FALSE(book.worked("b.example", ip("198.18.0.2")));
}

TEST(AddressBook, NoAddressIsNoNews) {
  AddressBook book;
  book.put("a.example", {ip("198.18.0.1")});
  EXPECT_FALSE(book.put("a.example", {}));
  EXPECT_FALSE(book.put("a.example", {ip("0.0.0.0"), ip("::"), IpAddress{}}));
  EXPECT_FALSE(book.put("a.example", {ip("198.18.0.1")}));
  EXPECT_EQ(texts(book.find("a.example")), Texts{"198.18.0.1"});
}

TEST(AddressBook, OneThatWorkedAndIsGoneIsForgottenUntilItIsBack) {
  AddressBook book;
  book.put("a.example", {ip("198.18.0.1"), ip("198.18.0.2")});
  book.worked("a.example", ip("198.18.0.2"));
  book.put("a.example", {ip("198.18.0.3")});
  EXPECT_EQ(texts(book.find("a.example")), Texts{"198.18.0.3"});
}

TEST(AddressBook, OutlivesATripThroughText) {
  AddressBook book;
  book.put("a.example", {ip("198.18.0.1"), ip("2001:db8::2"), ip("198.18.0.3")});
  book.put("b.example", {ip("198.18.0.4")});
  book.worked("a.example", ip("198.18.0.3"));
  EXPECT_EQ(book.text(),
            "a.example 198.18.0.3 2001:db8::2 198.18.0.1 198.18.0.3\nb.example - 198.18.0.4\n");
  const auto again = AddressBook::parse(book.text());
  EXPECT_EQ(again.text(), book.text());
  EXPECT_EQ(again.find("a.example"), book.find("a.example"));
}

TEST(AddressBook, LeavesOutWhatMakesNoSense) {
  const auto book = AddressBook::parse(
      "\n\n - \nlonely\na.example\na.example -\nb.example - nonsense 198.18.0.300\n"
      "c.example 198.18.0.9 198.18.0.1 x 198.18.0.2\n\x01\x02 - 198.18.0.1\n"
      "d.example - 198.18.0.5");  // cut
  EXPECT_EQ(book.text(), "c.example - 198.18.0.1 198.18.0.2\nd.example - 198.18.0.5\n");
}

TEST(AddressBook, IsBounded) {
  AddressBook book;
  std::vector<IpAddress> many;
  for (uint8_t i = 1; i < 100; ++i) {
    const uint8_t bytes[4] = {198, 18, 0, i};
    many.push_back(IpAddress::v4(bytes));
  }
  for (int i = 0; i < 100; ++i) book.put("host" + std::to_string(i), many);
  EXPECT_EQ(book.find("host0").size(), kMaxBookAddresses);
  EXPECT_EQ(book.find("host31").size(), kMaxBookAddresses);
  EXPECT_TRUE(book.find("host32").empty());
  EXPECT_TRUE(AddressBook::parse(std::string(kMaxBookBytes + 1, 'a')).text().empty());
  book.keep_only({"host3"});
  EXPECT_TRUE(book.find("host0").empty());
  EXPECT_FALSE(book.find("host3").empty());
}

}  // namespace
}  // namespace holdfast::provision
