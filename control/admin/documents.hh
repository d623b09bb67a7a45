// SPDX-License-Identifier: Apache-2.0
// The JSON documents of the API; docs/admin.md is the contract. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "control/admin/snapshot.hh"
#include "control/store/reader.hh"

namespace holdfast::admin {

// The moment of a document, by both clocks.
struct Now {
  int64_t unix_ms = 0;
  uint64_t started_ms = 0;  // Unix time of the daemon's start
};

nlohmann::json status_document(const SipSnapshot& sip, const store::StoreStatus& store,
                               const records::MinuteStatus& minutes,
                               const names::ResolverStatus& names, const Now& now);
nlohmann::json registrations_document(const SipSnapshot& sip);
nlohmann::json upstreams_document(const SipSnapshot& sip, const names::ResolverStatus& names,
                                  const Now& now);
// What happened to the media of calls, newest first.
nlohmann::json events_document(const SipSnapshot& sip, const Now& now);
// Calls from before a restart that live and have said nothing since: the SIP loop knows their keys
// alone.
std::vector<uint64_t> silent_calls(const SipSnapshot& sip);
// Records, newest first; `next`, when there are more, is the `before` of the page after. `open`:
// records without an end, which tell of the silent calls.
nlohmann::json calls_document(const SipSnapshot& sip, const std::vector<store::CallRecord>& records,
                              const std::vector<store::CallRecord>& open, size_t limit,
                              const Now& now);

struct LossInput {
  std::vector<store::CallRecord> calls;
  std::vector<store::LegRecord> legs;  // of ended calls
  std::vector<store::MinuteRow> minutes;
  std::vector<std::pair<std::string, int64_t>> ends;
};
// Media of calls that live is taken from the snapshot.
nlohmann::json loss_document(const SipSnapshot& sip, const LossInput& input, size_t limit);

nlohmann::json record_json(const store::CallRecord& record);

// Records that are not on disk yet, and so not among those that are read.
nlohmann::json waiting_json(const store::StoreStatus& store);

// "2026-11-21T10:05:00.123Z".
std::string iso_time(int64_t unix_ms);
// 16 hex digits: JSON numbers of that size are not safe.
std::string key_text(uint64_t call_key);

}  // namespace holdfast::admin
