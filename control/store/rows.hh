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

// A call of an earlier run that lives: what its row lacks is filled in.
struct FoundItem {
  sip::CallBegan call;
  int64_t at_ms = 0;
};
struct AnsweredItem {
  sip::CallAnswered call;
  int64_t at_ms = 0;
};
struct RemarkItem {
  uint64_t call_key = 0;
  sip::CallRemark remark = sip::CallRemark::no_media_from_caller;
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

// One stream in one minute of one leg, or a part of that minute.
struct MinuteRow {
  uint64_t call_key = 0;
  std::string stream;  // the dataplane's name of the call
  uint32_t leg = 0;
  std::string interface;
  std::optional<uint32_t> ssrc;  // none: of streams of the leg that gave up their places, together
  int64_t minute = 0;            // since 1970
  uint64_t expected = 0, received = 0, lost = 0, duplicates = 0;
  uint64_t lost_by_us = 0;  // of expected: missed while no dataplane ran
  uint32_t jitter_max = 0;  // timestamp units
  uint32_t clock_hz = 0;
  uint32_t longest_loss_run = 0;
};

// How far the dataplane's minute records have been read: `next` of that `epoch`.
struct MinuteCursor {
  uint64_t epoch = 0, next = 0;
  friend bool operator==(const MinuteCursor&, const MinuteCursor&) = default;
};

// Rows of one minute add up. The cursor is committed with them, so that no row counts twice.
struct MinutesItem {
  std::vector<MinuteRow> rows;
  std::optional<MinuteCursor> cursor;
};

// Closes the calls of earlier runs that still are open and not among these: lost_track. Those of
// this run too, when some of its items were dropped.
struct CloseLostItem {
  std::vector<uint64_t> live;
  bool this_run_too = false;
};

using Item = std::variant<BeganItem, FoundItem, AnsweredItem, RemarkItem, EndedItem, BindingsItem,
                          MinutesItem, CloseLostItem>;

}  // namespace holdfast::store
