// SPDX-License-Identifier: Apache-2.0
// Back to an older generation, and what is refused since.
#include <algorithm>

#include "provision-proxy/store/store.hh"

namespace holdfast::provision {

namespace {

// Refused for all phones alike: what is wrong in one's hands is wrong in another's.
Key path_of(const Key& key) {
  return {key.origin, key.target, {}};
}
bool same_file(const Key& one, const Key& other) {
  return one.target == other.target && one.origin == other.origin;
}
bool is_one_of(const std::vector<std::string>& hashes, const std::string& hash) {
  return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
}

}  // namespace

bool Store::is_refused(const Key& key, const std::string& hash) const {
  const auto at = refused_.find(path_of(key));
  return at != refused_.end() &&
         std::any_of(at->second.begin(), at->second.end(),
                     [&](const RefusedBody& refused) { return refused.hash == hash; });
}

bool Store::refuses_some(const Key& key) const {
  return refused_.contains(path_of(key));
}

RefusedBody Store::mark_refused(const Key& key, const std::string& hash, int64_t at_ms) {
  RefusedBody refused{path_of(key), hash, at_ms};
  auto& all = refused_[refused.key];
  refused_count_ -=
      std::erase_if(all, [&](const RefusedBody& other) { return other.hash == hash; });
  all.push_back(refused);
  ++refused_count_;
  return refused;
}

// ---- what goes, and to what it goes back --------------------------------------------------------

// One variant of one phone's copy: trusted generations, newest first.
struct Store::Copy {
  std::vector<EntryPtr> trusted;
  size_t bad = 0;  // the newest good one; without good ones, the newest
  bool has_good = false;

  const EntryPtr& newest() const { return trusted[bad]; }
};

std::vector<Store::Copy> Store::copies_of(const Key& key) const {
  std::vector<Copy> copies;
  const auto is_good = [](const EntryPtr& entry) { return entry->keep == Keep::kLastGood; };
  index_.for_each([&](const EntryPtr& entry) {
    if (entry->distrusted || !same_file(entry->key, key)) return;
    Copy copy{index_.trusted(entry->key, entry->variant)};
    if (copy.trusted.front() != entry) return;  // one of each
    const auto good = std::find_if(copy.trusted.begin(), copy.trusted.end(), is_good);
    copy.has_good = good != copy.trusted.end();
    if (copy.has_good) copy.bad = static_cast<size_t>(good - copy.trusted.begin());
    copies.push_back(std::move(copy));
  });
  return copies;
}

// Not to a body that is refused, nor to one that is being evicted. Null: there is none.
EntryPtr Store::older_of(const Copy& copy, const std::vector<std::string>& bad) const {
  for (size_t at = copy.bad + 1; at < copy.trusted.size(); ++at) {
    const EntryPtr& entry = copy.trusted[at];
    if (copy.has_good && entry->keep != Keep::kLastGood) continue;
    if (is_one_of(bad, entry->body.hash)) continue;
    if (!is_refused(entry->key, entry->body.hash) && !index_.is_leaving(entry->id)) return entry;
  }
  return nullptr;
}

// The newest bodies of those copies that can go back, but not what others of the file have left
// behind: a phone that was off when the newer came is where the rollback leads. If that leaves
// none, as after A, B, A, the one that came last.
std::vector<std::string> Store::bad_bodies(const std::vector<Copy>& copies) const {
  std::vector<std::string> bad, left_behind;
  EntryPtr last;
  for (const auto& copy : copies) {
    for (size_t at = copy.bad + 1; at < copy.trusted.size(); ++at)
      left_behind.push_back(copy.trusted[at]->body.hash);
    if (!older_of(copy, {copy.newest()->body.hash})) continue;
    bad.push_back(copy.newest()->body.hash);
    if (!last || last->id < copy.newest()->id) last = copy.newest();
  }
  if (!last) return {};
  std::sort(bad.begin(), bad.end());
  bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
  std::erase_if(bad, [&](const std::string& hash) { return is_one_of(left_behind, hash); });
  if (bad.empty()) bad.push_back(last->body.hash);
  return bad;
}

// What is newer than the bad one goes with it.
void Store::go_back(const Copy& copy, const EntryPtr& older, Change& change) {
  for (size_t at = 0; copy.trusted[at] != older; ++at)
    if (at != copy.bad) change.erase.push_back(copy.trusted[at]->id);
  change.supersede.push_back(older->id);
  if (!older->must_validate) set_must_validate(older);
}

void Store::distrust(const EntryPtr& entry, Change& change) {
  auto distrusted = std::make_shared<Entry>(*entry);
  distrusted->distrusted = true;
  index_.put(distrusted, 0);
  change.update.push_back(std::move(distrusted));
}

Store::Rolled Store::rollback(const Key& key, Done done) {
  const auto fail_with = [&](StoreError error) {
    later([done = std::move(done), error] {
      if (done) done(error);
    });
    return Rolled{};
  };
  const auto copies = copies_of(key);
  const auto bad = bad_bodies(copies);
  if (bad.empty()) return fail_with(StoreError::kNotFound);
  const auto known = refused_.find(path_of(key));
  const size_t refused = known == refused_.end() ? 0 : known->second.size();
  if (refused_count_ + bad.size() > config_.max_refused ||
      refused + bad.size() > config_.max_refused_of_file)
    return fail_with(StoreError::kFull);
  Rolled rolled;
  Change change;
  for (const auto& hash : bad) change.refuse.push_back(mark_refused(key, hash, hooks_.unix_ms()));
  for (const auto& copy : copies) {
    const bool has_bad = is_one_of(bad, copy.newest()->body.hash);
    const auto older = has_bad ? older_of(copy, bad) : nullptr;
    ++(!has_bad ? rolled.untouched : older ? rolled.back : rolled.withheld);
    if (older) go_back(copy, older, change);
    for (const auto& entry : copy.trusted) {
      const auto& gone = change.erase;
      if (is_one_of(bad, entry->body.hash) &&
          std::find(gone.begin(), gone.end(), entry->id) == gone.end())
        distrust(entry, change);
    }
  }
  ++status_.rollbacks;
  const auto gone = change.erase;
  forget(std::move(change), gone, std::move(done));
  return rolled;
}

size_t Store::trust(const Key& key, Done done) {
  Change change;
  size_t bodies = 0;
  if (const auto at = refused_.find(path_of(key)); at != refused_.end()) {
    bodies = at->second.size();
    for (const auto& refused : at->second) change.trust.emplace_back(refused.key, refused.hash);
    refused_count_ -= bodies;
    refused_.erase(at);
  }
  std::vector<EntryPtr> rolled;
  index_.for_each([&](const EntryPtr& entry) {
    if (entry->distrusted && !index_.is_leaving(entry->id) && same_file(entry->key, key))
      rolled.push_back(entry);
  });
  for (const auto& entry : rolled) {
    auto changed = std::make_shared<Entry>(*entry);
    changed->distrusted = false;
    changed->must_validate = true;
    index_.put(changed, 0);
    change.update.push_back(std::move(changed));
  }
  forget(std::move(change), {}, std::move(done));
  return bodies;
}

void Store::note_fetch(const Key& key, std::string_view identity, std::string_view user_agent,
                       int status) {
  fetch_log_.note(key, identity, user_agent, hooks_.unix_ms(), status);
}

}  // namespace holdfast::provision
