// SPDX-License-Identifier: Apache-2.0
// What is written down: one item for each thing that happened, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sip/binding_table.hh"
#include "sip/call_events.hh"

namespace holdfast::store {

// Times are Unix milliseconds.
struct BeganItem {
  sip::CallBegan call;
  int64_t at_ms = 0;
};
struct AnsweredItem {
  sip::CallAnswered call;
  int64_t at_ms = 0;
};
struct EndedItem {
  sip::CallEnded call;
  int64_t at_ms = 0;
  std::optional<int64_t> talk_ms;  // from answer to end, when we saw both
};

// All bindings that live; those of before that are not among them go.
struct BindingsItem {
  std::vector<sip::SavedBinding> bindings;
};

// One stream in one minute of one leg.
struct MinuteRow {
  uint64_t call_key = 0;
  std::string stream;  // the dataplane's name of the call
  uint32_t leg = 0;
  std::string interface;
  uint32_t ssrc = 0;
  int64_t minute = 0;  // since 1970
  uint64_t expected = 0, received = 0, lost = 0;
};
struct MinutesItem {
  std::vector<MinuteRow> rows;  // a row that is told again replaces the one before
};

// Closes the calls of earlier runs that still are open and not among these: lost_track. Those of
// this run too, when some of its items were dropped.
struct CloseLostItem {
  std::vector<uint64_t> live;
  bool this_run_too = false;
};

using Item =
    std::variant<BeganItem, AnsweredItem, EndedItem, BindingsItem, MinutesItem, CloseLostItem>;

}  // namespace holdfast::store
