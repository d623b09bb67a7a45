// SPDX-License-Identifier: Apache-2.0
// The branch's registrations: learned from the centre's 200 only, refreshed by us in survival.
//
// Time is monotonic milliseconds and handed in, so that no wall clock, right or wrong, expires a
// binding. Bounded by limits.hh; what does not fit is refused by name and counted, and the phone
// stays registered at the centre all the same. One owner, the SIP loop; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "media/result.hh"
#include "sip/limits.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

// Every reason not to learn or not to refresh a binding: X(name, what is wrong).
#define HOLDFAST_BINDING_REJECTS(X)                                            \
  X(not_accepted, "the centre did not answer 200")                             \
  X(contact_not_in_answer, "the centre's 200 does not list the contact")       \
  X(table_full, "the table holds as many bindings as it can")                  \
  X(too_many_contacts, "the address-of-record has as many contacts as it can") \
  X(text_too_long, "a Call-ID, instance or path longer than we keep")          \
  X(bad_contact, "a saved or registered contact that is no SIP URI")           \
  X(bad_wildcard, "a * with other contacts, or without Expires: 0")            \
  X(unknown_binding, "not known from the centre")                              \
  X(wrong_source, "known, but from another address or interface")              \
  X(old_cseq, "a CSeq not above the last of the same Call-ID (RFC 3261 section 10.3)")

enum class BindingReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_BINDING_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(BindingReject reject);
std::string_view text_of(BindingReject reject);

struct Binding {
  Uri aor;
  Uri contact;
  uint16_t q_milli = 1000;
  std::string instance;
  uint32_t reg_id = 0;
  std::vector<Uri> path;  // of proxies between the phone and us
  Origin source;          // where the phone's REGISTER came from, and so where to reach it
  std::string call_id;
  uint32_t cseq = 0;
  uint64_t expires_at_ms = 0;
  std::optional<uint64_t> confirmed_at_ms;  // by the centre, since we started

  // Names the binding over restarts: 16 hex digits of AOR and contact.
  std::string key() const;
};

// A binding as plain values, for a store. Time is what is left of it: the hours that the box was
// off do not count, since a clock that is wrong at boot could claim any number of them.
struct SavedBinding {
  std::string aor, contact, instance, call_id, interface, transport, source;
  std::vector<std::string> path;
  uint64_t remaining_ms = 0;
  uint32_t reg_id = 0, cseq = 0;
  uint16_t q_milli = 1000;
};

struct BindingConfig {
  // Granted in survival, chosen anew each time: short, so that phones come back to the centre soon;
  // random, so that they do not come back together.
  uint32_t survival_expiry_min_s = 60;
  uint32_t survival_expiry_max_s = 120;
  uint32_t default_expiry_s = 3600;    // RFC 3261 section 10.2.1.1
  uint32_t longest_expiry_s = 86400;   // an entry must not live for ever on a centre's word
  uint32_t after_restart_min_s = 300;  // the least that a loaded binding has, to be refreshed
  uint32_t lapsed_kept_s = 300;        // how long its phone may still take it up while we are asked
  size_t max_bindings = kMaxBindings;
};

// What a REGISTER will change, computed without changing anything.
struct RefreshPlan {
  std::vector<Binding> updated;
  std::vector<std::string> removed;  // keys
  std::vector<ContactField> answer;  // Contacts of our 200, each with its expiry
};

class BindingTable {
 public:
  explicit BindingTable(const BindingConfig& config = {}) : config_(config) {}

  // Learns from the centre's answer to a REGISTER that we forwarded. Only contacts of that REGISTER
  // are taken, with what the 200 grants them; others that the 200 lists are not behind us.
  // Answers the first reason if something was not learned.
  std::optional<BindingReject> learn(uint64_t now_ms, const Request& request,
                                     const Response& response);

  // The registrar's part in survival (RFC 3261 section 10.3): known bindings, same source, all or
  // nothing. Known is one that has lapsed, too, for a while: a phone that was late, or away, when
  // the centre was lost could not come back before it. `random` is a uniform number.
  Result<RefreshPlan, BindingReject> plan_refresh(uint64_t now_ms, const Request& request,
                                                  uint32_t random) const;
  void apply(uint64_t now_ms, const RefreshPlan& plan);

  // Live bindings, the best q first. By AOR; if no host fits, by user alone, since phones dial
  // extensions at our address.
  std::vector<const Binding*> find(uint64_t now_ms, const Uri& aor) const;
  std::vector<const Binding*> find_user(uint64_t now_ms, std::string_view user) const;
  // By contact as the centre knows it, and by key as we wrote it into a rewritten one.
  const Binding* find_contact(uint64_t now_ms, const Uri& contact) const;
  const Binding* find_key(uint64_t now_ms, std::string_view key) const;
  // Whether a phone at that address and interface has a binding.
  bool is_known_source(uint64_t now_ms, const Origin& origin) const;
  // Live bindings that the centre has not confirmed since then: those still to be handed back.
  size_t unconfirmed_since(uint64_t now_ms, uint64_t since_ms) const;

  // Removes what has lapsed and is kept no longer. Whether one has lapsed since the last time.
  bool sweep(uint64_t now_ms);
  size_t size() const { return bindings_.size(); }  // with those that have lapsed
  uint64_t rejected(BindingReject reason) const { return rejected_[static_cast<size_t>(reason)]; }
  // All live bindings, for a page or a list.
  std::vector<const Binding*> list(uint64_t now_ms) const;

  std::vector<SavedBinding> save(uint64_t now_ms) const;
  // Takes back what was saved; entries that make no sense are refused and counted.
  void load(uint64_t now_ms, const std::vector<SavedBinding>& saved);

 private:
  using Id = uint64_t;

  std::optional<BindingReject> put(uint64_t now_ms, Binding binding);
  void remove(Id id);
  void remove_until(uint64_t expired_ms);
  // Those that are alive at a moment; kLapsedToo: all.
  static constexpr uint64_t kLapsedToo = 0;
  std::vector<Id> ids(uint64_t now_ms, const std::string& index_key) const;
  std::optional<Id> find_same(uint64_t now_ms, const Uri& aor, const ContactField& contact) const;
  std::vector<Id> ids_of_aor(uint64_t now_ms, const Uri& aor) const;
  uint32_t granted_s(const Request& request, const ContactField& contact, uint32_t random) const;
  BindingReject refuse(BindingReject reason);

  BindingConfig config_;
  std::map<Id, Binding> bindings_;
  std::unordered_multimap<std::string, Id> index_;  // see index_keys in the source
  std::set<std::pair<uint64_t, Id>> by_expiry_;
  Id last_id_ = 0;
  uint64_t swept_ms_ = 0;
  std::array<uint64_t, static_cast<size_t>(BindingReject::count)> rejected_{};
};

}  // namespace holdfast::sip
