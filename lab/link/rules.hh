// SPDX-License-Identifier: Apache-2.0
// What one direction of a link does to its frames, and the words by which people set it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::lab {

// Which frames may be damaged (lost, duplicated, reordered). Delay, jitter, rate and cut belong to
// the path and meet every frame.
struct Match {
  enum class Kind : uint8_t {
    all,
    udp,      // UDP over IPv4 or IPv6 with either port in the range
    udp_even  // the same, and the port in the range is even: RTP without its RTCP
  };
  Kind kind = Kind::all;
  uint16_t first_port = 0;
  uint16_t last_port = 65535;
  bool operator==(const Match&) const = default;
};

struct VlanTag {
  uint16_t id = 0;  // 1..4094
  uint8_t pcp = 0;  // 802.1p priority, 0..7
  bool operator==(const VlanTag&) const = default;
};

// Losses in runs, after Gilbert and Elliott: the bad state loses everything, the good state
// nothing.
struct LossBurst {
  double mean_loss = 0;    // share of frames lost in the long run, 0..0.9
  double mean_length = 1;  // mean length of a run of losses, in frames, 1..1000
  bool operator==(const LossBurst&) const = default;
};

struct Rules {
  int64_t delay_ns = 0;
  int64_t jitter_ns = 0;  // uniform 0..jitter on top of the delay
  bool keep_order = true;
  double loss = 0;
  LossBurst loss_burst;
  double duplicate = 0;
  double reorder = 0;
  uint32_t reorder_by = 3;             // a reordered frame leaves after so many later ones
  uint64_t rate_bps = 0;               // 0 is no limit; counts the frame without preamble and FCS
  int64_t rate_queue_ns = 50'000'000;  // a frame that would wait longer for the rate is dropped
  bool cut = false;
  Match match;
  std::optional<VlanTag> vlan_push;
  std::optional<uint16_t> vlan_pop;  // takes this tag off; frames without it are dropped
  bool operator==(const Rules&) const = default;
};

// Applies words such as "loss=2%" in order. On the first bad word nothing is changed and the
// answer is one line that names it; else the answer is empty.
std::string apply_settings(Rules& rules, const std::vector<std::string>& words);

// Every setting as words that apply_settings takes, settings at their default left out.
std::vector<std::string> settings_text(const Rules& rules);

// One line for each setting: its form and what it does.
std::string settings_help();

}  // namespace holdfast::lab
