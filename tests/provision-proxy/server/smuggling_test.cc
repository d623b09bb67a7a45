// SPDX-License-Identifier: Apache-2.0
// The table of request smuggling over a raw socket: what the gate refuses gets its status and the
// end of the connection, and nothing behind it is ever a request.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/provision-proxy/server/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace test;

struct Got {
  std::string method, target, body;
  bool operator==(const Got&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Got& got) {
  return out << got.method << " " << got.target << " <" << got.body << ">";
}

// Takes everything, with its body.
class TakeAll final : public RequestHandler {
 public:
  void handle(Request request, Interim, Reply reply) override {
    const auto at = got.size();
    got.push_back({request.method, request.target, ""});
    read_upload(request.body, [this, at, reply](auto all) {
      if (!all) {
        failed.push_back(at);
      } else {
        got[at].body = *all;
      }
      reply(text_answer("taken"));
    });
  }
  std::vector<Got> got;
  std::vector<size_t> failed;  // whose body broke
};

// The table writes a byte as the character of that number, up to 255.
std::string bytes_of(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead < 0x80) {
      bytes.push_back(utf8[i]);
    } else {
      const unsigned low = static_cast<uint8_t>(utf8.at(++i)) & 0x3fU;
      bytes.push_back(static_cast<char>((lead & 3U) << 6 | low));
    }
  }
  return bytes;
}

class ServerSmuggling : public ServerTest {
 protected:
  void run_row(const nlohmann::json& row, bool byte_by_byte) {
    SCOPED_TRACE(row.at("name").get<std::string>() + (byte_by_byte ? ", byte by byte" : ""));
    TakeAll taker;
    auto server = Server::start(io_, {plain()}, limits_, taker, {}, [this] { return now_; });
    ASSERT_TRUE(server);
    server_ = std::move(server).value();
    Phone phone(*this);
    const auto bytes = bytes_of(row.at("bytes").get<std::string>());
    if (byte_by_byte) {
      for (const char c : bytes) phone.send({c});
    } else {
      phone.send(bytes);
    }
    phone.end_sending();
    const auto all = phone.rest();

    // Requests whose body broke were begun, and are none.
    std::vector<Got> whole;
    for (size_t i = 0; i < taker.got.size(); ++i)
      if (std::count(taker.failed.begin(), taker.failed.end(), i) == 0)
        whole.push_back(taker.got[i]);
    std::vector<Got> wanted;
    for (const auto& request : row.at("requests"))
      wanted.push_back({request.at("method"), request.at("target"),
                        bytes_of(request.at("body").get<std::string>())});
    EXPECT_EQ(whole, wanted);
    EXPECT_EQ(count_of(all, "HTTP/1.1 200 OK"), wanted.size()) << all;
    if (row.at("verdict") != "refused") return;
    const auto status = "HTTP/1.1 " + std::to_string(row.at("status").get<int>()) + " ";
    EXPECT_EQ(count_of(all, status), 1U) << all;
    EXPECT_EQ(count_of(all, "HTTP/1.1 "), wanted.size() + 1) << all;
    EXPECT_EQ(count_of(all, "Connection: close"), 1U) << all;
    const std::string refusal = row.at("refusal");
    uint64_t counted = 0;
    for_each_counter(counters(), [&](std::string_view name, std::string_view, uint64_t value) {
      if (name == refusal) counted = value;
    });
    EXPECT_EQ(counted, 1U) << refusal;
  }
};

TEST_F(ServerSmuggling, EveryRowOfTheTable) {
  const char* root = std::getenv("HOLDFAST_SOURCE_ROOT");
  ASSERT_NE(root, nullptr);
  std::ifstream file(std::string(root) + "/tests/provision-proxy/smuggling.json");
  const auto table = nlohmann::json::parse(file);
  ASSERT_GE(table.size(), 28U);
  for (const auto& row : table) {
    run_row(row, false);
    run_row(row, true);
  }
}

}  // namespace
}  // namespace holdfast::provision
