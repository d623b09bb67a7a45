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

// Value of `media_addresses`: UDP ports, host byte order, both ends included.
struct steer_ports {
  __u16 low;
  __u16 high;
};

// Indices of `steer_config`: the port's VLAN id (0 untagged), and whether the port is owned, so
// that every frame is the dataplane's.
enum steer_setting { STEER_VLAN, STEER_OWNED, STEER_SETTINGS };

// Indices of `steer_counters`.
enum steer_counter { STEER_STEERED, STEER_PASSED, STEER_FRAGMENTS_DROPPED, STEER_COUNTERS };
