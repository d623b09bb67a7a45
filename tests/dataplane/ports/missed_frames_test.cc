// SPDX-License-Identifier: Apache-2.0
// Frames missed: a packet socket whose owner does not look, and what drivers say by themselves.
#include "dataplane/ports/missed_frames.hh"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "tests/dataplane/kernel/two_hosts.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint16_t kTestEthertype = 0x88b5;  // IEEE 802 local experimental: no kernel sends such

TEST(MissedFrames, WithoutSocketsTheDriversWordIsAll) {
  MissedFrames missed({});
  EXPECT_EQ(missed.read(0), 0U);
  EXPECT_EQ(missed.read(7), 7U);
  EXPECT_EQ(missed.read(3), 7U) << "a driver that starts anew takes nothing back";
}

TEST(MissedFrames, OtherDescriptorsCountNothing) {
  MissedFrames missed({-1, 0});
  EXPECT_EQ(missed.read(2), 2U);
}

class MissedOnTheWire : public test::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    socket_ = bound_socket(ifindex());
    // The kernel doubles it and keeps at least 2 KiB: a few frames.
    const int bytes = 1024;
    ASSERT_EQ(setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  }
  void TearDown() override {
    if (socket_ >= 0) close(socket_);
    TwoHosts::TearDown();
  }

  static int bound_socket(unsigned index) {
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(kTestEthertype);
    at.sll_ifindex = static_cast<int>(index);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    return fd;
  }

  // From the other end of the wire.
  void send_frames(unsigned count) {
    const test::Inside there(peer().fd());
    const int fd = bound_socket(if_nametoindex("vb"));
    std::array<uint8_t, 60> frame{};
    frame.fill(0xff);  // to everybody
    frame[12] = kTestEthertype >> 8;
    frame[13] = kTestEthertype & 0xff;
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(send(fd, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    close(fd);
  }

  unsigned take_all() {
    std::array<uint8_t, 2048> buffer;
    unsigned taken = 0;
    while (recv(socket_, buffer.data(), buffer.size(), 0) > 0) ++taken;
    return taken;
  }

  int socket_ = -1;
};

// Reading resets the kernel's count; ours goes on.
TEST_F(MissedOnTheWire, TakenAndMissedAddUpToSent) {
  MissedFrames missed({socket_});
  EXPECT_EQ(missed.read(0), 0U);
  unsigned taken = 0;
  for (const unsigned sent : {100U, 200U, 201U}) {
    send_frames(sent == 201 ? 1 : 100);
    taken += take_all();
    EXPECT_EQ(taken + missed.read(0), sent);
    EXPECT_EQ(taken + missed.read(0), sent) << "a second reading";
  }
  EXPECT_LT(taken, 100U) << "the socket had room for all: nothing was proven";
  EXPECT_EQ(missed.read(5), 201U - taken + 5) << "and the driver's own";
}

}  // namespace
}  // namespace holdfast::dataplane
