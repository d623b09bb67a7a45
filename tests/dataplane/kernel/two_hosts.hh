// SPDX-License-Identifier: Apache-2.0
// Two network namespaces with a veth between them: the appliance's side and a real kernel as peer.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace holdfast::test {

// A network namespace that lives as long as the object (and sockets made in it).
class Namespace {
 public:
  Namespace();  // makes one and leaves the thread in it
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Enters a namespace for the life of the object.
class Inside {
 public:
  explicit Inside(int namespace_fd);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int back_;
};

// Runs a shell command silently; true when it ended with status 0.
bool run(const std::string& command);

// Host: `va` 02:00:00:00:09:01, 198.18.9.1/24, 2001:db8:9::1/64. Peer: `vb` ...:02, .2 and ::2.
// The test runs on the host's side.
class TwoHosts : public ::testing::Test {
 protected:
  static constexpr const char* kPeerMac = "02:00:00:00:09:02";

  void SetUp() override;
  void TearDown() override;
  bool run_on_peer(const std::string& command);
  bool peer_pings(const std::string& address);    // one echo, 0.4 s
  bool peer_reaches(const std::string& address);  // an echo is answered within 5 s
  unsigned ifindex() const { return ifindex_; }   // of `va`
  Namespace& peer() { return *peer_; }
  Namespace& host() { return *host_; }

 private:
  int original_ = -1;
  unsigned ifindex_ = 0;
  std::optional<Namespace> peer_;
  std::optional<Namespace> host_;
};

}  // namespace holdfast::test
