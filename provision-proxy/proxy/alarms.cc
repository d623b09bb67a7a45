// SPDX-License-Identifier: Apache-2.0
// Keeps alarms.
#include "provision-proxy/proxy/alarms.hh"

#include <algorithm>

namespace holdfast::provision {
namespace {

constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, text) #name,
    HOLDFAST_PROVISION_ALARMS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_PROVISION_ALARMS(HOLDFAST_X)
#undef HOLDFAST_X
};

}  // namespace

std::string_view name_of(AlarmKind kind) {
  return kNames[static_cast<size_t>(kind)];
}
std::string_view text_of(AlarmKind kind) {
  return kTexts[static_cast<size_t>(kind)];
}

void Alarms::raise(AlarmKind kind, std::string_view subject, std::string_view detail) {
  ++raised_[static_cast<size_t>(kind)];
  const int64_t now = unix_ms_();
  const auto known = std::find_if(kept_.begin(), kept_.end(), [&](const Alarm& alarm) {
    return alarm.kind == kind && alarm.subject == subject;
  });
  Alarm alarm{kind, std::string(subject), std::string(detail), now, now, now};
  bool log = true;
  if (known != kept_.end()) {
    alarm.first_ms = known->first_ms;
    alarm.times = known->times + 1;
    log = known->ended_ms > 0 || now - known->logged_ms >= kLogAgain_ms;
    if (!log) alarm.logged_ms = known->logged_ms;
    kept_.erase(known);
  }
  if (log)
    logger_(LogLevel::warning,
            "provision: " + std::string(name_of(kind)) + ": " + alarm.subject + ": " +
                std::string(text_of(kind)) + (detail.empty() ? "" : " (" + alarm.detail + ")") +
                (alarm.times > 1 ? ", " + std::to_string(alarm.times) + " times" : ""));
  kept_.push_front(std::move(alarm));
  if (kept_.size() > kKept) kept_.pop_back();
}

void Alarms::end(AlarmKind kind, std::string_view subject) {
  for (auto& alarm : kept_) {
    if (alarm.kind != kind || alarm.subject != subject || alarm.ended_ms > 0) continue;
    alarm.ended_ms = unix_ms_();
    logger_(LogLevel::info,
            "provision: " + std::string(name_of(kind)) + ": " + alarm.subject + ": over");
  }
}

}  // namespace holdfast::provision
