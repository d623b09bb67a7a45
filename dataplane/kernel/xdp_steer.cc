// SPDX-License-Identifier: Apache-2.0
// Finds the attached steer program by its name and its maps by theirs, since the PMD loaded them.
#include "dataplane/kernel/xdp_steer.hh"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "dataplane/xdp/steer_maps.h"

namespace holdfast::dataplane {
namespace {

static_assert(kMaxSteerAddresses == STEER_MAX_ADDRESSES);
static_assert(sizeof(steer_address) == 16 && sizeof(steer_ports) == 8);

// More maps than our program has; a program with more is not ours.
constexpr size_t kMaxMaps = 16;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string failed(const std::string& what, int negative_errno) {
  return what + ": " + std::strerror(-negative_errno);
}

std::string on_device(unsigned ifindex) {
  return " on interface " + std::to_string(ifindex);
}

// The program attached to a device; fd is -1 when there is none.
struct Attached {
  Descriptor fd{-1};
  std::string name;
  std::vector<uint32_t> map_ids;
  std::array<uint8_t, BPF_TAG_SIZE> tag{};  // the kernel's hash of its instructions
};

Result<Attached, std::string> attached_program(unsigned ifindex) {
  char name[IF_NAMESIZE];
  // libbpf takes a device that does not exist for one without a program.
  if (if_indextoname(ifindex, name) == nullptr) {
    return "no such interface: " + std::to_string(ifindex);
  }
  uint32_t id = 0;
  if (const int e = bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id); e < 0) {
    return failed("cannot ask for the XDP program" + on_device(ifindex), e);
  }
  if (id == 0) return Attached{};
  Attached found{Descriptor(bpf_prog_get_fd_by_id(id)), {}, {}, {}};
  if (found.fd.get() < 0) {
    return failed("cannot open the XDP program" + on_device(ifindex), found.fd.get());
  }
  std::array<uint32_t, kMaxMaps> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = kMaxMaps;
  info.map_ids = reinterpret_cast<uintptr_t>(ids.data());
  uint32_t size = sizeof info;
  if (const int e = bpf_obj_get_info_by_fd(found.fd.get(), &info, &size); e < 0) {
    return failed("cannot read the XDP program" + on_device(ifindex), e);
  }
  found.name.assign(info.name, strnlen(info.name, sizeof info.name));
  std::copy(std::begin(info.tag), std::end(info.tag), found.tag.begin());
  found.map_ids.assign(ids.begin(), ids.begin() + std::min<size_t>(info.nr_map_ids, kMaxMaps));
  return found;
}

std::string foreign(const Attached& program, unsigned ifindex) {
  const std::string name = program.name.empty() ? "(no name)" : program.name;
  return "a foreign XDP program, " + name + ", is attached" + on_device(ifindex);
}

// Our program's map `name`; one with other sizes belongs to another version of us.
Result<Descriptor, std::string> open_map(const Attached& program, std::string_view name,
                                         uint32_t key_bytes, uint32_t value_bytes) {
  for (const uint32_t id : program.map_ids) {
    Descriptor map(bpf_map_get_fd_by_id(id));
    if (map.get() < 0) return failed("cannot open a map of the XDP program", map.get());
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (const int e = bpf_obj_get_info_by_fd(map.get(), &info, &size); e < 0) {
      return failed("cannot read a map of the XDP program", e);
    }
    if (std::string_view(info.name, strnlen(info.name, sizeof info.name)) != name) continue;
    if (info.key_size != key_bytes || info.value_size != value_bytes) {
      return "XDP map " + std::string(name) + " is of another version of the program";
    }
    return map;
  }
  return "the attached XDP program has no map " + std::string(name);
}

// The attached steer program, or why it cannot be used.
Result<Attached, std::string> our_program(unsigned ifindex) {
  auto program = attached_program(ifindex);
  if (!program) return program;
  if (program->fd.get() < 0) return "no XDP program is attached" + on_device(ifindex);
  if (program->name != kSteerProgram) return foreign(*program, ifindex);
  return program;
}

steer_address key_of(const IpAddress& address) {
  steer_address key{};
  if (address.is_v6()) {
    std::copy(address.bytes.begin(), address.bytes.end(), key.bytes);
  } else {
    key.bytes[10] = key.bytes[11] = 0xff;
    std::copy_n(address.bytes.begin(), 4, key.bytes + 12);
  }
  return key;
}

bool same(const steer_address& a, const steer_address& b) {
  return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

// Takes out what is in the map and not wanted; bounded by the map's size.
void remove_others(int map, const std::vector<steer_address>& wanted) {
  std::vector<steer_address> present;
  steer_address key{};
  while (present.size() < STEER_MAX_ADDRESSES &&
         bpf_map_get_next_key(map, present.empty() ? nullptr : &present.back(), &key) == 0) {
    present.push_back(key);
  }
  for (const steer_address& old : present) {
    const bool keep = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const steer_address& w) { return same(w, old); });
    if (!keep) bpf_map_delete_elem(map, &old);
  }
}

// What a dead process's frames were counted as is not ours to tell.
Outcome clear_counters(const Attached& program, unsigned ifindex) {
  const auto map = open_map(program, "steer_counters", sizeof(uint32_t), sizeof(uint64_t));
  if (!map) return map.error();
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return failed("cannot count the CPUs", cpus);
  const std::vector<uint64_t> zeros(static_cast<size_t>(cpus));
  for (uint32_t key = 0; key < STEER_COUNTERS; ++key) {
    if (const int e = bpf_map_update_elem(map->get(), &key, zeros.data(), BPF_ANY); e < 0)
      return failed("cannot clear a counter of the XDP program" + on_device(ifindex), e);
  }
  return done();
}

}  // namespace

LeftSteer left_steer(unsigned ifindex, int other_program) {
  auto left = our_program(ifindex);
  if (!left) return {};
  bpf_prog_info other{};
  uint32_t size = sizeof other;
  const bool same = bpf_obj_get_info_by_fd(other_program, &other, &size) == 0 &&
                    std::equal(std::begin(other.tag), std::end(other.tag), left->tag.begin());
  return {left->fd.release(), same};
}

Outcome check_steer(unsigned ifindex) {
  const auto program = attached_program(ifindex);
  if (!program) return program.error();
  const bool good = program->fd.get() < 0 || program->name == kSteerProgram;
  return good ? done() : foreign(*program, ifindex);
}

Outcome detach_steer(unsigned ifindex) {
  const auto program = attached_program(ifindex);
  if (!program) return program.error();
  if (program->fd.get() < 0) return done();
  if (program->name != kSteerProgram) return foreign(*program, ifindex);
  // Names the program to be replaced, so that another one attached meanwhile is not hit.
  bpf_xdp_attach_opts options{};
  options.sz = sizeof options;
  options.old_prog_fd = program->fd.get();
  if (const int e = bpf_xdp_detach(static_cast<int>(ifindex), 0, &options); e < 0) {
    return failed("cannot detach the XDP program" + on_device(ifindex), e);
  }
  return done();
}

Outcome configure_steer(unsigned ifindex, std::span<const IpAddress> addresses, uint16_t port_low,
                        uint16_t port_high, uint16_t vlan_id, bool owned) {
  if (port_low == 0 || port_low > port_high) {
    return "no media port range: " + std::to_string(port_low) + "-" + std::to_string(port_high);
  }
  if (vlan_id > 4094) return "no VLAN id: " + std::to_string(vlan_id);
  if (addresses.size() > kMaxSteerAddresses) {
    return "too many media addresses for one port: " + std::to_string(addresses.size());
  }
  std::vector<steer_address> wanted;
  for (const IpAddress& address : addresses) {
    if (address.is_none()) return std::string("a media address is none");
    wanted.push_back(key_of(address));
  }
  const auto program = our_program(ifindex);
  if (!program) return program.error();
  const auto config = open_map(*program, "steer_config", sizeof(uint32_t), sizeof(uint32_t));
  if (!config) return config.error();
  const auto media =
      open_map(*program, "media_addresses", sizeof(steer_address), sizeof(steer_ports));
  if (!media) return media.error();
  if (Outcome cleared = clear_counters(*program, ifindex); !cleared) return cleared;

  const std::array<uint32_t, STEER_SETTINGS> settings{vlan_id, owned ? 1u : 0u, 0};
  for (uint32_t setting = 0; setting < STEER_SETTINGS; ++setting) {
    if (const int e = bpf_map_update_elem(config->get(), &setting, &settings[setting], BPF_ANY);
        e < 0) {
      return failed("cannot configure the XDP program" + on_device(ifindex), e);
    }
  }
  remove_others(media->get(), wanted);
  for (uint32_t place = 0; place < wanted.size(); ++place) {
    const steer_ports ports{port_low, port_high, place};
    if (const int e = bpf_map_update_elem(media->get(), &wanted[place], &ports, BPF_ANY); e < 0) {
      return failed("cannot set a media address of the XDP program" + on_device(ifindex), e);
    }
  }
  return done();
}

Result<UsedPorts, std::string> UsedPorts::open(unsigned ifindex) {
  const auto program = our_program(ifindex);
  if (!program) return program.error();
  const auto map = open_map(*program, "used_ports", sizeof(uint32_t), sizeof(steer_port_bits));
  if (!map) return map.error();
  void* memory = mmap(nullptr, STEER_MAX_ADDRESSES * sizeof(steer_port_bits),
                      PROT_READ | PROT_WRITE, MAP_SHARED, map->get(), 0);
  if (memory == MAP_FAILED) return failed("cannot map used_ports" + on_device(ifindex), -errno);
  std::memset(memory, 0, STEER_MAX_ADDRESSES * sizeof(steer_port_bits));
  return UsedPorts(memory);
}

UsedPorts::UsedPorts(UsedPorts&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

UsedPorts::~UsedPorts() {
  if (memory_ != nullptr) munmap(memory_, STEER_MAX_ADDRESSES * sizeof(steer_port_bits));
}

PortBits UsedPorts::of_address(size_t nth) const {
  steer_port_bits& bits = static_cast<steer_port_bits*>(memory_)[nth];
  return {bits.used, bits.ended};
}

Outcome drop_unused_ports(unsigned ifindex) {
  const auto program = our_program(ifindex);
  if (!program) return program.error();
  const auto config = open_map(*program, "steer_config", sizeof(uint32_t), sizeof(uint32_t));
  if (!config) return config.error();
  const uint32_t setting = STEER_USED_ONLY;
  const uint32_t on = 1;
  if (const int e = bpf_map_update_elem(config->get(), &setting, &on, BPF_ANY); e < 0)
    return failed("cannot configure the XDP program" + on_device(ifindex), e);
  return done();
}

Outcome steer_to(unsigned ifindex, uint32_t queue, int socket) {
  const auto program = our_program(ifindex);
  if (!program) return program.error();
  const auto sockets = open_map(*program, "xsks_map", sizeof(uint32_t), sizeof(uint32_t));
  if (!sockets) return sockets.error();
  if (const int e = bpf_map_update_elem(sockets->get(), &queue, &socket, BPF_ANY); e < 0)
    return failed("cannot give the XDP program its socket" + on_device(ifindex), e);
  return done();
}

Result<SteerCounters, std::string> read_steer_counters(unsigned ifindex) {
  const auto program = our_program(ifindex);
  if (!program) return program.error();
  const auto map = open_map(*program, "steer_counters", sizeof(uint32_t), sizeof(uint64_t));
  if (!map) return map.error();
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return failed("cannot count the CPUs", cpus);
  std::vector<uint64_t> per_cpu(static_cast<size_t>(cpus));
  std::array<uint64_t, STEER_COUNTERS> sums{};
  for (uint32_t key = 0; key < STEER_COUNTERS; ++key) {
    if (const int e = bpf_map_lookup_elem(map->get(), &key, per_cpu.data()); e < 0) {
      return failed("cannot read a counter of the XDP program" + on_device(ifindex), e);
    }
    for (const uint64_t n : per_cpu) sums[key] += n;
  }
  return SteerCounters{sums[STEER_STEERED], sums[STEER_PASSED], sums[STEER_FRAGMENTS_DROPPED],
                       sums[STEER_UNUSED_DROPPED], sums[STEER_ENDED_DROPPED]};
}

}  // namespace holdfast::dataplane
