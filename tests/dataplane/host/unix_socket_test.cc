// SPDX-License-Identifier: Apache-2.0
// What stands at a socket's path, and that only what a dead process left is taken away.
#include "dataplane/host/unix_socket.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace holdfast::dataplane {
namespace {

class UnixSocket : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { ::unlink(path_.c_str()); }
  void TearDown() override { ::unlink(path_.c_str()); }

  // A socket that listens at the path; closing it leaves the file.
  int serve() const {
    const int fd = ::socket(AF_UNIX, GetParam() | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd, 1), 0);
    return fd;
  }

  std::string path_ = testing::TempDir() + "holdfast-port.sock";
};

TEST_P(UnixSocket, OfADeadProcessMakesRoom) {
  EXPECT_EQ(look_at_socket(path_), AtPath::nothing);
  EXPECT_EQ(free_socket_path(path_), "");
  const int fd = serve();
  EXPECT_EQ(look_at_socket(path_), AtPath::served);
  EXPECT_EQ(free_socket_path(path_),
            "another program serves the socket " + path_ + "; end it or name another");
  ::close(fd);
  EXPECT_EQ(look_at_socket(path_), AtPath::stale);
  EXPECT_EQ(free_socket_path(path_), "");
  EXPECT_EQ(look_at_socket(path_), AtPath::nothing);
}

TEST_P(UnixSocket, AFileInItsPlaceStays) {
  std::ofstream(path_) << "kept";
  EXPECT_EQ(free_socket_path(path_),
            path_ + " exists and is not a socket; remove it or name another");
  EXPECT_EQ(look_at_socket(path_), AtPath::no_socket);
}

INSTANTIATE_TEST_SUITE_P(Kinds, UnixSocket, testing::Values(SOCK_STREAM, SOCK_SEQPACKET));

}  // namespace
}  // namespace holdfast::dataplane
