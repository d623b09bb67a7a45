// SPDX-License-Identifier: Apache-2.0
// The media of one call over all its forks.
#include "media/media_call.hh"

#include <algorithm>

#include "media/sdp_limits.hh"

namespace holdfast::media {

OfferAnswerOutcome MediaCall::offer(const DialogKey& key, Carrier carrier, const MediaList& media) {
  const Place known = find(key);
  const Located at = known.state ? Located(known) : add(key, true);
  if (!at) return at.error();
  const Side from = from_caller(key) ? Side::caller : Side::callee;
  const auto outcome = at->state->offer(from, carrier, media);
  if (!outcome && !known.state) at->branch->dialogs.pop_back();  // a new branch never refuses
  return outcome;
}

OfferAnswerOutcome MediaCall::answer(const DialogKey& key, Carrier carrier,
                                     const MediaList& media) {
  if (callee_tag(key).empty()) return OfferAnswerReject::oa_bad_key;
  const Place known = find(key);
  const Located at = known.state ? Located(known) : add(key, false);
  if (!at) return at.error();
  const Side from = from_caller(key) ? Side::callee : Side::caller;
  const auto outcome = at->state->answer(from, carrier, media);
  if (!outcome) {
    if (!known.state) at->branch->dialogs.pop_back();
    return outcome;
  }
  if (carrier == Carrier::final || *outcome == Taken::fresh) lead(*at, carrier == Carrier::final);
  return outcome;
}

OfferAnswerOutcome MediaCall::withdraw(const DialogKey& key) {
  const Place found = find(key);
  if (!found.state) return OfferAnswerReject::oa_unknown_dialog;
  if (callee_tag(key).empty()) {
    remove(key);
    return Taken::fresh;
  }
  return found.state->withdraw() ? Taken::fresh : Taken::repeat;
}

OfferAnswerOutcome MediaCall::confirm(const DialogKey& key) {
  const Place found = find(key);
  if (!found.state || found.dialog == found.branch->dialogs.size())
    return OfferAnswerReject::oa_unknown_dialog;
  const bool news = !found.branch->won || found.branch->leading != found.dialog;
  found.state->settle();
  lead(found, true);
  return news ? Taken::fresh : Taken::repeat;
}

// The first to win keeps the branch: a second 2xx is ended by the caller (RFC 3261
// section 13.2.2.4).
void MediaCall::lead(Place place, bool won) {
  Branch& branch = *place.branch;
  branch.settled = branch.settled || won;
  branch.dialogs[place.dialog].confirmed = branch.dialogs[place.dialog].confirmed || won;
  if (branch.won) return;
  branch.won = won;
  if (branch.leading == place.dialog) return;
  branch.leading = place.dialog;
  ++branch.learning;
}

void MediaCall::remove(const DialogKey& key) {
  const std::string_view tag = callee_tag(key);
  if (tag.empty() && key.branch.empty()) {
    branches_.clear();
    return;
  }
  if (tag.empty()) {
    std::erase_if(branches_, [&](const Branch& branch) { return branch.id == key.branch; });
    return;
  }
  const Place found = find(key);
  if (!found.state) return;
  end_dialog(*found.branch, found.dialog);
  // The last dialog takes its branch along, unless forks may still answer.
  std::erase_if(branches_, [](const Branch& branch) {
    return branch.dialogs.empty() && (branch.settled || !branch.initial.offer_pending());
  });
}

void MediaCall::end_dialog(Branch& branch, size_t index) {
  branch.dialogs.erase(branch.dialogs.begin() + static_cast<std::ptrdiff_t>(index));
  if (branch.settled && branch.leading == index) {
    // Early dialogs that never won ended with the one that did; a second 2xx may be there still.
    std::erase_if(branch.dialogs, [](const Dialog& each) { return !each.confirmed; });
  }
  if (branch.leading > index) {
    --branch.leading;
  } else if (branch.leading == index) {
    branch.leading = branch.dialogs.empty() ? 0 : branch.dialogs.size() - 1;  // the youngest
    branch.won = false;
    ++branch.learning;
  }
}

MediaCall::Branch* MediaCall::find_branch(std::string_view id) {
  const auto found = std::find_if(branches_.begin(), branches_.end(),
                                  [&](const Branch& branch) { return branch.id == id; });
  return found == branches_.end() ? nullptr : &*found;
}

MediaCall::Found MediaCall::look_up(const DialogKey& key) const {
  const std::string_view tag = callee_tag(key);
  const auto named = std::find_if(branches_.begin(), branches_.end(),
                                  [&](const Branch& branch) { return branch.id == key.branch; });
  const bool known = named != branches_.end();
  if (tag.empty()) return known ? Found{&*named, named->dialogs.size()} : Found{};
  for (const Branch& branch : branches_) {
    if (known && &branch != &*named) continue;
    for (size_t i = 0; i < branch.dialogs.size(); ++i)
      if (branch.dialogs[i].callee_tag == tag) return {&branch, i};
  }
  return {};
}

MediaCall::Place MediaCall::find(const DialogKey& key) {
  const Found found = look_up(key);
  if (!found.branch) return {};
  Branch& branch = branches_[static_cast<size_t>(found.branch - branches_.data())];
  OfferAnswer& state =
      found.dialog < branch.dialogs.size() ? branch.dialogs[found.dialog].state : branch.initial;
  return {&branch, &state, found.dialog};
}

std::string_view MediaCall::branch_of(const DialogKey& key) const {
  const Found found = look_up(key);
  return found.branch ? std::string_view(found.branch->id) : std::string_view();
}

std::optional<Side> MediaCall::offer_pending(const DialogKey& key) const {
  const Found found = look_up(key);
  if (!found.branch) return std::nullopt;
  const auto& dialogs = found.branch->dialogs;
  return found.dialog < dialogs.size() ? dialogs[found.dialog].state.offer_pending()
                                       : found.branch->initial.offer_pending();
}

const OfferAnswer* MediaCall::state_of(const DialogKey& key) const {
  Found found = look_up(key);
  // One that has said nothing yet goes on from its branch.
  if (!found.branch && !key.branch.empty()) {
    const auto named = std::find_if(branches_.begin(), branches_.end(),
                                    [&](const Branch& branch) { return branch.id == key.branch; });
    if (named != branches_.end()) found = {&*named, named->dialogs.size()};
  }
  if (!found.branch) return nullptr;
  const auto& dialogs = found.branch->dialogs;
  return found.dialog < dialogs.size() ? &dialogs[found.dialog].state : &found.branch->initial;
}

MediaCall::Located MediaCall::add(const DialogKey& key, bool may_add_branch) {
  const std::string_view tag = callee_tag(key);
  const std::string_view id = key.branch.empty() ? tag : key.branch;
  if (id.empty() || id.size() > kMaxTagBytes || tag.size() > kMaxTagBytes)
    return OfferAnswerReject::oa_bad_key;
  if (!from_caller(key) && key.to_tag != caller_tag_) return OfferAnswerReject::oa_unknown_dialog;
  Branch* branch = find_branch(id);
  if (!branch) {
    if (!may_add_branch) return OfferAnswerReject::oa_unknown_dialog;
    if (branches_.size() == kMaxBranches) return OfferAnswerReject::oa_too_many_branches;
    branch = &branches_.emplace_back();
    branch->id = id;
  }
  if (tag.empty()) return Place{branch, &branch->initial, branch->dialogs.size()};
  if (branch->dialogs.size() == kMaxForkedDialogs) return OfferAnswerReject::oa_too_many_forks;
  branch->dialogs.push_back({std::string(tag), branch->initial, false});
  const size_t index = branch->dialogs.size() - 1;
  return Place{branch, &branch->dialogs[index].state, index};
}

StreamList MediaCall::wanted() const {
  StreamList all;
  for (const Branch& branch : branches_) {
    const OfferAnswer& state =
        branch.dialogs.empty() ? branch.initial : branch.dialogs[branch.leading].state;
    for (MediaStream& stream : state.wanted()) {
      stream.branch = branch.id;
      stream.learning = branch.learning;
      stream.contested = !branch.won && branch.dialogs.size() > 1;
      all.push_back(std::move(stream));
    }
  }
  return all;
}

}  // namespace holdfast::media
