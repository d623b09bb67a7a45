// SPDX-License-Identifier: Apache-2.0
// Which of our SRTP keys each leg of a call protects with.
#include "sip/anchor/out_keys.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

// An offer has six at most, and only those of one offer can come back.
constexpr size_t kMaxSpent = 16;

}  // namespace

void OutKeys::spend(Leg& leg) {
  if (!leg.now) return;
  if (leg.spent.size() == kMaxSpent) leg.spent.erase(leg.spent.begin());
  leg.spent.push_back(std::exchange(leg.now, nullptr));
}

media::SdesKeyPtr OutKeys::choose(const std::string& stream, media::Side side,
                                  const media::SdesKeyPtr& wanted, bool contested) {
  auto found = legs_.find(stream);
  if (!wanted && found == legs_.end()) return nullptr;
  if (found == legs_.end()) found = legs_.try_emplace(stream).first;
  Leg& leg = found->second[media::index_of(side)];
  if (leg.now == wanted || (leg.now && wanted && contested)) return leg.now;
  spend(leg);
  const bool had_its_time =
      wanted && std::find(leg.spent.begin(), leg.spent.end(), wanted) != leg.spent.end();
  if (had_its_time && !leg.blocked) counts_.add(AnchorCounter::srtp_keys_spent);
  leg.blocked = had_its_time;
  if (!had_its_time) leg.now = wanted;
  return leg.now;
}

void OutKeys::removed(const std::string& stream) {
  const auto found = legs_.find(stream);
  if (found == legs_.end()) return;
  for (Leg& leg : found->second) spend(leg);
}

}  // namespace holdfast::sip
