// SPDX-License-Identifier: Apache-2.0
// What lies in the maps of the XDP steer program: read by the program (C, BPF) and by its control
// (C++).
#pragma once

#include <linux/types.h>

#define STEER_MAX_QUEUES 64
#define STEER_MAX_ADDRESSES 64

// Key of `media_addresses`: IPv6, or IPv4 as ::ffff:a.b.c.d.
struct steer_address {
  __u8 bytes[16];
};

// Value of `media_addresses`: UDP ports, host byte order, both ends included, and the address's
// place in `used_ports`.
struct steer_ports {
  __u16 low;
  __u16 high;
  __u32 place;
};

// Value of `used_ports`: UDP port p of the address is bit p % 8 of byte p / 8. `used`: a leg has
// it; `ended`: a leg had it.
struct steer_port_bits {
  __u8 used[65536 / 8];
  __u8 ended[65536 / 8];
};

// Indices of `steer_config`: the port's VLAN id (0 untagged); whether the port is owned, so that
// every frame is the dataplane's; whether media to ports that `used_ports` does not name is
// dropped.
enum steer_setting { STEER_VLAN, STEER_OWNED, STEER_USED_ONLY, STEER_SETTINGS };

// Indices of `steer_counters`.
enum steer_counter {
  STEER_STEERED,
  STEER_PASSED,
  STEER_FRAGMENTS_DROPPED,
  STEER_UNUSED_DROPPED,
  STEER_ENDED_DROPPED,
  STEER_COUNTERS
};
