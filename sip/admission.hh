// SPDX-License-Identifier: Apache-2.0
// Which call holds what of which link, and whether another fits: the book of call admission.
//
// Plain state without time or I/O, SIP loop only. Routing reads it (route_initial.cc); what a call
// holds is entered by whoever sees its messages (proxy/admission_filter.hh) and goes at its end.
// Link 0 leads to the centre, link 1 + n to the gateway n of RouteConfig. Bandwidth is of one
// direction, since a link carries as much the other way. docs/admission.md has the rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "media/sdp_bandwidth.hh"

namespace holdfast::sip {

using LinkId = uint8_t;
inline constexpr LinkId kNoLink = 255;
inline constexpr LinkId kCentreLink = 0;

// What becomes of a call for which the link to the centre has no room.
enum class WhenFull : uint8_t {
  refuse,
  gateway  // out by the gateway, if the dial plan has a way
};

struct LinkLimits {
  uint32_t max_calls = 0;  // 0: no limit
  uint32_t max_kbit = 0;   // kbit/s each way; 0: no limit
  // Bytes that the link adds to each IP packet: 18 for Ethernet, 4 more with a VLAN tag.
  uint32_t overhead_bytes = 0;
  WhenFull when_full = WhenFull::refuse;
  friend bool operator==(const LinkLimits&, const LinkLimits&) = default;
};

struct LinkStatus {
  std::string name;
  LinkLimits limits;
  uint32_t calls = 0, kbit = 0;            // held now; a call that crosses twice counts twice
  uint32_t peak_calls = 0, peak_kbit = 0;  // the most of it since we started
  uint64_t refused = 0;     // calls, and offers inside of calls, for which there was no room
  uint64_t overflowed = 0;  // calls that took the gateway instead
  uint64_t exempt = 0;      // calls for help, which are never asked
  uint64_t over = 0;  // times that more was held than the limit allows: what cannot be refused
};

// The links that a call crosses, on the caller's side and on the callee's; one may stand on both.
struct CallUse {
  std::array<LinkId, 2> links{kNoLink, kNoLink};
  // Of its media on each side: SRTP may be on one alone.
  std::array<media::MediaDemand, 2> demands{media::kUsualDemand, media::kUsualDemand};
  friend bool operator==(const CallUse&, const CallUse&) = default;
};

class AdmissionBook {
 public:
  struct Link {
    std::string name;
    LinkLimits limits;
  };
  explicit AdmissionBook(const std::vector<Link>& links);

  // The first link on which this call would be one too many in place of what it holds already;
  // kNoLink: it fits. What does not grow always fits.
  LinkId full_link(uint64_t call_key, const CallUse& use) const;
  // Enters what the call holds from now on, whether it fits or not.
  void hold(uint64_t call_key, const CallUse& use);
  void release(uint64_t call_key);
  const CallUse* find(uint64_t call_key) const;
  size_t calls() const { return held_.size(); }

  enum class Count : uint8_t { refused, overflowed, exempt };
  void count(LinkId link, Count what);
  const std::vector<LinkStatus>& links() const { return links_; }

 private:
  struct Amount {
    uint32_t calls = 0, kbit = 0;
  };
  Amount amount(const CallUse& use, LinkId link) const;
  bool is_over(LinkId link) const;

  std::vector<LinkStatus> links_;
  std::unordered_map<uint64_t, CallUse> held_;
};

}  // namespace holdfast::sip
