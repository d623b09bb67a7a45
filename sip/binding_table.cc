// SPDX-License-Identifier: Apache-2.0
// The bindings, their indexes, and the rules of learning, refreshing and saving them.
#include "sip/binding_table.hh"

#include <algorithm>

#include "sip/digest.hh"

namespace holdfast::sip {
namespace {

std::string aor_index(const Uri& aor) {
  return "a:" + aor_key(aor);
}
std::string user_index(std::string_view user) {
  return "u:" + fold(user);
}
std::string key_index(std::string_view key) {
  return "k:" + fold(key);
}
// Coarser than same_uri, which decides among those found.
std::string contact_index(const Uri& contact) {
  return "c:" + aor_key(contact) + ':' + std::to_string(contact.port);
}
// A phone's port changes with each TCP connection, its address does not.
std::string source_index(const Origin& origin) {
  return "s:" + origin.address.ip.to_string() + '%' + origin.interface;
}

std::array<std::string, 5> index_keys(const Binding& binding) {
  return {aor_index(binding.aor), user_index(user_key(binding.aor)), key_index(binding.key()),
          contact_index(binding.contact), source_index(binding.source)};
}

bool same_source(const Origin& a, const Origin& b) {
  return a.address.ip == b.address.ip && a.interface == b.interface;
}

// A device that says who it is, is itself under a new contact (RFC 5626 section 6).
bool same_device(const Binding& binding, const ContactField& contact) {
  return !contact.instance.empty() && contact.instance == binding.instance &&
         contact.reg_id == binding.reg_id;
}

bool is_sip(const Uri& uri) {
  return (uri.scheme == Scheme::sip || uri.scheme == Scheme::sips) && !uri.host.empty();
}

bool fits(const Binding& binding) {
  return binding.instance.size() <= kMaxBindingTextBytes &&
         binding.call_id.size() <= kMaxBindingTextBytes &&
         binding.source.interface.size() <= kMaxBindingTextBytes &&
         binding.path.size() <= kMaxRouteEntries;
}

// The contact in the centre's list: the same URI, or one whose parameters the centre has changed.
const ContactField* granted_in(const Response& response, const ContactField& asked) {
  for (const ContactField& contact : response.contacts)
    if (same_uri(contact.uri, asked.uri, UserCase::fold)) return &contact;
  for (const ContactField& contact : response.contacts)
    if (contact_index(contact.uri) == contact_index(asked.uri)) return &contact;
  return nullptr;
}

Binding binding_of(const Request& request, const ContactField& contact, uint64_t expires_at_ms) {
  Binding binding;
  binding.aor = request.to.uri;
  binding.contact = contact.uri;
  binding.q_milli = contact.q_milli;
  binding.instance = contact.instance;
  binding.reg_id = contact.reg_id;
  for (const NameAddress& hop : request.path) binding.path.push_back(hop.uri);
  binding.source = request.origin;
  binding.call_id = request.call_id;
  binding.cseq = request.cseq;
  binding.expires_at_ms = expires_at_ms;
  return binding;
}

ContactField answer_of(const Binding& binding, uint64_t now_ms) {
  const uint64_t left_s = (binding.expires_at_ms - now_ms) / 1000;
  return {binding.contact, static_cast<uint32_t>(left_s), binding.q_milli, binding.instance,
          binding.reg_id};
}

}  // namespace

std::string Binding::key() const {
  const auto digest = keyed_digest({}, {"binding", aor_key(aor), contact.to_string()});
  return digest ? to_hex(std::span(*digest).first(8)) : std::string{};
}

std::optional<BindingReject> BindingTable::learn(uint64_t now_ms, const Request& request,
                                                 const Response& response) {
  if (response.status != 200) return refuse(BindingReject::not_accepted);
  if (request.contact_is_star) {
    for (const Id id : ids_of_aor(kLapsedToo, request.to.uri)) remove(id);
    return std::nullopt;
  }
  std::optional<BindingReject> first;
  for (const ContactField& asked : request.contacts) {
    const ContactField* granted = granted_in(response, asked);
    const bool gives_up = asked.expires_s.value_or(request.expires_s.value_or(1)) == 0;
    const uint32_t expires_s =
        granted == nullptr
            ? 0
            : std::min(
                  config_.longest_expiry_s,
                  granted->expires_s.value_or(response.expires_s.value_or(asked.expires_s.value_or(
                      request.expires_s.value_or(config_.default_expiry_s)))));
    const auto known = find_same(kLapsedToo, request.to.uri, asked);
    std::optional<BindingReject> bad;
    if (gives_up || expires_s == 0) {
      if (known) remove(*known);
      if (!gives_up) bad = refuse(BindingReject::contact_not_in_answer);
    } else {
      Binding binding = binding_of(request, asked, now_ms + uint64_t{expires_s} * 1000);
      binding.confirmed_at_ms = now_ms;
      bad = put(now_ms, std::move(binding));
    }
    if (!first) first = bad;
  }
  return first;
}

Result<RefreshPlan, BindingReject> BindingTable::plan_refresh(uint64_t now_ms,
                                                              const Request& request,
                                                              uint32_t random) const {
  const uint64_t since_ms = now_ms - std::min(now_ms, uint64_t{config_.lapsed_kept_s} * 1000);
  const auto known = ids_of_aor(since_ms, request.to.uri);
  if (known.empty()) return BindingReject::unknown_binding;
  std::map<Id, Binding> after;
  for (const Id id : known) after.emplace(id, bindings_.at(id));
  if (std::none_of(after.begin(), after.end(), [&](const auto& entry) {
        return same_source(entry.second.source, request.origin);
      }))
    return BindingReject::wrong_source;

  RefreshPlan plan;
  const auto take = [&](std::map<Id, Binding>::iterator entry) -> std::optional<BindingReject> {
    const Binding& old = entry->second;
    if (!same_source(old.source, request.origin)) return BindingReject::wrong_source;
    if (old.call_id == request.call_id && request.cseq <= old.cseq) return BindingReject::old_cseq;
    return std::nullopt;
  };
  if (request.contact_is_star) {
    if (!request.contacts.empty() || request.expires_s != 0u) return BindingReject::bad_wildcard;
    for (auto entry = after.begin(); entry != after.end();) {
      const auto bad = take(entry);
      if (bad == BindingReject::old_cseq) return *bad;
      // Contacts of the same user elsewhere are not this phone's to remove while the centre, which
      // alone can tell who asks, is away.
      if (!bad) plan.removed.push_back(entry->second.key());
      entry = bad ? std::next(entry) : after.erase(entry);
    }
  }
  for (const ContactField& contact : request.contacts) {
    if (!is_sip(contact.uri)) return BindingReject::bad_contact;
    const auto id = find_same(since_ms, request.to.uri, contact);
    const auto entry = id ? after.find(*id) : after.end();
    if (entry == after.end()) return BindingReject::unknown_binding;
    if (const auto bad = take(entry)) return *bad;
    const std::string old_key = entry->second.key();
    const uint32_t granted = granted_s(request, contact, random);
    if (granted == 0) {
      plan.removed.push_back(old_key);
      after.erase(entry);
      continue;
    }
    Binding binding = binding_of(request, contact, now_ms + uint64_t{granted} * 1000);
    binding.confirmed_at_ms = entry->second.confirmed_at_ms;
    if (!fits(binding)) return BindingReject::text_too_long;
    if (binding.key() != old_key) plan.removed.push_back(old_key);
    entry->second = binding;
    plan.updated.push_back(std::move(binding));
  }
  for (const auto& [id, binding] : after)
    if (binding.expires_at_ms > now_ms) plan.answer.push_back(answer_of(binding, now_ms));
  return plan;
}

void BindingTable::apply(uint64_t now_ms, const RefreshPlan& plan) {
  for (const std::string& key : plan.removed)
    for (const Id id : ids(kLapsedToo, key_index(key))) remove(id);
  for (const Binding& binding : plan.updated) put(now_ms, binding);
}

std::vector<const Binding*> BindingTable::find(uint64_t now_ms, const Uri& aor) const {
  std::vector<const Binding*> found;
  for (const Id id : ids_of_aor(now_ms, aor)) found.push_back(&bindings_.at(id));
  if (found.empty()) return find_user(now_ms, user_key(aor));
  std::stable_sort(found.begin(), found.end(),
                   [](const Binding* a, const Binding* b) { return a->q_milli > b->q_milli; });
  return found;
}

std::vector<const Binding*> BindingTable::find_user(uint64_t now_ms, std::string_view user) const {
  std::vector<const Binding*> found;
  for (const Id id : ids(now_ms, user_index(user))) found.push_back(&bindings_.at(id));
  std::stable_sort(found.begin(), found.end(),
                   [](const Binding* a, const Binding* b) { return a->q_milli > b->q_milli; });
  return found;
}

const Binding* BindingTable::find_contact(uint64_t now_ms, const Uri& contact) const {
  const auto found = ids(now_ms, contact_index(contact));
  for (const Id id : found)
    if (same_uri(bindings_.at(id).contact, contact, UserCase::fold)) return &bindings_.at(id);
  return found.empty() ? nullptr : &bindings_.at(found.front());
}

const Binding* BindingTable::find_key(uint64_t now_ms, std::string_view key) const {
  const auto found = ids(now_ms, key_index(key));
  return found.empty() ? nullptr : &bindings_.at(found.front());
}

bool BindingTable::is_known_source(uint64_t now_ms, const Origin& origin) const {
  return !ids(now_ms, source_index(origin)).empty();
}

size_t BindingTable::unconfirmed_since(uint64_t now_ms, uint64_t since_ms) const {
  return static_cast<size_t>(
      std::count_if(bindings_.begin(), bindings_.end(), [&](const auto& entry) {
        const Binding& binding = entry.second;
        return binding.expires_at_ms > now_ms && binding.confirmed_at_ms.value_or(0) < since_ms;
      }));
}

bool BindingTable::sweep(uint64_t now_ms) {
  const auto lapsed = by_expiry_.upper_bound({swept_ms_, ~Id{0}});
  const bool has_lapsed = lapsed != by_expiry_.end() && lapsed->first <= now_ms;
  swept_ms_ = now_ms;
  remove_until(now_ms - std::min(now_ms, uint64_t{config_.lapsed_kept_s} * 1000));
  return has_lapsed;
}

void BindingTable::remove_until(uint64_t expired_ms) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= expired_ms)
    remove(by_expiry_.begin()->second);
}

std::vector<const Binding*> BindingTable::list(uint64_t now_ms) const {
  std::vector<const Binding*> all;
  for (const auto& [id, binding] : bindings_)
    if (binding.expires_at_ms > now_ms) all.push_back(&binding);
  return all;
}

std::optional<BindingReject> BindingTable::put(uint64_t now_ms, Binding binding) {
  if (!is_sip(binding.contact) || !is_sip(binding.aor)) return refuse(BindingReject::bad_contact);
  if (!fits(binding)) return refuse(BindingReject::text_too_long);
  const auto known =
      find_same(kLapsedToo, binding.aor,
                {binding.contact, {}, binding.q_milli, binding.instance, binding.reg_id});
  if (known) {
    remove(*known);
  } else if (ids_of_aor(now_ms, binding.aor).size() >= kMaxContactsPerAor) {
    return refuse(BindingReject::too_many_contacts);
  }
  if (bindings_.size() >= config_.max_bindings) remove_until(now_ms);
  if (bindings_.size() >= config_.max_bindings) return refuse(BindingReject::table_full);
  const Id id = ++last_id_;
  for (std::string& key : index_keys(binding)) index_.emplace(std::move(key), id);
  by_expiry_.emplace(binding.expires_at_ms, id);
  bindings_.emplace(id, std::move(binding));
  return std::nullopt;
}

void BindingTable::remove(Id id) {
  const auto entry = bindings_.find(id);
  if (entry == bindings_.end()) return;
  for (const std::string& key : index_keys(entry->second)) {
    const auto [first, last] = index_.equal_range(key);
    const auto mine = std::find_if(first, last, [id](const auto& at) { return at.second == id; });
    if (mine != last) index_.erase(mine);
  }
  by_expiry_.erase({entry->second.expires_at_ms, id});
  bindings_.erase(entry);
}

// In the order of learning, since the hash table has none.
std::vector<BindingTable::Id> BindingTable::ids(uint64_t now_ms,
                                                const std::string& index_key) const {
  std::vector<Id> found;
  const auto [first, last] = index_.equal_range(index_key);
  for (auto at = first; at != last; ++at)
    if (bindings_.at(at->second).expires_at_ms > now_ms) found.push_back(at->second);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<BindingTable::Id> BindingTable::ids_of_aor(uint64_t now_ms, const Uri& aor) const {
  return ids(now_ms, aor_index(aor));
}

std::optional<BindingTable::Id> BindingTable::find_same(uint64_t now_ms, const Uri& aor,
                                                        const ContactField& contact) const {
  const auto found = ids_of_aor(now_ms, aor);
  for (const Id id : found)
    if (same_device(bindings_.at(id), contact)) return id;
  for (const Id id : found)
    if (same_uri(bindings_.at(id).contact, contact.uri, UserCase::fold)) return id;
  return std::nullopt;
}

uint32_t BindingTable::granted_s(const Request& request, const ContactField& contact,
                                 uint32_t random) const {
  const uint32_t asked =
      contact.expires_s.value_or(request.expires_s.value_or(config_.default_expiry_s));
  const uint32_t low = config_.survival_expiry_min_s;
  const uint32_t width = std::max(config_.survival_expiry_max_s, low) - low;
  return std::min(asked, low + random % (width + 1));
}

BindingReject BindingTable::refuse(BindingReject reason) {
  ++rejected_[static_cast<size_t>(reason)];
  return reason;
}

std::string_view name_of(BindingReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case BindingReject::name:    \
    return #name;
    HOLDFAST_BINDING_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
    case BindingReject::count:
      break;
  }
  return "none";
}

std::string_view text_of(BindingReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case BindingReject::name:    \
    return text;
    HOLDFAST_BINDING_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
    case BindingReject::count:
      break;
  }
  return "none";
}

}  // namespace holdfast::sip
