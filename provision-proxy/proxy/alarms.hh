// SPDX-License-Identifier: Apache-2.0
// What an operator must know: bounded, each kind counted, repeats folded.
//
// Asio thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/log.hh"

namespace holdfast::provision {

// X(name, text)
#define HOLDFAST_PROVISION_ALARMS(X)                                                        \
  X(implausible, "the centre sent what the file cannot have become; the last good is kept") \
  X(gone, "the centre does not know a file that it had; the last good is kept")             \
  X(truncated, "a file arrived cut short")                                                  \
  X(foreign_file, "a file was asked for by another phone than its own")                     \
  X(enumeration, "one address asks for the files of many phones")                           \
  X(origin_away, "the centre cannot be reached")                                            \
  X(not_stored, "a file could not be stored")                                               \
  X(upload_refused, "an upload was refused by the centre")                                  \
  X(spool_full, "no room for uploads that wait for the centre")                             \
  X(upload_damaged, "an upload that waited was found damaged and is moved aside")           \
  X(body_damaged, "a stored file was found damaged or gone, and has to be fetched anew")    \
  X(index_damaged, "the index of the store was found damaged and is replaced")

enum class AlarmKind : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_PROVISION_ALARMS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(AlarmKind kind);
std::string_view text_of(AlarmKind kind);

struct Alarm {
  AlarmKind kind{};
  std::string subject;  // a target, an origin, an address
  std::string detail;   // one line
  int64_t first_ms = 0, last_ms = 0, logged_ms = 0;
  int64_t ended_ms = 0;  // 0: it holds on, or is of a kind that has no end
  uint64_t times = 1;
};

class Alarms {
 public:
  static constexpr size_t kKept = 200;
  static constexpr int64_t kLogAgain_ms = 3'600'000;

  Alarms(std::function<int64_t()> unix_ms, Logger logger)
      : unix_ms_(std::move(unix_ms)), logger_(std::move(logger)) {}

  // Logged when it is new, or was over; the same kind and subject again is counted, and logged once
  // more when the last line is an hour old.
  void raise(AlarmKind kind, std::string_view subject, std::string_view detail);
  // It is over: logged, and kept with its end.
  void end(AlarmKind kind, std::string_view subject);
  const std::deque<Alarm>& kept() const { return kept_; }  // newest first
  uint64_t raised(AlarmKind kind) const { return raised_[static_cast<size_t>(kind)]; }

 private:
  std::function<int64_t()> unix_ms_;
  Logger logger_;
  std::deque<Alarm> kept_;
  std::array<uint64_t, static_cast<size_t>(AlarmKind::count)> raised_{};
};

}  // namespace holdfast::provision
