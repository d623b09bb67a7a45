// SPDX-License-Identifier: Apache-2.0
// Which of our SRTP keys each leg of a call protects with: one that gave way to another never comes
// back, since its packets would be numbered again from the beginning, and the same number twice
// under one key tells what was said (RFC 3711 section 9.1).
//
// SIP loop only.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "media/media_stream.hh"
#include "sip/anchor/anchor_counts.hh"

namespace holdfast::sip {

class OutKeys {
 public:
  explicit OutKeys(AnchorCounts& counts) : counts_(counts) {}

  // The key for the leg of the stream towards the side, whose SDP has come to `wanted`. While forks
  // are contested the first key stays, so that the last of them to answer does not use up those of
  // the others. Null: nothing is sent, because there is no key yet or it has had its time.
  media::SdesKeyPtr choose(const std::string& stream, media::Side side,
                           const media::SdesKeyPtr& wanted, bool contested);
  // The dataplane has forgotten the stream.
  void removed(const std::string& stream);

 private:
  struct Leg {
    media::SdesKeyPtr now;
    std::vector<media::SdesKeyPtr> spent;
    bool blocked = false;
  };
  static void spend(Leg& leg);

  AnchorCounts& counts_;
  std::map<std::string, std::array<Leg, 2>> legs_;  // of streams that have had keys
};

}  // namespace holdfast::sip
