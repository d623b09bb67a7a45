// SPDX-License-Identifier: Apache-2.0
// The anchor and the real dataplane process: what the SDP promises is where sound arrives, also
// after either of the two was killed.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

#include "tests/dataplane/kernel/two_hosts.hh"
#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {
namespace {

using media::Side;
using Kind = MediaVerdict::Kind;
using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 20'000;  // of a machine that is busy with other things

// holdfast-dataplane on the host's end of the link.
class Process {
 public:
  explicit Process(std::string folder) : folder_(std::move(folder)) {}
  ~Process() { kill_hard(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start() {
    const std::string config = folder_ + "/dataplane.toml";
    const std::string log = folder_ + "/dataplane.log";
    std::ofstream(config) << "[dataplane]\ncontrol-socket = \"" << folder_
                          << "/dataplane.sock\"\nmemory-mib = 128\nhuge-pages = \"no\"\n"
                             "max-legs = 64\n[[interface]]\nname = \"lan\"\ndevice = \"va\"\n"
                             "media-addresses = [\"198.18.9.1\", \"2001:db8:9::1\"]\n"
                             "media-ports = \"20000-20199\"\n";
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (!std::freopen(log.c_str(), "a", stdout) || !std::freopen(log.c_str(), "a", stderr))
      ::_exit(126);
    ::execl(DATAPLANE, DATAPLANE, "--config", config.c_str(), nullptr);
    ::_exit(127);
  }
  void kill_hard() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void signal(int number) const { ::kill(pid_, number); }
  bool died() { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; }
  std::string log() const {
    std::ifstream file(folder_ + "/dataplane.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string folder_;
  pid_t pid_ = -1;
};

// A phone's RTP socket on the peer's side.
class Phone {
 public:
  Phone(test::Namespace& where, const std::string& address)
      : address_(*SocketAddress::parse(address)) {
    const test::Inside there(where.fd());
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_in own = raw(address_);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  }
  ~Phone() { ::close(fd_); }
  Phone(const Phone&) = delete;
  Phone& operator=(const Phone&) = delete;

  void say(const std::string& where) {
    std::array<uint8_t, 172> packet{0x80, 0};  // G.711, 20 ms
    packet[2] = static_cast<uint8_t>(sequence_ >> 8);
    packet[3] = static_cast<uint8_t>(sequence_++);
    packet[11] = address_.ip.bytes[3];  // SSRC
    const sockaddr_in to = raw(*SocketAddress::parse(where));
    ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
  }
  // From where a packet came; empty: none did.
  std::string hears() const {
    uint8_t bytes[2048];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    if (::recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size) <= 0)
      return {};
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
    return text + (":" + std::to_string(ntohs(from.sin_port)));
  }
  void forget() const {
    while (!hears().empty()) {
    }
  }
  std::string address() const { return address_.to_string(); }

 private:
  static sockaddr_in raw(const SocketAddress& address) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(address.port);
    std::copy_n(address.ip.bytes.begin(), 4, reinterpret_cast<uint8_t*>(&out.sin_addr));
    return out;
  }
  SocketAddress address_;
  int fd_ = -1;
  uint16_t sequence_ = 100;
};

class RealDataplane : public test::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    char folder[] = "/tmp/holdfast-anchor-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    // A kernel's veth leaves checksums to hardware that is not there.
    ASSERT_TRUE(run_on_peer(
        "ip addr add 198.18.9.3/24 dev vb && ethtool -K vb tx off tso off gso off gro off"));
    process_.emplace(folder_);
    alice_.emplace(peer(), "198.18.9.2:4000");
    bob_.emplace(peer(), "198.18.9.3:6000");
    call_.caller = at("lan", "198.18.9.2:5060");
    call_.callee = at("lan", "198.18.9.3:5060");
  }
  void TearDown() override {
    anchor_.reset();
    process_.reset();
    if (!folder_.empty()) (void)test::run("rm -r " + folder_);
    TwoHosts::TearDown();
  }

  void start_anchor() {
    anchor_.reset();
    AnchorConfig config;
    config.socket_path = folder_ + "/dataplane.sock";
    config.poll_s = 1;
    anchor_ = std::make_unique<MediaAnchor>(loop_, config, [](LogLevel, const std::string&) {});
  }
  template <typename Condition>
  bool until(Condition holds) {
    const auto end = Clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (Clock::now() < end) {
      loop_.set_now(1'000'000 +
                    static_cast<uint64_t>(
                        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_)
                            .count()));
      loop_.turn();
      if (holds()) return true;
      ::usleep(1000);
    }
    return false;
  }
  bool comes_up() {
    return until([this] { return anchor_->snapshot().state == AnchorState::up; });
  }
  MediaVerdict send(const MediaMessage& message) {
    std::optional<MediaVerdict> verdict;
    anchor_->message(message, [&](MediaVerdict v) { verdict = std::move(v); });
    EXPECT_TRUE(until([&] { return verdict.has_value(); }));
    return verdict.value_or(MediaVerdict{});
  }
  // Speaks until the other end hears it; from where it then came.
  std::string heard(Phone& speaker, const std::string& where, const Phone& listener) {
    listener.forget();
    std::string from;
    until([&] {
      speaker.say(where);
      from = listener.hears();
      return !from.empty();
    });
    return from;
  }
  void both_hear_each_other() {
    EXPECT_EQ(heard(*alice_, told_alice_, *bob_), told_bob_);
    EXPECT_EQ(heard(*bob_, told_bob_, *alice_), told_alice_);
  }

  std::string folder_;
  HandLoop loop_;
  Clock::time_point began_ = Clock::now();
  std::optional<Process> process_;
  std::optional<Phone> alice_, bob_;
  std::unique_ptr<MediaAnchor> anchor_;
  Call call_;
  std::string told_alice_, told_bob_;
};

TEST_F(RealDataplane, SoundGoesWhereTheSdpSaysWhateverDies) {
  process_->start();
  start_anchor();
  ASSERT_TRUE(comes_up()) << process_->log();
  told_bob_ = wants(send(call_.invite(sdp(alice_->address()))).body);
  told_alice_ = wants(send(call_.reply(200, sdp(bob_->address()))).body);
  EXPECT_TRUE(told_bob_.starts_with("198.18.9.1:20")) << told_bob_;
  both_hear_each_other();

  // We die; the call goes on, and its re-INVITE finds the legs.
  anchor_.reset();
  both_hear_each_other();
  start_anchor();
  ASSERT_TRUE(comes_up());
  EXPECT_EQ(anchor_->snapshot().adopted.size(), 1u);
  const auto again = call_.request(Side::callee, Method::invite, sdp(bob_->address()));
  EXPECT_EQ(wants(send(again).body), told_alice_);
  const auto answer = call_.response(Side::caller, Method::invite, 200, sdp(alice_->address()));
  EXPECT_EQ(wants(send(answer).body), told_bob_);
  both_hear_each_other();

  // The dataplane dies; the call's ports are the same when it is back.
  process_->kill_hard();
  ASSERT_TRUE(until([&] { return anchor_->snapshot().state == AnchorState::away; }));
  process_->start();
  ASSERT_TRUE(comes_up()) << process_->log();
  both_hear_each_other();

  // It hangs: a new call passes, and leaves nothing behind when it goes on.
  process_->signal(SIGSTOP);
  Call other = call_;
  other.key = 2;
  EXPECT_EQ(send(other.invite(sdp(alice_->address()))).kind, Kind::pass);
  process_->signal(SIGCONT);
  ASSERT_TRUE(comes_up());
  std::optional<uint32_t> legs;
  anchor_->dataplane_status([&](const auto& status) { legs = status ? status->legs_in_use : 99; });
  ASSERT_TRUE(until([&] { return legs.has_value(); }));
  both_hear_each_other();

  std::optional<std::vector<control::CallReport>> reports;
  anchor_->call_ended(1, [&](auto r) { reports = std::move(r); });
  ASSERT_TRUE(until([&] { return reports.has_value(); }));
  ASSERT_EQ(reports->size(), 1u);
  EXPECT_GT(reports->front().legs[0].rx.packets, 0u);
  EXPECT_GT(reports->front().legs[1].tx.packets, 0u);
  ASSERT_TRUE(until([&] {
    std::optional<uint32_t> left;
    anchor_->dataplane_status([&](const auto& s) { left = s ? s->legs_in_use : 99; });
    return until([&] { return left.has_value(); }) && left == 0u;
  }));
}

// Both calls of a B2BUA: each names a leg of the other as its remote.
TEST_F(RealDataplane, CallsOfOneCentreAreJoined) {
  process_->start();
  start_anchor();
  ASSERT_TRUE(comes_up()) << process_->log();
  Call second = call_;
  second.key = 2;
  second.branch = "z9hG4bK-9";
  const std::string to_centre = send(call_.invite(sdp(alice_->address()))).body;
  told_bob_ = wants(send(second.invite(to_centre)).body);
  const std::string back = send(second.reply(200, sdp(bob_->address()))).body;
  told_alice_ = wants(send(call_.reply(200, back)).body);
  EXPECT_EQ(anchor_->snapshot().streams_joined, 2u);
  both_hear_each_other();
  std::optional<std::vector<control::CallReport>> reports;
  anchor_->call_ended(1, [&](auto r) { reports = std::move(r); });
  ASSERT_TRUE(until([&] { return reports.has_value(); }));
  EXPECT_EQ(reports->at(0).legs[1].next_hop.state, "local") << "it never saw a wire";
}

}  // namespace
}  // namespace holdfast::sip
