// SPDX-License-Identifier: Apache-2.0
// The XDP steer program frame by frame, run in the kernel without a device (BPF_PROG_TEST_RUN).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/xdp/steer_maps.h"
#include "media/address.hh"

namespace holdfast::dataplane {
namespace {

using Bytes = std::vector<uint8_t>;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

Bytes operator+(Bytes a, const Bytes& b) {
  for (const uint8_t byte : b) a.push_back(byte);
  return a;
}

Bytes be(uint16_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

Bytes ethernet(uint16_t type) {
  return Bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2} + be(type);
}

Bytes tag(uint16_t tci, uint16_t type) {
  return be(tci) + be(type);
}

// RFC 791 3.1; `words` of header, the options are no-operations.
Bytes ipv4(const char* to, uint16_t fragment = 0, uint8_t protocol = 17, uint8_t words = 5) {
  Bytes header = Bytes{static_cast<uint8_t>(0x40 | words), 0, 0, 200, 0, 1} + be(fragment) +
                 Bytes{64, protocol, 0, 0, 198, 18, 0, 99};
  const auto address = ip(to);
  header.insert(header.end(), address.bytes.begin(), address.bytes.begin() + 4);
  header.resize(size_t{words} * 4, 1);
  return header;
}

// RFC 8200 3.
Bytes ipv6(const char* to, uint8_t next = 17) {
  const auto address = ip(to);
  return Bytes{0x60, 0, 0, 0, 0, 180, next, 64} + Bytes(16, 0) +
         Bytes(address.bytes.begin(), address.bytes.end());
}

// RFC 8200 4.5.
Bytes fragment6(uint16_t offset_and_more, uint8_t next = 17) {
  return Bytes{next, 0} + be(offset_and_more) + Bytes{0, 0, 0, 7};
}

Bytes udp(uint16_t port) {
  return be(40'000) + be(port) + be(180) + be(0) + Bytes(172, 0x55);
}

constexpr uint16_t kIp4 = 0x0800;
constexpr uint16_t kIp6 = 0x86dd;
constexpr uint16_t kVlan = 0x8100;
const char* const kOur4 = "198.18.0.1";
const char* const kOur6 = "2001:db8::1";

struct Row {
  const char* name;
  Bytes frame;
  steer_counter counted;
};

std::vector<Row> untagged_rows() {
  return {
      {"lowest port", ethernet(kIp4) + ipv4(kOur4) + udp(20'000), STEER_STEERED},
      {"highest port", ethernet(kIp4) + ipv4(kOur4) + udp(20'999), STEER_STEERED},
      {"below the range", ethernet(kIp4) + ipv4(kOur4) + udp(19'999), STEER_PASSED},
      {"above the range", ethernet(kIp4) + ipv4(kOur4) + udp(21'000), STEER_PASSED},
      {"SIP", ethernet(kIp4) + ipv4(kOur4) + udp(5'060), STEER_PASSED},
      {"another address", ethernet(kIp4) + ipv4("198.18.0.2") + udp(20'000), STEER_PASSED},
      {"IPv6", ethernet(kIp6) + ipv6(kOur6) + udp(20'000), STEER_STEERED},
      {"IPv6, another address", ethernet(kIp6) + ipv6("2001:db8::2") + udp(20'000), STEER_PASSED},
      {"IPv6 SIP", ethernet(kIp6) + ipv6(kOur6) + udp(5'060), STEER_PASSED},
      {"RFC 4291 2.5.5.2 IPv4-mapped", ethernet(kIp6) + ipv6("::ffff:198.18.0.1") + udp(20'000),
       STEER_PASSED},
      {"TCP", ethernet(kIp4) + ipv4(kOur4, 0, 6) + udp(20'000), STEER_PASSED},
      {"ICMP", ethernet(kIp4) + ipv4(kOur4, 0, 1) + udp(20'000), STEER_PASSED},
      {"IPv6 TCP", ethernet(kIp6) + ipv6(kOur6, 6) + udp(20'000), STEER_PASSED},
      {"ARP", ethernet(0x0806) + ipv4(kOur4) + udp(20'000), STEER_PASSED},
      {"RFC 791 options", ethernet(kIp4) + ipv4(kOur4, 0, 17, 15) + udp(20'000), STEER_STEERED},
      {"RFC 791 do not fragment", ethernet(kIp4) + ipv4(kOur4, 0x4000) + udp(20'000),
       STEER_STEERED},
      {"RFC 791 first fragment of media", ethernet(kIp4) + ipv4(kOur4, 0x2000) + udp(20'000),
       STEER_FRAGMENTS_DROPPED},
      {"RFC 791 first fragment of SIP", ethernet(kIp4) + ipv4(kOur4, 0x2000) + udp(5'060),
       STEER_PASSED},
      {"RFC 791 middle fragment", ethernet(kIp4) + ipv4(kOur4, 0x2010) + udp(20'000), STEER_PASSED},
      {"RFC 791 last fragment", ethernet(kIp4) + ipv4(kOur4, 0x0010) + udp(20'000), STEER_PASSED},
      {"RFC 8200 first fragment of media",
       ethernet(kIp6) + ipv6(kOur6, 44) + fragment6(1) + udp(20'000), STEER_FRAGMENTS_DROPPED},
      {"RFC 8200 first fragment of SIP",
       ethernet(kIp6) + ipv6(kOur6, 44) + fragment6(1) + udp(5'060), STEER_PASSED},
      {"RFC 8200 later fragment",
       ethernet(kIp6) + ipv6(kOur6, 44) + fragment6(0x0588) + udp(20'000), STEER_PASSED},
      {"RFC 8200 fragment of TCP", ethernet(kIp6) + ipv6(kOur6, 44) + fragment6(1, 6) + udp(20'000),
       STEER_PASSED},
      {"RFC 8200 hop-by-hop options",
       ethernet(kIp6) + ipv6(kOur6, 0) + Bytes{17, 0, 1, 4, 0, 0, 0, 0} + udp(20'000),
       STEER_PASSED},
      {"IPv4 header length 4", ethernet(kIp4) + ipv4(kOur4, 0, 17, 4) + Bytes(4, 0) + udp(20'000),
       STEER_PASSED},
      {"IPv4 of version 6", ethernet(kIp4) + ipv6(kOur6) + udp(20'000), STEER_PASSED},
      {"IPv6 of version 4", ethernet(kIp6) + ipv4(kOur4) + udp(20'000), STEER_PASSED},
      {"802.1Q id 100", ethernet(kVlan) + tag(100, kIp4) + ipv4(kOur4) + udp(20'000), STEER_PASSED},
      {"802.1Q priority tag", ethernet(kVlan) + tag(0xa000, kIp4) + ipv4(kOur4) + udp(20'000),
       STEER_STEERED},
  };
}

std::vector<Row> tagged_rows() {
  return {
      {"802.1Q id 100", ethernet(kVlan) + tag(100, kIp4) + ipv4(kOur4) + udp(20'000),
       STEER_STEERED},
      {"802.1Q id 100, priority 5", ethernet(kVlan) + tag(0xa064, kIp6) + ipv6(kOur6) + udp(20'000),
       STEER_STEERED},
      {"802.1Q id 101", ethernet(kVlan) + tag(101, kIp4) + ipv4(kOur4) + udp(20'000), STEER_PASSED},
      {"802.1Q id 100, SIP", ethernet(kVlan) + tag(100, kIp4) + ipv4(kOur4) + udp(5'060),
       STEER_PASSED},
      {"802.1Q twice",
       ethernet(kVlan) + tag(100, kVlan) + tag(100, kIp4) + ipv4(kOur4) + udp(20'000),
       STEER_PASSED},
      {"802.1ad outside", ethernet(0x88a8) + tag(100, kIp4) + ipv4(kOur4) + udp(20'000),
       STEER_PASSED},
      {"untagged", ethernet(kIp4) + ipv4(kOur4) + udp(20'000), STEER_PASSED},
  };
}

class SteerProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    libbpf_set_print(nullptr);
    object_ = bpf_object__open_file(STEER_OBJECT, nullptr);
    ASSERT_NE(object_, nullptr) << STEER_OBJECT;
    if (const int e = bpf_object__load(object_); e == -EPERM) {
      GTEST_SKIP() << "needs the right to load BPF programs (root)";
    } else {
      ASSERT_EQ(e, 0);
    }
    program_ = bpf_program__fd(bpf_object__find_program_by_name(object_, "holdfast_steer"));
    ASSERT_GE(program_, 0);
    const steer_ports ports{20'000, 20'999, 0};
    steer_address four{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, 1}};
    steer_address six{};
    std::memcpy(six.bytes, ip(kOur6).bytes.data(), 16);
    ASSERT_EQ(bpf_map_update_elem(map("media_addresses"), &four, &ports, BPF_ANY), 0);
    ASSERT_EQ(bpf_map_update_elem(map("media_addresses"), &six, &ports, BPF_ANY), 0);
  }
  void TearDown() override { bpf_object__close(object_); }

  int map(const char* name) { return bpf_object__find_map_fd_by_name(object_, name); }

  void set(uint32_t setting, uint32_t value) {
    ASSERT_EQ(bpf_map_update_elem(map("steer_config"), &setting, &value, BPF_ANY), 0);
  }
  void set_vlan(uint32_t id) { set(STEER_VLAN, id); }

  uint64_t counter(uint32_t which) {
    std::vector<uint64_t> cpus(static_cast<size_t>(libbpf_num_possible_cpus()));
    EXPECT_EQ(bpf_map_lookup_elem(map("steer_counters"), &which, cpus.data()), 0);
    uint64_t sum = 0;
    for (const uint64_t n : cpus) sum += n;
    return sum;
  }

  // With no socket in the map what is steered is dropped: a dead dataplane.
  void expect(const Row& row) {
    std::array<uint64_t, STEER_COUNTERS> before{};
    for (uint32_t n = 0; n < STEER_COUNTERS; ++n) before[n] = counter(n);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = row.frame.data();
    options.data_size_in = static_cast<uint32_t>(row.frame.size());
    ASSERT_EQ(bpf_prog_test_run_opts(program_, &options), 0) << row.name;
    EXPECT_EQ(options.retval,
              static_cast<uint32_t>(row.counted == STEER_PASSED ? XDP_PASS : XDP_DROP))
        << row.name;
    for (uint32_t n = 0; n < STEER_COUNTERS; ++n) {
      EXPECT_EQ(counter(n) - before[n], n == static_cast<uint32_t>(row.counted) ? 1u : 0u)
          << row.name << ", counter " << n;
    }
  }

 private:
  bpf_object* object_ = nullptr;
  int program_ = -1;
};

TEST_F(SteerProgram, UntaggedPort) {
  for (const Row& row : untagged_rows()) expect(row);
}

TEST_F(SteerProgram, PortOnVlan100) {
  set_vlan(100);
  for (const Row& row : tagged_rows()) expect(row);
}

// Ports are the address's own: IPv4 has the place 0 in the table, IPv6 the place 1.
TEST_F(SteerProgram, MediaToPortsWithoutALegEndsThere) {
  const steer_ports ports{20'000, 20'999, 1};
  steer_address six{};
  std::memcpy(six.bytes, ip(kOur6).bytes.data(), 16);
  ASSERT_EQ(bpf_map_update_elem(map("media_addresses"), &six, &ports, BPF_ANY), 0);
  const auto use = [&](uint32_t place, std::initializer_list<uint16_t> used, uint16_t ended) {
    auto bits = std::make_unique<steer_port_bits>();
    for (const uint16_t port : used) bits->used[port / 8] |= static_cast<uint8_t>(1 << port % 8);
    bits->ended[ended / 8] = static_cast<uint8_t>(1 << ended % 8);
    ASSERT_EQ(bpf_map_update_elem(map("used_ports"), &place, bits.get(), BPF_ANY), 0);
  };
  use(0, {20'002, 20'999, 5'060}, 20'008);
  use(1, {20'004}, 20'010);
  const auto four = [](uint16_t port) { return ethernet(kIp4) + ipv4(kOur4) + udp(port); };
  const auto of_six = [](uint16_t port) { return ethernet(kIp6) + ipv6(kOur6) + udp(port); };
  expect({"not told to look", four(20'000), STEER_STEERED});
  set(STEER_USED_ONLY, 1);
  for (const Row& row : {
           Row{"a leg's", four(20'002), STEER_STEERED},
           Row{"the last port, a leg's", four(20'999), STEER_STEERED},
           Row{"one above it", four(20'003), STEER_UNUSED_DROPPED},
           Row{"an ended leg's", four(20'008), STEER_ENDED_DROPPED},
           Row{"an ended leg's of IPv6", four(20'010), STEER_UNUSED_DROPPED},
           Row{"a leg's of IPv6", four(20'004), STEER_UNUSED_DROPPED},
           Row{"IPv6, a leg's", of_six(20'004), STEER_STEERED},
           Row{"IPv6, a leg's of IPv4", of_six(20'002), STEER_UNUSED_DROPPED},
           Row{"RFC 791 first fragment, nobody's",
               ethernet(kIp4) + ipv4(kOur4, 0x2000) + udp(20'000), STEER_FRAGMENTS_DROPPED},
           Row{"outside the range", four(19'999), STEER_PASSED},
           Row{"SIP", four(5'060), STEER_PASSED},
       })
    expect(row);
  set(STEER_OWNED, 1);
  for (const Row& row : {
           Row{"owned, a leg's", four(20'002), STEER_STEERED},
           Row{"owned, nobody's", four(20'003), STEER_UNUSED_DROPPED},
           Row{"owned, SIP", four(5'060), STEER_STEERED},
           Row{"owned, another VLAN", ethernet(kVlan) + tag(7, kIp4) + ipv4(kOur4) + udp(20'003),
               STEER_STEERED},
           Row{"owned, first fragment", ethernet(kIp4) + ipv4(kOur4, 0x2000) + udp(20'000),
               STEER_STEERED},
       })
    expect(row);
}

TEST_F(SteerProgram, CutAnywhereBeforeTheUdpHeaderEndsItIsTheKernels) {
  for (const Bytes& whole : {ethernet(kIp4) + ipv4(kOur4, 0, 17, 8) + udp(20'000),
                             ethernet(kIp6) + ipv6(kOur6) + udp(20'000),
                             ethernet(kIp6) + ipv6(kOur6, 44) + fragment6(1) + udp(20'000)}) {
    // The kernel runs no frame that is shorter than an Ethernet header.
    for (size_t bytes = 14; bytes < whole.size() - 172; ++bytes) {
      expect({"cut", Bytes(whole.begin(), whole.begin() + static_cast<long>(bytes)), STEER_PASSED});
    }
  }
}

}  // namespace
}  // namespace holdfast::dataplane
