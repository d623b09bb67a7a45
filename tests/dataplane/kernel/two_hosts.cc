// SPDX-License-Identifier: Apache-2.0
// Namespaces by unshare and setns, devices by iproute2.
#include "tests/dataplane/kernel/two_hosts.hh"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace holdfast::test {
namespace {

int own_namespace() {
  return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

}  // namespace

Namespace::Namespace() : fd_(unshare(CLONE_NEWNET) == 0 ? own_namespace() : -1) {}

Namespace::~Namespace() {
  if (fd_ >= 0) close(fd_);
}

Inside::Inside(int namespace_fd) : back_(own_namespace()) {
  if (setns(namespace_fd, CLONE_NEWNET) != 0) ADD_FAILURE() << "cannot enter a namespace";
}

Inside::~Inside() {
  if (setns(back_, CLONE_NEWNET) != 0) abort();
  close(back_);
}

bool run(const std::string& command) {
  const int status = std::system(("{ " + command + "; } >/dev/null 2>&1").c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void TwoHosts::SetUp() {
  original_ = own_namespace();
  peer_.emplace();
  if (peer_->fd() < 0) GTEST_SKIP() << "needs the right to make network namespaces (root)";
  host_.emplace();
  ASSERT_GE(host_->fd(), 0);
  // Without duplicate address detection, which would cost each test two seconds.
  const char* no_dad =
      "sysctl -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0";
  ASSERT_TRUE(run(no_dad) && run_on_peer(no_dad));
  const std::string peer =
      "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(peer_->fd());
  ASSERT_TRUE(run("ip link add va address 02:00:00:00:09:01 type veth peer name vb address " +
                  std::string(kPeerMac) + " && ip link set vb netns " + peer));
  ASSERT_TRUE(
      run("ip link set lo up && ip addr add 198.18.9.1/24 dev va && "
          "ip addr add 2001:db8:9::1/64 dev va nodad && ip link set va up"));
  ASSERT_TRUE(
      run_on_peer("ip link set lo up && ip addr add 198.18.9.2/24 dev vb && "
                  "ip addr add 2001:db8:9::2/64 dev vb nodad && ip link set vb up"));
  // A new veth drops what is sent before both carriers are on, and the kernel asks for the
  // neighbour again only a second later. The tests begin with a link that works and no neighbour
  // known.
  ASSERT_TRUE(peer_reaches("198.18.9.1") && peer_reaches("2001:db8:9::1"));
  ASSERT_TRUE(run("ip neigh flush all") && run_on_peer("ip neigh flush all"));
  ifindex_ = if_nametoindex("va");
  ASSERT_NE(ifindex_, 0u);
}

void TwoHosts::TearDown() {
  if (host_) {
    EXPECT_EQ(setns(original_, CLONE_NEWNET), 0);
  }
  close(original_);
}

bool TwoHosts::run_on_peer(const std::string& command) {
  const Inside there(peer_->fd());
  return run(command);
}

bool TwoHosts::peer_pings(const std::string& address) {
  return run_on_peer("ping -n -c 1 -W 0.4 " + address);
}

bool TwoHosts::peer_reaches(const std::string& address) {
  return run_on_peer("for i in $(seq 25); do ping -n -c 1 -W 0.2 " + address +
                     " && exit 0; done; exit 1");
}

}  // namespace holdfast::test
