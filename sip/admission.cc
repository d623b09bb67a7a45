// SPDX-License-Identifier: Apache-2.0
// Sums of what calls hold, kept as they come and go.
#include "sip/admission.hh"

#include <algorithm>

namespace holdfast::sip {

AdmissionBook::AdmissionBook(const std::vector<Link>& links) {
  for (const Link& link : links) {
    LinkStatus status;
    status.name = link.name;
    status.limits = link.limits;
    links_.push_back(std::move(status));
  }
}

AdmissionBook::Amount AdmissionBook::amount(const CallUse& use, LinkId link) const {
  Amount amount;
  for (size_t side = 0; side < use.links.size(); ++side) {
    if (use.links[side] != link) continue;
    ++amount.calls;
    amount.kbit += media::kbit_of(use.demands[side], links_[link].limits.overhead_bytes);
  }
  return amount;
}

LinkId AdmissionBook::full_link(uint64_t call_key, const CallUse& use) const {
  const CallUse* now = find(call_key);
  for (const LinkId link : use.links) {
    if (link >= links_.size()) continue;
    const LinkStatus& at = links_[link];
    const Amount wanted = amount(use, link), has = now ? amount(*now, link) : Amount{};
    const bool more_calls = wanted.calls > has.calls, more_kbit = wanted.kbit > has.kbit;
    if (more_calls && at.limits.max_calls != 0 &&
        at.calls - has.calls + wanted.calls > at.limits.max_calls)
      return link;
    if (more_kbit && at.limits.max_kbit != 0 &&
        at.kbit - has.kbit + wanted.kbit > at.limits.max_kbit)
      return link;
  }
  return kNoLink;
}

bool AdmissionBook::is_over(LinkId link) const {
  const LinkStatus& at = links_[link];
  return (at.limits.max_calls != 0 && at.calls > at.limits.max_calls) ||
         (at.limits.max_kbit != 0 && at.kbit > at.limits.max_kbit);
}

void AdmissionBook::hold(uint64_t call_key, const CallUse& use) {
  const LinkId full = full_link(call_key, use);
  release(call_key);
  for (size_t i = 0; i < links_.size(); ++i) {
    const auto link = static_cast<LinkId>(i);
    const Amount wanted = amount(use, link);
    LinkStatus& at = links_[link];
    at.calls += wanted.calls;
    at.kbit += wanted.kbit;
    at.peak_calls = std::max(at.peak_calls, at.calls);
    at.peak_kbit = std::max(at.peak_kbit, at.kbit);
    if (link == full || (full != kNoLink && wanted.calls > 0 && is_over(link))) ++at.over;
  }
  held_.emplace(call_key, use);
}

void AdmissionBook::release(uint64_t call_key) {
  const auto found = held_.find(call_key);
  if (found == held_.end()) return;
  for (size_t i = 0; i < links_.size(); ++i) {
    const auto link = static_cast<LinkId>(i);
    const Amount had = amount(found->second, link);
    links_[link].calls -= had.calls;
    links_[link].kbit -= had.kbit;
  }
  held_.erase(found);
}

const CallUse* AdmissionBook::find(uint64_t call_key) const {
  const auto found = held_.find(call_key);
  return found == held_.end() ? nullptr : &found->second;
}

void AdmissionBook::count(LinkId link, Count what) {
  if (link >= links_.size()) return;
  LinkStatus& at = links_[link];
  (what == Count::refused      ? at.refused
   : what == Count::overflowed ? at.overflowed
                               : at.exempt) += 1;
}

}  // namespace holdfast::sip
