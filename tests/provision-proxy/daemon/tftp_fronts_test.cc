// SPDX-License-Identifier: Apache-2.0
// The TFTP listeners of a configuration: where they listen, whom they ask, what they tell of
// themselves.
#include "provision-proxy/daemon/tftp_fronts.hh"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/bind_words.hh"
#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/tftp/packet.hh"
#include "tests/provision-proxy/tftp/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace std::string_literals;
using nlohmann::json;

// A file of 600 bytes for each listener that asks, but for what has "none" in its name.
class Files : public RequestHandler {
 public:
  void handle(Request request, Interim, Reply reply) override {
    Answer answer;
    answer.status = request.target.find("none") == std::string::npos ? 200 : 404;
    answer.bytes = std::make_shared<const std::string>(
        600, static_cast<char>('a' + static_cast<int>(request.listener)));
    targets.push_back(request.target);
    reply(std::move(answer));
  }
  std::vector<std::string> targets;
};

class TftpFrontsTest : public testing::Test {
 protected:
  static config::ProvisionTftpConfig section(const char* address, const char* root = "") {
    config::ProvisionTftpConfig made;
    made.interface = "lan";
    made.origin = "centre";
    made.addresses = {*IpAddress::parse(address)};
    made.port = 0;
    made.root = root;
    return made;
  }
  std::string start(const std::vector<config::ProvisionTftpConfig>& sections) {
    auto started = TftpFronts::start(io_, sections, 2, files_);
    if (!started) return started.error();
    fronts_ = std::move(started).value();
    return "";
  }
  // What the front answers: the loop runs until it has.
  std::string ask(UdpClient& client, const SocketAddress& to, const std::string& packet) {
    client.send(to, packet);
    for (int n = 0; n < 200; ++n) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
      if (auto answer = client.receive(0)) return *answer;
    }
    return "silence";
  }
  void settle(size_t front) {
    for (int n = 0; n < 200 && fronts_->document().at(front).at("under_way") != 0; ++n) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
    }
  }

  boost::asio::io_context io_{1};
  Files files_;
  std::unique_ptr<TftpFronts> fronts_;
};

TEST_F(TftpFrontsTest, EachSectionAsksAsItself) {
  ASSERT_EQ(start({section("127.0.0.1"), section("::1", "/firmware")}), "");
  UdpClient four, six("::1");
  EXPECT_EQ(ask(four, fronts_->addresses(0).at(0), "\0\1a.img\0octet\0"s),
            tftp_data_header(1) + std::string(512, 'c'));
  EXPECT_EQ(ask(six, fronts_->addresses(1).at(0), "\0\1a.img\0octet\0"s),
            tftp_data_header(1) + std::string(512, 'd'));
  EXPECT_EQ(files_.targets, (std::vector<std::string>{"/a.img", "/firmware/a.img"}));
}

TEST_F(TftpFrontsTest, TellsWhatItHasDoneByName) {
  ASSERT_EQ(start({section("127.0.0.1")}), "");
  const auto at = fronts_->addresses(0).at(0);
  UdpClient client, writer, lost;
  EXPECT_EQ(ask(client, at, "\0\1a.img\0octet\0"s).size(), 516U);
  const SocketAddress transfer = client.from;
  EXPECT_EQ(ask(client, transfer, tftp_ack(1)), tftp_data_header(2) + std::string(88, 'c'));
  client.send(transfer, tftp_ack(2));
  settle(0);
  EXPECT_EQ(ask(writer, at, "\0\2a.img\0octet\0"s).substr(0, 4), "\0\5\0\2"s);
  EXPECT_EQ(ask(lost, at, "\0\1none\0octet\0"s).substr(0, 4), "\0\5\0\1"s);

  const json told = fronts_->document().at(0);
  EXPECT_EQ(told.at("interface"), "lan");
  EXPECT_EQ(told.at("origin"), "centre");
  EXPECT_EQ(told.at("addresses"), json::array({at.to_string()}));
  EXPECT_EQ(told.at("under_way"), 0);
  EXPECT_EQ(told.at("datagrams"), 3);
  EXPECT_EQ(told.at("started"), 2);
  EXPECT_EQ(told.at("ends"), (json{{"done", 1}}));
  EXPECT_EQ(told.at("failures"), (json{{"not_found", 1}}));
  EXPECT_EQ(told.at("refusals"), (json{{"write", 1}}));
  EXPECT_EQ(told.at("rejects"), json::object());
  EXPECT_EQ(told.at("blocks_sent"), 2);
  EXPECT_EQ(told.at("blocks_resent"), 0);
  EXPECT_EQ(told.at("bytes"), 600);
  EXPECT_EQ(told.at("timeouts"), 0);
}

TEST_F(TftpFrontsTest, GrantsNoMoreThanTheSectionSays) {
  auto limited = section("127.0.0.1");
  limited.max_block_bytes = 600;
  limited.max_window_blocks = 2;
  limited.max_transfers = limited.max_transfers_per_address = 1;
  ASSERT_EQ(start({limited}), "");
  UdpClient client, second;
  EXPECT_EQ(ask(client, fronts_->addresses(0).at(0),
                "\0\1a.img\0octet\0blksize\0001400\0windowsize\0009\0"s),
            "\0\6blksize\000600\0windowsize\0002\0"s);
  EXPECT_EQ(ask(second, fronts_->addresses(0).at(0), "\0\1a.img\0octet\0"s).substr(0, 4),
            "\0\5\0\0"s);
}

TEST_F(TftpFrontsTest, SaysWhichPortCannotBeHad) {
  ASSERT_EQ(start({section("127.0.0.1")}), "");
  auto taken = section("127.0.0.1");
  taken.port = fronts_->addresses(0).at(0).port;
  const auto error = TftpFronts::start(io_, {section("::1"), taken}, 0, files_);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error(), "provision-tftp 2 (lan): TFTP 127.0.0.1:" + std::to_string(taken.port) +
                               ": " + bind_words(EADDRINUSE, PortKind::kUdp, taken.port));
}

}  // namespace
}  // namespace holdfast::provision
