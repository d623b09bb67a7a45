// SPDX-License-Identifier: Apache-2.0
// The table of request smuggling: each row is refused by its name, or permitted as the RFC says.
//
// smuggling.json is for tests on sockets as well. A row's `bytes` are sent as they are (a character
// is the byte of its number); `requests` are those that are read whole and answered, in order. With
// `verdict` refused the next answer has `status` and the connection is closed, whatever else came.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/provision-proxy/http/request_reader.hh"

namespace holdfast::provision {
namespace {

using test::ReadOutcome;
using test::RequestReader;

// The table writes a byte as the character of that number, up to 255.
std::string bytes_of(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead < 0x80) {
      bytes.push_back(utf8[i]);
      continue;
    }
    EXPECT_TRUE(lead == 0xc2 || lead == 0xc3) << "no byte: a character above 255";
    const unsigned low = static_cast<uint8_t>(utf8.at(++i)) & 0x3fU;
    bytes.push_back(static_cast<char>((lead & 3U) << 6 | low));
  }
  return bytes;
}

nlohmann::json table() {
  const char* root = std::getenv("HOLDFAST_SOURCE_ROOT");
  EXPECT_NE(root, nullptr);
  std::ifstream file(std::string(root ? root : ".") + "/tests/provision-proxy/smuggling.json");
  return nlohmann::json::parse(file);
}

ReadOutcome wanted(const nlohmann::json& row) {
  ReadOutcome outcome;
  for (const auto& request : row.at("requests"))
    outcome.requests.push_back({request.at("method"), request.at("target"),
                                bytes_of(request.at("body").get<std::string>())});
  if (row.at("verdict") == "refused") {
    outcome.refusal = row.at("refusal");
    outcome.status = row.at("status");
  }
  return outcome;
}

ReadOutcome read_in_pieces(const std::string& bytes, size_t first, size_t step) {
  RequestReader reader;
  reader.feed(bytes.substr(0, first));
  for (size_t at = first; at < bytes.size(); at += step) reader.feed(bytes.substr(at, step));
  return reader.outcome();
}

std::string described(const ReadOutcome& outcome) {
  std::string text = outcome.refusal + " " + std::to_string(outcome.status);
  for (const auto& request : outcome.requests)
    text += " | " + request.method + " " + request.target + " " + request.body;
  return text + (outcome.midway ? " | midway" : "");
}

TEST(Smuggling, EachRowIsRefusedByNameOrPermitted) {
  size_t refused = 0, permitted = 0;
  for (const auto& row : table()) {
    SCOPED_TRACE(row.at("name").get<std::string>() + ", " + row.at("rfc").get<std::string>());
    const ReadOutcome outcome =
        read_in_pieces(bytes_of(row.at("bytes").get<std::string>()), std::string::npos, 1);
    EXPECT_EQ(outcome, wanted(row)) << described(outcome) << "\nwanted " << described(wanted(row));
    ++(outcome.refusal.empty() ? permitted : refused);
  }
  EXPECT_GE(refused, 28U);
  EXPECT_GE(permitted, 10U);
}

TEST(Smuggling, HowBytesAreCutMakesNoDifference) {
  for (const auto& row : table()) {
    SCOPED_TRACE(row.at("name").get<std::string>());
    const std::string bytes = bytes_of(row.at("bytes").get<std::string>());
    const ReadOutcome whole = wanted(row);
    for (const size_t step : {1U, 2U, 3U, 7U, 31U})
      ASSERT_EQ(read_in_pieces(bytes, 0, step), whole) << "in pieces of " << step;
    for (size_t first = 1; first < bytes.size(); ++first)
      ASSERT_EQ(read_in_pieces(bytes, first, bytes.size()), whole) << "cut at " << first;
  }
}

TEST(Smuggling, RowsAreNamedOnceAndSayWhy) {
  std::set<std::string> names;
  for (const auto& row : table()) {
    const std::string name = row.at("name");
    SCOPED_TRACE(name);
    EXPECT_TRUE(names.insert(name).second);
    EXPECT_TRUE(row.at("rfc").get<std::string>().starts_with("RFC 9"));
    EXPECT_FALSE(row.at("reason").get<std::string>().empty());
  }
}

}  // namespace
}  // namespace holdfast::provision
