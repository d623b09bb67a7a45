// SPDX-License-Identifier: Apache-2.0
// May this requester have the file of that phone? The decision only: certificates, neighbours and
// time are handed in.
//
// A phone shows whose it is by its certificate, else by its MAC in the kernel's neighbour table.
// One behind a router shows neither, which the policy weighs. What a requester says of itself
// (path, User-Agent) never helps it, but may betray it. Beside that, each source may ask for the
// files of few phones that it does not prove to be.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/address.hh"

namespace holdfast::provision {

enum class OwnerPolicy : uint8_t {
  strict,              // proof, or nothing
  neighbour_if_known,  // where the neighbour table knows the requester, it decides
  off,                 // anyone; the limits hold
};
std::optional<OwnerPolicy> owner_policy_of(std::string_view name);
std::string_view name_of(OwnerPolicy policy);

// X(name, allowed, text)
#define HOLDFAST_OWNER_VERDICTS(X)                                                      \
  X(nobodys, true, "the file is no single phone's")                                     \
  X(certificate, true, "the phone's certificate")                                       \
  X(neighbour, true, "the phone's MAC in the neighbour table")                          \
  X(unproven, true, "the policy asks for no proof where there can be none")             \
  X(not_checked, true, "the owner check is off")                                        \
  X(several_phones, false, "the target names several phones")                           \
  X(foreign_certificate, false, "another phone's certificate")                          \
  X(foreign_neighbour, false, "the neighbour table knows the requester by another MAC") \
  X(claims_another, false, "the User-Agent names another phone")                        \
  X(no_proof, false, "neither a certificate nor an entry in the neighbour table")       \
  X(enumeration, false, "too many phones' files were asked for from there")

enum class OwnerVerdict : uint8_t {
#define HOLDFAST_X(name, allowed, text) name,
  HOLDFAST_OWNER_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
bool is_allowed(OwnerVerdict verdict);
std::string_view name_of(OwnerVerdict verdict);
std::string_view text_of(OwnerVerdict verdict);

struct OwnerConfig {
  OwnerPolicy policy = OwnerPolicy::neighbour_if_known;
  size_t max_foreign = 3;       // refused phones of one source in a window; 0: no limit
  size_t max_unproven = 8;      // phones let have their files without proof; 0: no limit
  int64_t window_ms = 600'000;  // since the first of them, or since the source was found out
  size_t max_sources = 4096;    // watched; the one that was quiet longest goes first
};

struct OwnerQuestion {
  std::string_view target;
  std::string_view user_agent;
  std::optional<MacAddress> certificate;  // verified
  std::optional<MacAddress> neighbour;    // of the source's address
  IpAddress source;
};

struct OwnerDecision {
  OwnerVerdict verdict = OwnerVerdict::nobodys;
  std::string owner;   // twelve hex digits, or empty
  bool alarm = false;  // this question made the source an enumerator
  bool allowed() const { return is_allowed(verdict); }
};

// Not for several threads.
class OwnerCheck {
 public:
  explicit OwnerCheck(const OwnerConfig& config);

  OwnerDecision decide(const OwnerQuestion& question, int64_t now_ms);

  uint64_t count(OwnerVerdict verdict) const { return counts_[static_cast<size_t>(verdict)]; }
  uint64_t alarms() const { return alarms_; }
  size_t sources() const { return sources_.size(); }

 private:
  struct Source {
    std::string key;
    std::vector<std::string> foreign, unproven;  // phones asked for, each once, bounded
    int64_t begun_ms = 0;                        // its window
    bool enumerates = false;
  };
  using Sources = std::list<Source>;  // the most recent first

  OwnerVerdict judge(const OwnerQuestion& question, const std::vector<std::string>& owners) const;
  void watch(const OwnerQuestion& question, const std::vector<std::string>& owners, int64_t now_ms,
             OwnerDecision& decision);
  Source& source_of(const OwnerQuestion& question, int64_t now_ms);

  OwnerConfig config_;
  Sources sources_;
  std::unordered_map<std::string, Sources::iterator> by_key_;
  std::array<uint64_t, static_cast<size_t>(OwnerVerdict::count)> counts_{};
  uint64_t alarms_ = 0;
};

}  // namespace holdfast::provision
