// SPDX-License-Identifier: Apache-2.0
// nftables guards: the kernel stays silent where only the media relay may speak.
//
// Both guards replace their own table in one transaction, so there is no moment without a guard,
// and applying one twice is the same as once. They stay when the process dies or stops, on purpose:
// a stopped relay must not let the kernel answer media. Only remove_guards() takes them away.
// Start-up and slow thread only; each call takes a few milliseconds. Errors carry nft's own text.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/kernel/outcome.hh"
#include "media/address.hh"

namespace holdfast::dataplane {

// Where an interface takes media: UDP to `address`, both ports included.
struct MediaRange {
  IpAddress address;
  uint16_t port_low = 0;
  uint16_t port_high = 0;
};

// Table `inet holdfast_media`: drops UDP to any of the ranges before the kernel's own look-up,
// counted, so that a stray media packet never draws an ICMP port unreachable, which makes phones
// hang up. It stands before reassembly: of a fragmented datagram into the range the first fragment
// goes, and the kernel gives up on the others without a word (RFC 792 and RFC 4443 3.3: no
// time-exceeded without the first fragment). Fragmented SIP on the same address is not touched.
// Refuses an empty or reversed range, port 0, and addresses that are none.
Outcome guard_media(std::span<const MediaRange> ranges);

// Table `netdev holdfast_owned`: drops everything the kernel would receive on these devices.
// AF_PACKET sockets are fed before it, so the dataplane sees all and the kernel answers nothing by
// itself: no ARP, no ping, no TCP. An empty list removes the table.
// A device that is removed and made again has lost its guard: apply again.
Outcome guard_owned(std::span<const std::string> devices);

// Whether one of the tables is there. False too when the kernel does not tell.
bool guards_stand();

// Takes both tables away; done too when they are not there.
Outcome remove_guards();

}  // namespace holdfast::dataplane
