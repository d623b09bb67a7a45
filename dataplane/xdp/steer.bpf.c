// SPDX-License-Identifier: Apache-2.0
// XDP program of an af_xdp port: of a `shared` one media goes to DPDK's socket and the rest to the
// kernel, of an `owned` one everything goes to the socket.
//
// DPDK's af_xdp PMD loads this object and puts its sockets into `xsks_map`; the dataplane fills the
// other maps once it is attached. Media is UDP, not fragmented, to one of our media addresses and
// into its port range, on the port's VLAN. With no socket there (the dataplane is dead) it is
// dropped without a sound. So is media to a port that no leg has, and counted: a flood of it ends
// here, where it costs least, and leaves the socket's queue to calls. The dataplane says which
// ports have a leg by writing into `used_ports` as into memory.
//
// Fragments: only the first carries ports. A first fragment into the media range is dropped and
// counted, no phone sends such media. Later fragments go to the kernel, since they may belong to
// fragmented SIP to the same address; those of dropped media never complete, and the kernel gives
// up on them silently, for it has not seen their first one (RFC 792, RFC 4443 3.3).
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer_maps.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, STEER_MAX_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_MAX_ADDRESSES);
  __type(key, struct steer_address);
  __type(value, struct steer_ports);
} media_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, STEER_SETTINGS);
  __type(key, __u32);
  __type(value, __u32);
} steer_config SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, STEER_MAX_ADDRESSES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct steer_port_bits);
} used_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STEER_COUNTERS);
  __type(key, __u32);
  __type(value, __u64);
} steer_counters SEC(".maps");

struct vlan_tag {
  __be16 tci;
  __be16 next_proto;
};

// Where a packet goes, as its headers say.
struct target {
  struct steer_address address;
  struct udphdr* udp;
  __u8 first_fragment;
};

static __always_inline int count(enum steer_counter which, int verdict) {
  __u32 key = which;
  __u64* value = bpf_map_lookup_elem(&steer_counters, &key);
  if (value) ++*value;
  return verdict;
}

// Takes off the tag the port is configured with. 0 when the frame is not of this VLAN.
static __always_inline int on_our_vlan(void** at, void* end, __be16* proto) {
  __u32 key = STEER_VLAN;
  __u32* vlan_id = bpf_map_lookup_elem(&steer_config, &key);
  if (!vlan_id) return 0;
  if (*proto != bpf_htons(ETH_P_8021Q)) return *vlan_id == 0;
  struct vlan_tag* tag = *at;
  if ((void*)(tag + 1) > end) return 0;
  // A priority tag (id 0) is still the untagged network (802.1Q 6.9).
  if ((bpf_ntohs(tag->tci) & 0x0fff) != *vlan_id) return 0;
  *proto = tag->next_proto;
  *at = tag + 1;
  return 1;
}

static __always_inline int parse_ipv4(void* at, void* end, struct target* to) {
  struct iphdr* ip = at;
  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return 0;
  if (ip->protocol != IPPROTO_UDP) return 0;
  __u16 fragment = bpf_ntohs(ip->frag_off);
  if (fragment & 0x1fff) return 0;
  to->first_fragment = (fragment & 0x2000) != 0;
  to->address.bytes[10] = 0xff;
  to->address.bytes[11] = 0xff;
  __builtin_memcpy(&to->address.bytes[12], &ip->daddr, 4);
  to->udp = at + ip->ihl * 4;
  return 1;
}

static __always_inline int parse_ipv6(void* at, void* end, struct target* to) {
  struct ipv6hdr* ip = at;
  if ((void*)(ip + 1) > end || ip->version != 6) return 0;
  to->udp = (void*)(ip + 1);
  if (ip->nexthdr == IPPROTO_FRAGMENT) {
    struct {
      __u8 nexthdr, reserved;
      __be16 offset_and_more;
      __be32 id;
    }* fragment = (void*)(ip + 1);
    if ((void*)(fragment + 1) > end || fragment->nexthdr != IPPROTO_UDP) return 0;
    if (bpf_ntohs(fragment->offset_and_more) & 0xfff8) return 0;
    to->first_fragment = 1;
    to->udp = (void*)(fragment + 1);
  } else if (ip->nexthdr != IPPROTO_UDP) {
    return 0;
  }
  // An IPv4-mapped address is none of a host on the wire (RFC 4291 2.5.5.2), and is our IPv4 key.
  __be32* address = ip->daddr.in6_u.u6_addr32;
  if (address[0] == 0 && address[1] == 0 && address[2] == bpf_htonl(0xffff)) return 0;
  __builtin_memcpy(to->address.bytes, address, 16);
  return 1;
}

static __always_inline int to_socket(struct xdp_md* ctx) {
  return count(STEER_STEERED, bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP));
}

// 1 when the headers say that it is UDP on our VLAN, and not a later fragment.
static __always_inline int parse(struct xdp_md* ctx, struct target* to) {
  void* end = (void*)(long)ctx->data_end;
  struct ethhdr* ether = (void*)(long)ctx->data;
  if ((void*)(ether + 1) > end) return 0;
  void* at = ether + 1;
  __be16 proto = ether->h_proto;
  if (!on_our_vlan(&at, end, &proto)) return 0;
  int is_udp = proto == bpf_htons(ETH_P_IP)     ? parse_ipv4(at, end, to)
               : proto == bpf_htons(ETH_P_IPV6) ? parse_ipv6(at, end, to)
                                                : 0;
  return is_udp && (void*)(to->udp + 1) <= end;
}

static __always_inline int is_set(enum steer_setting which) {
  __u32 key = which;
  __u32* setting = bpf_map_lookup_elem(&steer_config, &key);
  return setting && *setting;
}

// What to count a frame as that is for a port without a leg; STEER_STEERED: the port has one.
static __always_inline enum steer_counter use_of(const struct steer_ports* range, __u16 port) {
  __u32 place = range->place;
  struct steer_port_bits* bits = bpf_map_lookup_elem(&used_ports, &place);
  if (!bits || bits->used[port / 8] & (1 << port % 8)) return STEER_STEERED;
  return bits->ended[port / 8] & (1 << port % 8) ? STEER_ENDED_DROPPED : STEER_UNUSED_DROPPED;
}

SEC("xdp")
int holdfast_steer(struct xdp_md* ctx) {
  int owned = is_set(STEER_OWNED);
  struct target to = {};
  struct steer_ports* range = 0;
  __u16 port = 0;
  if (parse(ctx, &to)) {
    range = bpf_map_lookup_elem(&media_addresses, &to.address);
    port = bpf_ntohs(to.udp->dest);
  }
  if (!range || port < range->low || port > range->high)
    return owned ? to_socket(ctx) : count(STEER_PASSED, XDP_PASS);
  if (to.first_fragment) return owned ? to_socket(ctx) : count(STEER_FRAGMENTS_DROPPED, XDP_DROP);
  enum steer_counter use = is_set(STEER_USED_ONLY) ? use_of(range, port) : STEER_STEERED;
  return use == STEER_STEERED ? to_socket(ctx) : count(use, XDP_DROP);
}

char steer_license[] SEC("license") = "Apache-2.0";
