// SPDX-License-Identifier: Apache-2.0
// Clients that others wrote, curl and atftp, against the server: byte for byte, on a good network
// and on one that loses and doubles.
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/provision-proxy/tftp/lossy_relay.hh"
#include "tests/provision-proxy/tftp/server_fixture.hh"

namespace holdfast::provision {
namespace {

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class TftpClients : public TftpServerTest {
 protected:
  void SetUp() override {
    TftpServerTest::SetUp();
    source.files["/image"] = pattern(700'001);
    source.files["/even"] = pattern(512 * 8);
    source.files["/empty"] = "";
    source.files["/text"] = "one\ntwo\r\nthree\rfour\n";
    directory_ = testing::TempDir() + "hf-tftp-" + std::to_string(::getpid());
    ::mkdir(directory_.c_str(), 0700);
  }
  void TearDown() override {
    TftpServerTest::TearDown();
    ::unlink(file().c_str());
    ::rmdir(directory_.c_str());
  }

  std::string file() const { return directory_ + "/got"; }
  // The exit status; what was fetched is in got().
  int run(const std::string& command) const {
    ::unlink(file().c_str());
    const int status = std::system((command + " >/dev/null 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string got() const {
    std::ifstream in(file(), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }
  std::string curl(const std::string& host, uint16_t port, const std::string& path,
                   const std::string& options = "") const {
    return "curl -sS --max-time 20 " + options + " -o " + file() + " 'tftp://" + host + ":" +
           std::to_string(port) + "/" + path + "'";
  }
  std::string atftp(uint16_t port, const std::string& path, const std::string& options) const {
    return "atftp --get --local-file " + file() + " --remote-file " + path + " " + options +
           " 127.0.0.1 " + std::to_string(port);
  }

 private:
  std::string directory_;
};

TEST_F(TftpClients, CurlReadsEverySizeOfFile) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  config.listen.push_back(*SocketAddress::parse("[::1]:0"));
  start();
  for (const char* name : {"image", "even", "empty", "sip100.img"}) {
    for (const char* options : {"", "--tftp-no-options", "--tftp-blksize 1024", "--tftp-blksize 8",
                                "--tftp-blksize 65464"}) {
      if (std::string_view(name) == "image" && std::string_view(options) == "--tftp-blksize 8")
        continue;  // it gives up after some ten thousand packets
      SCOPED_TRACE(testing::Message() << name << " " << options);
      for (const auto& listener : addresses) {
        const bool v4 = listener.ip.is_v4();
        EXPECT_EQ(run(curl(v4 ? "127.0.0.1" : "[::1]", listener.port, name, options)), 0);
        EXPECT_EQ(got() == source.files[std::string("/") + name], true);
      }
    }
  }
  settle();
  EXPECT_EQ(counters().transfer.data_resent, 0U);
}

TEST_F(TftpClients, CurlIsToldWhatIsNotThere) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  start();
  EXPECT_EQ(run(curl("127.0.0.1", address().port, "nothing")), 68);  // CURLE_TFTP_NOTFOUND
  EXPECT_EQ(run(curl("127.0.0.1", address().port, "/..%2fa")), 69);  // CURLE_TFTP_PERM
  EXPECT_EQ(run("curl -sS --max-time 20 -T /etc/hostname tftp://127.0.0.1:" +
                std::to_string(address().port) + "/up"),
            69);
}

TEST_F(TftpClients, CurlReadsThroughLoss) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  config.times.timeout_ms = 50;  // a loss costs this much, and curl waits for seconds
  config.times.max_timeout_ms = 200;
  config.times.tries = 12;
  source.files["/image"] = pattern(60'000);
  start();
  for (unsigned seed = 1; seed <= 3; ++seed) {
    LossyRelay relay(address(), {.loss = 0.05, .doubled = 0.1, .seed = seed});
    EXPECT_EQ(run(curl("127.0.0.1", relay.port(), "image", "--tftp-no-options")), 0);
    EXPECT_EQ(got() == source.files["/image"], true);
    EXPECT_GT(relay.lost(), 0U);
  }
  settle();
  const auto sent = counters().transfer;
  EXPECT_LE(sent.data_resent, sent.timeouts) << "only a timeout sends a block again";
}

TEST_F(TftpClients, TheLastAckMayGetLost) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  config.times.timeout_ms = 20;
  config.times.max_timeout_ms = 20;
  start();
  LossyRelay relay(address(), {.lose_last_ack = true});
  EXPECT_EQ(run(curl("127.0.0.1", relay.port(), "sip100.img", "--tftp-no-options")), 0);
  EXPECT_EQ(got() == source.files["/sip100.img"], true);
  settle();
  EXPECT_EQ(counters().ends[TftpEnd::unconfirmed], 1U);
}

TEST_F(TftpClients, AtftpReadsInWindows) {
  if (!installed("atftp")) GTEST_SKIP() << "atftp is not installed";
  start();
  for (const char* options :
       {"", "--option 'blksize 1428' --option 'windowsize 8'", "--option 'windowsize 16'",
        "--option 'tsize 0' --option 'timeout 2'", "--option 'blksize 8192'"}) {
    SCOPED_TRACE(options);
    EXPECT_EQ(run(atftp(address().port, "image", options)), 0);
    EXPECT_EQ(got() == source.files["/image"], true);
  }
}

// atftp gives up when an OACK comes again because the ACK of it was lost: those come through.
TEST_F(TftpClients, AtftpReadsInWindowsThroughLoss) {
  if (!installed("atftp")) GTEST_SKIP() << "atftp is not installed";
  config.times.timeout_ms = 50;
  config.times.max_timeout_ms = 200;
  config.times.tries = 12;
  source.files["/image"] = pattern(200'000);
  start();
  for (unsigned seed = 1; seed <= 3; ++seed) {
    LossyRelay relay(address(), {.loss = 0.02, .spared = 4, .seed = seed});
    EXPECT_EQ(run(atftp(relay.port(), "image", "--option 'windowsize 8'")), 0);
    EXPECT_EQ(got() == source.files["/image"], true);
    EXPECT_GT(relay.lost(), 0U);
  }
}

// As text, and back: what a client makes of netascii is the file again.
TEST_F(TftpClients, NetasciiComesBackAsItWas) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  start();
  const auto url = "'tftp://127.0.0.1:" + std::to_string(address().port) + "/text;mode=netascii'";
  EXPECT_EQ(run("curl -sS --max-time 20 -o " + file() + " " + url), 0);
  std::string encoded = got();  // curl leaves the undoing to its user
  std::string back;
  for (size_t n = 0; n < encoded.size(); ++n) {
    if (encoded[n] == '\r' && n + 1 < encoded.size()) {
      back += encoded[++n] == '\n' ? '\n' : '\r';
    } else {
      back += encoded[n];
    }
  }
  EXPECT_NE(encoded, source.files["/text"]);
  EXPECT_EQ(back, source.files["/text"]);
}

}  // namespace
}  // namespace holdfast::provision
