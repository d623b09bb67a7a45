// SPDX-License-Identifier: Apache-2.0
// What the daemon keeps on disk beside its database: small files, keys, the lock; and its set-up.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/pid_lock.hh"
#include "base/state_file.hh"
#include "control/daemon/keys.hh"
#include "control/daemon/setup.hh"

namespace holdfast::daemon {
namespace {

namespace fs = std::filesystem;

class StateTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "hf-state-" + std::to_string(::getpid());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  static fs::perms rights(const std::string& path) { return fs::status(path).permissions(); }
  static Logger into(std::vector<std::string>& lines) {
    return [&lines](LogLevel, const std::string& line) { lines.push_back(line); };
  }

  std::string directory_;
};

TEST_F(StateTest, FilesAreWrittenWholeAndForTheOwnerAlone) {
  const std::string path = directory_ + "/f";
  EXPECT_EQ(write_state_file(path, "one"), "");
  EXPECT_EQ(write_state_file(path, std::string(100'000, 'x')), "");
  EXPECT_EQ(rights(path), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_state_file(path, 100'000)->size(), 100'000U);
  EXPECT_FALSE(read_state_file(path, 99'999)) << "longer than allowed";
  EXPECT_FALSE(fs::exists(path + ".new"));
  EXPECT_EQ(read_state_file(directory_ + "/none", 10), std::nullopt);
  EXPECT_EQ(read_state_file(directory_, 10), std::nullopt);
}

TEST_F(StateTest, ALinkInThePlaceOfAFileIsNotFollowed) {
  const std::string victim = directory_ + "/victim", path = directory_ + "/f";
  std::ofstream(victim) << "mine";
  fs::create_symlink(victim, path + ".new");
  EXPECT_EQ(write_state_file(path, "x"), "");
  EXPECT_EQ(read_state_file(victim, 10), "mine");
  fs::create_symlink(victim, directory_ + "/link");
  EXPECT_EQ(read_state_file(directory_ + "/link", 10), std::nullopt);
}

TEST_F(StateTest, AFileThatCannotBeWrittenIsOneLine) {
  const auto error = write_state_file(directory_ + "/none/f", "x");
  EXPECT_EQ(error, directory_ + "/none/f.new cannot be made: No such file or directory");
}

TEST_F(StateTest, DirectoriesAreMade) {
  const std::string path = directory_ + "/a/b/c";
  EXPECT_EQ(make_state_directory(path), "");
  EXPECT_EQ(make_state_directory(path), "");
  EXPECT_EQ(rights(path), fs::perms::owner_all);
  fs::permissions(path, static_cast<fs::perms>(0755));
  EXPECT_EQ(make_state_directory(path), "");
  EXPECT_EQ(rights(path), fs::perms::owner_all) << "others had access to it";
  fs::permissions(path, static_cast<fs::perms>(01777));
  EXPECT_EQ(make_state_directory(path), "");
  EXPECT_EQ(rights(path), static_cast<fs::perms>(01777)) << "all share it";
  std::ofstream(directory_ + "/file") << "";
  EXPECT_EQ(make_state_directory(directory_ + "/file"), directory_ + "/file is not a directory");
}

TEST_F(StateTest, KeysAreMadeOnceAndStay) {
  std::vector<std::string> lines;
  const auto made = load_or_make_keys(directory_, into(lines));
  ASSERT_TRUE(made) << made.error();
  EXPECT_NE(made->tokens.current, made->branch);
  EXPECT_NE(made->branch, sip::Key{});
  const auto again = load_or_make_keys(directory_, into(lines));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->tokens.current, made->tokens.current);
  EXPECT_EQ(again->branch, made->branch);
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(rights(directory_ + "/keys"), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(StateTest, APreviousTokenKeyIsRead) {
  std::ofstream(directory_ + "/keys")
      << "# old and new\ntoken " << std::string(64, 'a') << "\nprevious-token "
      << std::string(64, 'b') << "\nbranch " << std::string(64, 'c') << "\n";
  std::vector<std::string> lines;
  const auto keys = load_or_make_keys(directory_, into(lines));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->tokens.previous->at(0), 0xbb);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("can be read by others"), std::string::npos);
}

TEST_F(StateTest, ADamagedKeyFileIsKeptAsideAndSaid) {
  for (const std::string& text :
       {std::string(), std::string("token zz\n"), "token " + std::string(64, 'a') + "\n",
        "token " + std::string(63, 'a') + "\nbranch " + std::string(64, 'a') + "\n",
        "token " + std::string(64, 'a') + "\ntoken " + std::string(64, 'b') + "\nbranch " +
            std::string(64, 'a') + "\n"}) {
    std::ofstream(directory_ + "/keys") << text;
    std::vector<std::string> lines;
    ASSERT_TRUE(load_or_make_keys(directory_, into(lines))) << text;
    ASSERT_EQ(lines.size(), 1U) << text;
    EXPECT_NE(lines[0].find("it is kept as " + directory_ + "/keys.damaged"), std::string::npos);
    EXPECT_EQ(read_state_file(directory_ + "/keys.damaged", 4096), text);
  }
}

TEST_F(StateTest, OneProcessHasTheLock) {
  const std::string path = directory_ + "/holdfastd.pid";
  auto lock = PidLock::take(path);
  ASSERT_TRUE(lock) << lock.error();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = PidLock::take(path);
    const std::string wanted =
        "another process (pid " + std::to_string(::getppid()) + ") already uses " + path;
    ::_exit(!second && second.error() == wanted ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::move(lock).value().reset();
  EXPECT_TRUE(PidLock::take(path));
}

TEST(Setup, TellsTheProxyWhatTheFileSays) {
  const auto site = config::parse_site(
      "[[interface]]\nname = \"lan\"\ndevice = \"e0\"\nmedia-addresses = [\"198.18.1.2\", "
      "\"2001:db8:1::2\"]\n[[interface]]\nname = \"wan\"\ndevice = \"e1\"\nmedia-addresses = "
      "[\"198.18.2.2\"]\nrtcp-mux = \"offer\"\nmedia-source = \"sdp\"\n"
      "srtp = \"offer\"\nsrtp-suites = [\"AEAD_AES_256_GCM\", \"aes_cm_128_hmac_sha1_80\"]\n"
      "srtp-without-tls = true\n"
      "[[sip-listener]]\ninterface = \"lan\"\n[[sip-listener]]\ninterface = "
      "\"wan\"\nfaces = \"centre\"\ntransports = [\"tcp\"]\nport = 5070\n[centre]\ndomain = "
      "\"c.example\"\ninterface = \"wan\"\nservers = [\"198.18.3.10\"]\ntransport = \"tcp\"\n"
      "lost-to-fail = 7\n[sip]\ndscp = 26\nmax-calls = 9\naliases = [\"branch\"]\n"
      "survival-expiry-min-s = 70\ncall-budget-ms = 2000\ntcp-idle-s = 60\nregister-mode = "
      "\"rewrite\"\n[media]\nvideo = \"refuse\"\nmedia-timeout-s = 33\nhold-timeout-s = 99\n"
      "[dataplane]\ncontrol-socket = \"/run/x.sock\"\n",
      "hf.toml");
  ASSERT_TRUE(site) << site.error().to_string();
  Keys keys;
  keys.branch[0] = 1;
  keys.tokens.current[0] = 2;
  const auto proxy = proxy_config_of(*site, keys);
  ASSERT_EQ(proxy.route.listeners.size(), 5U);  // two addresses by two transports, and one
  EXPECT_TRUE(proxy.route.listeners[0].faces_phones);
  EXPECT_EQ(proxy.route.listeners[3].address.to_string(), "[2001:db8:1::2]:5060");
  EXPECT_EQ(proxy.route.listeners[4].address.to_string(), "198.18.2.2:5070");
  EXPECT_EQ(proxy.route.listeners[4].transport, sip::Transport::tcp);
  EXPECT_FALSE(proxy.route.listeners[4].faces_phones);
  EXPECT_EQ(proxy.route.aliases, std::vector<std::string>{"branch"});
  EXPECT_EQ(proxy.route.centre_domain, "c.example");
  EXPECT_EQ(proxy.route.centre_interface, "wan");
  EXPECT_EQ(proxy.route.register_mode, sip::RegisterMode::rewrite);
  EXPECT_EQ(proxy.route.call_budget_ms, 2000U);
  EXPECT_EQ(proxy.route.branch_key, keys.branch);
  EXPECT_EQ(proxy.route.keys.current, keys.tokens.current);
  EXPECT_EQ(proxy.health.lost_to_fail, 7U);
  EXPECT_EQ(proxy.bindings.survival_expiry_min_s, 70U);
  EXPECT_EQ(proxy.limits.max_calls, 9U);
  EXPECT_EQ(proxy.limits.tcp_idle_ms, 60'000U);
  EXPECT_EQ(proxy.dscp, 26);
  const auto anchor = anchor_config_of(*site);
  EXPECT_EQ(anchor.socket_path, "/run/x.sock");
  EXPECT_EQ(anchor.media.policy.video, media::MediaAction::refuse);
  EXPECT_EQ(anchor.media_timeout_s, 33U);
  EXPECT_EQ(anchor.hold_timeout_s, 99U);
  EXPECT_EQ(anchor.max_calls, 9U);
  EXPECT_EQ(anchor.one_way_s, 10U);
  EXPECT_EQ(anchor.rules.at("lan").rtcp_mux, sip::RtcpMux::answer);
  EXPECT_FALSE(anchor.rules.at("lan").strict_source);
  EXPECT_EQ(anchor.rules.at("wan").rtcp_mux, sip::RtcpMux::offer);
  EXPECT_TRUE(anchor.rules.at("wan").strict_source);
  EXPECT_EQ(anchor.media.srtp.at("lan").policy, media::SrtpPolicy::pass_through);
  EXPECT_EQ(anchor.media.srtp.at("lan").suites, media::all_srtp_suites());
  EXPECT_FALSE(anchor.media.srtp.at("lan").without_tls);
  EXPECT_EQ(anchor.media.srtp.at("wan").policy, media::SrtpPolicy::offer);
  EXPECT_EQ(anchor.media.srtp.at("wan").suites,
            (std::vector<media::SrtpSuite>{media::SrtpSuite::aead_aes_256_gcm,
                                           media::SrtpSuite::aes_cm_128_hmac_sha1_80}));
  EXPECT_TRUE(anchor.media.srtp.at("wan").without_tls);
  EXPECT_EQ(proxy.route.media.srtp.at("lan").policy, media::SrtpPolicy::pass_through);
  EXPECT_EQ(proxy.route.media.srtp.at("wan").suites, anchor.media.srtp.at("wan").suites);
  EXPECT_TRUE(proxy.route.media.srtp.at("wan").without_tls);
}

}  // namespace
}  // namespace holdfast::daemon
