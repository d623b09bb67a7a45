// SPDX-License-Identifier: Apache-2.0
// Back to an older generation, and what is refused since.
#include <algorithm>

#include "provision-proxy/store/store.hh"

namespace holdfast::provision {

bool Store::is_refused(const Key& key, const std::string& hash) const {
  const auto at = refused_.find(key);
  return at != refused_.end() &&
         std::any_of(at->second.begin(), at->second.end(),
                     [&](const RefusedBody& refused) { return refused.hash == hash; });
}

void Store::mark_refused(const RefusedBody& refused) {
  auto& all = refused_[refused.key];
  refused_count_ -=
      std::erase_if(all, [&](const RefusedBody& other) { return other.hash == refused.hash; });
  all.push_back(refused);
  ++refused_count_;
}

// The newest good one goes, and what is newer; without good ones, the newest. False: there is
// nothing older to go back to.
bool Store::roll_variant(const Key& key, const std::string& variant, Change& change,
                         std::vector<int64_t>& gone) {
  const auto trusted = index_.trusted(key, variant);
  const auto is_good = [](const EntryPtr& entry) { return entry->keep == Keep::kLastGood; };
  const auto good = std::find_if(trusted.begin(), trusted.end(), is_good);
  const auto bad = good == trusted.end() ? trusted.begin() : good;
  if (bad == trusted.end()) return false;
  // Not to a body that is or becomes refused itself, nor to one that is being evicted.
  const auto older = std::find_if(bad + 1, trusted.end(), [&](const EntryPtr& entry) {
    return (good == trusted.end() || is_good(entry)) && entry->body.hash != (*bad)->body.hash &&
           !is_refused(key, entry->body.hash) && !index_.is_leaving(entry->id);
  });
  if (older == trusted.end()) return false;
  for (auto at = trusted.begin(); at != older; ++at)
    if (at != bad) gone.push_back((*at)->id);
  auto distrusted = std::make_shared<Entry>(**bad);
  distrusted->distrusted = true;
  index_.put(distrusted, 0);
  RefusedBody refused{key, distrusted->body.hash, hooks_.unix_ms()};
  change.update.push_back(std::move(distrusted));
  mark_refused(refused);
  change.refuse.push_back(std::move(refused));
  change.supersede.push_back((*older)->id);
  if (!(*older)->must_validate) set_must_validate(*older);
  return true;
}

void Store::rollback(const Key& key, Done done) {
  const auto fail_with = [&](StoreError error) {
    later([done = std::move(done), error] {
      if (done) done(error);
    });
  };
  const auto known = refused_.find(key);
  if (refused_count_ >= config_.max_refused ||
      (known != refused_.end() && known->second.size() >= config_.max_refused_of_key)) {
    return fail_with(StoreError::kFull);
  }
  Change change;
  std::vector<int64_t> gone;
  bool rolled = false;
  for (const auto& entry : index_.find(key))
    rolled |= roll_variant(key, entry->variant, change, gone);
  if (!rolled) return fail_with(StoreError::kNotFound);
  ++status_.rollbacks;
  change.erase = gone;
  forget(std::move(change), gone, std::move(done));
}

void Store::trust(const Key& key, Done done) {
  Change change;
  if (const auto at = refused_.find(key); at != refused_.end()) {
    for (const auto& refused : at->second) change.trust.emplace_back(key, refused.hash);
    refused_count_ -= at->second.size();
    refused_.erase(at);
  }
  for (const auto& entry : index_.all(key)) {
    if (!entry->distrusted || index_.is_leaving(entry->id)) continue;
    auto changed = std::make_shared<Entry>(*entry);
    changed->distrusted = false;
    changed->must_validate = true;
    index_.put(changed, 0);
    change.update.push_back(std::move(changed));
  }
  forget(std::move(change), {}, std::move(done));
}

void Store::note_fetch(const Key& key, std::string_view identity, std::string_view user_agent,
                       int status) {
  fetch_log_.note(key, identity, user_agent, hooks_.unix_ms(), status);
}

}  // namespace holdfast::provision
