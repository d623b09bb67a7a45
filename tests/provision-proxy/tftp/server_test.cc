// SPDX-License-Identifier: Apache-2.0
// The TFTP server over real sockets: addresses and ports, what it refuses, its limits, its books.
#include <cstring>

#include "base/bind_words.hh"
#include "tests/provision-proxy/tftp/server_fixture.hh"

namespace holdfast::provision {
namespace {

using namespace std::string_literals;

std::string rrq(const std::string& name, const std::string& options = "") {
  return "\0\1"s + name + "\0octet\0"s + options;
}

TEST_F(TftpServerTest, ReadsAFileOverASocketOfItsOwn) {
  for (const char* listen : {"127.0.0.1:0", "[::1]:0"})
    config.listen.push_back(*SocketAddress::parse(listen));
  config.listen.erase(config.listen.begin());
  start();
  for (const auto& listener : addresses) {
    UdpClient client(listener.ip.is_v4() ? "127.0.0.1" : "::1");
    EXPECT_EQ(client.ask(listener, rrq("sip100.img")), tftp_data_header(1) + std::string(512, 'a'));
    EXPECT_EQ(client.from.ip, listener.ip);
    EXPECT_NE(client.from.port, listener.port);
    EXPECT_EQ(client.tos, 8 << 2);
    EXPECT_EQ(client.ask(client.from, tftp_ack(1)), tftp_data_header(2) + "bc");
    client.send(client.from, tftp_ack(2));
    settle();
  }
  EXPECT_EQ(counters().ends[TftpEnd::done], 2U);
  EXPECT_EQ(counters().transfer.bytes_acked, 2U * 514);
}

TEST_F(TftpServerTest, MarksAsItIsTold) {
  config.dscp = 0;
  start();
  UdpClient client;
  client.ask(address(), rrq("sip100.img"));
  EXPECT_EQ(client.tos, 0);
  client.send(client.from, tftp_error(TftpErrorCode::undefined, ""));
  settle();
  EXPECT_EQ(counters().ends[TftpEnd::peer_error], 1U);
}

// A wildcard listener answers from the address that was asked, or the client would not know it.
TEST_F(TftpServerTest, AnswersFromTheAddressThatWasAsked) {
  config.listen = {*SocketAddress::parse("0.0.0.0:0")};
  start();
  UdpClient client;
  const SocketAddress second{*IpAddress::parse("127.0.0.2"), address().port};
  client.ask(second, rrq("sip100.img"));
  EXPECT_EQ(client.from.ip, second.ip);
  client.send(client.from, tftp_error(TftpErrorCode::undefined, ""));
  UdpClient other;
  other.ask(second, "\0\2a\0octet\0"s);
  EXPECT_EQ(other.from, second);
}

TEST_F(TftpServerTest, GrantsOptions) {
  start();
  const struct {
    std::string asked, granted;
  } rows[] = {
      {"blksize\0001000\0tsize\0000\0"s, "blksize\0001000\0tsize\000514\0"s},
      {"blksize\00065464\0"s, "blksize\0001468\0"s},
      {"windowsize\0004\0timeout\0002\0"s, "timeout\0002\0windowsize\0004\0"s},
  };
  for (const auto& row : rows) {
    UdpClient client;
    EXPECT_EQ(client.ask(address(), rrq("sip100.img", row.asked)), "\0\6"s + row.granted);
    client.send(client.from, tftp_error(TftpErrorCode::option_refused, "changed my mind"));
  }
  settle();
  EXPECT_EQ(counters().ends[TftpEnd::peer_error], 3U);
}

TEST_F(TftpServerTest, TransfersKeepOutOfForbiddenPorts) {
  config.max_transfers_per_source = 64;
  config.first_forbidden_port = 1024;
  config.last_forbidden_port = 45'000;  // nearly half of those that the kernel draws from
  start();
  for (int n = 0; n < 20; ++n) {
    UdpClient client;
    EXPECT_EQ(client.ask(address(), rrq("sip100.img")).substr(0, 4), tftp_data_header(1));
    EXPECT_GT(client.from.port, 45'000);
    client.send(client.from, tftp_error(TftpErrorCode::undefined, "enough"));
  }
}

TEST_F(TftpServerTest, WithoutAPortThereIsNoTransfer) {
  config.first_forbidden_port = 1024;
  config.last_forbidden_port = 65'535;
  start();
  UdpClient client;
  EXPECT_EQ(client.ask(address(), rrq("sip100.img")).substr(0, 4), "\0\5\0\0"s);
  EXPECT_EQ(counters().refusals[TftpRefusal::no_socket], 1U);
}

TEST_F(TftpServerTest, RefusesWithAReason) {
  start();
  const struct {
    const char* name;
    std::string request;
    char code;
    TftpRefusal refusal;
  } rows[] = {
      {"a write", "\0\2sip100.img\0octet\0"s, 2, TftpRefusal::write},
      {"out of the tree", rrq("../etc/passwd"), 2, TftpRefusal::bad_path},
      {"a backslash", rrq("a\\b"), 2, TftpRefusal::bad_path},
      {"mail", "\0\1a\0mail\0"s, 4, TftpRefusal::malformed},
      {"no name", rrq(""), 4, TftpRefusal::malformed},
      {"too long", rrq("a", std::string(600, 'x')), 4, TftpRefusal::malformed},
      {"options twice", rrq("a", "tsize\0000\0tsize\0000\0"s), 8, TftpRefusal::malformed},
      {"options that are no number", rrq("a", "blksize\0big\0"s), 8, TftpRefusal::malformed},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    UdpClient client;
    const auto before = counters();
    const auto answer = client.ask(address(), row.request);
    EXPECT_EQ(answer.substr(0, 3), "\0\5\0"s);
    ASSERT_GT(answer.size(), 5U);
    EXPECT_EQ(answer[3], row.code);
    EXPECT_EQ(counters().refusals[row.refusal], before.refusals[row.refusal] + 1);
  }
  UdpClient client;
  EXPECT_EQ(client.ask(address(), rrq("nothing")), "\0\5\0\1no /nothing\0"s);
  EXPECT_EQ(counters().failures[TftpFailure::not_found], 1U);
}

// Nobody can be made to talk to itself, or be flooded, by packets that are no requests.
TEST_F(TftpServerTest, IsSilentToWhatIsNoRequest) {
  start();
  UdpClient client;
  for (const auto& packet : {"\0\3\0\1x"s, "\0\4\0\1"s, "\0\5\0\0x\0"s, "\0\6"s, ""s, "\0"s,
                             "\0\11"s, "GET / HTTP/1.1\r\n"s}) {
    client.send(address(), packet);
  }
  EXPECT_EQ(client.receive(100), std::nullopt);
  const auto c = counters();
  EXPECT_EQ(c.datagrams, 8U);
  EXPECT_EQ(c.refusals[TftpRefusal::not_a_request], 4U);
  EXPECT_EQ(c.refusals[TftpRefusal::malformed], 4U);
}

TEST_F(TftpServerTest, AStrangerDoesNotDisturb) {
  start();
  UdpClient client, stranger;
  client.ask(address(), rrq("sip100.img"));
  const auto answer = stranger.ask(client.from, tftp_ack(1));
  EXPECT_EQ(answer.substr(0, 4), "\0\5\0\5"s);
  stranger.send(client.from, tftp_error(TftpErrorCode::undefined, "stop"));
  EXPECT_EQ(stranger.receive(50), std::nullopt);
  EXPECT_EQ(client.ask(client.from, tftp_ack(1)), tftp_data_header(2) + "bc");
  client.send(client.from, tftp_ack(2));
  settle();
  EXPECT_EQ(counters().strangers, 2U);
  EXPECT_EQ(counters().ends[TftpEnd::done], 1U);
}

// A client that hears nothing asks again from the same port: that is still one transfer.
TEST_F(TftpServerTest, ARequestThatIsRepeatedIsOne) {
  config.open_timeout_ms = 300;
  start();
  UdpClient client;
  client.send(address(), rrq("never"));
  client.send(address(), rrq("never"));
  EXPECT_EQ(client.receive().value_or("silence").substr(0, 4), "\0\5\0\0"s);
  settle();
  EXPECT_EQ(source.opens, 1);
  EXPECT_EQ(counters().refusals[TftpRefusal::repeated], 1U);
  EXPECT_EQ(counters().failures[TftpFailure::open_timeout], 1U);
}

TEST_F(TftpServerTest, IsBoundedOverallAndForEachSource) {
  config.max_transfers = 3;
  config.max_transfers_per_source = 2;
  start();
  UdpClient a1, a2, a3, b1("127.0.0.3"), b2("127.0.0.3");
  for (auto* client : {&a1, &a2, &b1}) {
    EXPECT_EQ(client->ask(address(), rrq("sip100.img")).substr(0, 4), "\0\3\0\1"s);
    if (client == &a2) {
      EXPECT_EQ(a3.ask(address(), rrq("sip100.img")).substr(0, 4), "\0\5\0\0"s);
    }
  }
  EXPECT_EQ(b2.ask(address(), rrq("sip100.img")).substr(0, 4), "\0\5\0\0"s);
  EXPECT_EQ(counters().refusals[TftpRefusal::full_for_source], 1U);
  EXPECT_EQ(counters().refusals[TftpRefusal::full], 1U);
  for (auto* client : {&a1, &a2, &b1})
    client->send(client->from, tftp_error(TftpErrorCode::undefined, "enough"));
  settle();
  EXPECT_EQ(a3.ask(address(), rrq("sip100.img")).substr(0, 4), "\0\3\0\1"s);
}

TEST_F(TftpServerTest, AFileThatBreaksOffIsAnError) {
  source.files["/broken"] = "abc";
  source.says_size = false;
  start();
  UdpClient client;
  EXPECT_EQ(client.ask(address(), rrq("broken")).substr(0, 4), "\0\5\0\0"s);
  settle();
  EXPECT_EQ(counters().ends[TftpEnd::source_failed], 1U);
}

TEST_F(TftpServerTest, TakesNoPortThatIsTaken) {
  start();
  TftpConfig same;
  same.listen = {*SocketAddress::parse("127.0.0.1:0"), address()};
  boost::asio::io_context other;
  TftpServer second(other, same, source);
  EXPECT_EQ(second.open(), "TFTP " + address().to_string() + ": " +
                               bind_words(EADDRINUSE, PortKind::kUdp, address().port));
  EXPECT_TRUE(second.addresses().empty());
}

}  // namespace
}  // namespace holdfast::provision
