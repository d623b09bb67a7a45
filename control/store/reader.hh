// SPDX-License-Identifier: Apache-2.0
// What the database says, read over a connection of its own; each call opens one and closes it.
//
// Any thread but the SIP loop: a call reads from disk. The writer is never held up by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/database.hh"
#include "control/store/rows.hh"

namespace holdfast::store {

struct CallRecord {
  int64_t seq = 0;  // order of writing, whatever the clocks said
  uint64_t call_key = 0;
  std::optional<int64_t> began_ms, answered_ms, ended_ms;  // Unix milliseconds
  std::optional<int64_t> talk_ms;
  std::string call_id, from, to, dialled, caller, source, transport, interface, decision;
  bool survival = false, emergency = false;
  std::string user_agent, callee, hop, hop_transport, hop_interface, answered_decision;
  std::string end;  // empty: it lives, or its end has not been told
  int64_t status = 0;
  std::string detail;
  std::vector<std::string> remarks;  // names of sip::CallRemark
};

struct LegRecord {
  uint64_t call_key = 0;
  std::string stream;  // the dataplane's name of the call
  control::LegReport report;
};

struct CallQuery {
  size_t limit = 100;                 // newest first
  std::optional<int64_t> before_seq;  // the page after
  std::optional<int64_t> since_ms;    // began then or later
  std::optional<int64_t> until_ms;    // began before
  std::optional<uint64_t> call_key;
  bool open_only = false;
};

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  Result<std::vector<CallRecord>, DbError> calls(const CallQuery& query) const;
  // Of these calls, in the order of call, stream and the dataplane's legs.
  Result<std::vector<LegRecord>, DbError> legs(const std::vector<uint64_t>& call_keys) const;
  Result<std::vector<MinuteRow>, DbError> minutes(const std::vector<uint64_t>& call_keys) const;
  // How many of the calls that the query chooses ended how; its pages count for nothing.
  Result<std::vector<std::pair<std::string, int64_t>>, DbError> ends(const CallQuery& query) const;
  Result<std::vector<sip::SavedBinding>, DbError> bindings() const;
  // None: no minute record has been read yet, or it cannot be told.
  std::optional<MinuteCursor> minute_cursor() const;

 private:
  std::string path_;
};

}  // namespace holdfast::store
