// SPDX-License-Identifier: Apache-2.0
// Stamps calls and hands them to the writer.
#include "control/records/recorder.hh"

#include <utility>

namespace holdfast::records {
namespace {

// At a border of UTF-8, so that what is kept still is text.
void cut(std::string& text) {
  if (text.size() <= kMaxRecordTextBytes) return;
  size_t end = kMaxRecordTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

void cut(sip::CallBegan& call) {
  for (std::string* text :
       {&call.call_id, &call.from, &call.to, &call.dialled, &call.decision, &call.user_agent})
    cut(*text);
}

}  // namespace

void Recorder::began(const sip::CallBegan& call) {
  store::BeganItem item{call, clock_.unix_ms()};
  cut(item.call);
  put(std::move(item));
}

void Recorder::found(const sip::CallBegan& call) {
  store::FoundItem item{call, clock_.unix_ms()};
  cut(item.call);
  put(std::move(item));
}

void Recorder::answered(const sip::CallAnswered& call) {
  // The first answer counts: talking begins with it.
  if (answered_at_ms_.size() < kMaxTalking)
    answered_at_ms_.try_emplace(call.call_key, clock_.monotonic_ms());
  put(store::AnsweredItem{call, clock_.unix_ms()});
}

void Recorder::remarked(uint64_t call_key, sip::CallRemark remark) {
  put(store::RemarkItem{call_key, remark});
}

void Recorder::ended(const sip::CallEnded& call) {
  store::EndedItem item{call, clock_.unix_ms(), std::nullopt};
  cut(item.call.detail);
  if (const auto known = answered_at_ms_.find(call.call_key); known != answered_at_ms_.end()) {
    item.talk_ms = static_cast<int64_t>(clock_.monotonic_ms() - known->second);
    answered_at_ms_.erase(known);
  }
  put(std::move(item));
}

void Recorder::put(store::Item item) {
  if (!sink_(std::move(item))) gap_ = true;
}

bool Recorder::take_gap() {
  return std::exchange(gap_, false);
}

}  // namespace holdfast::records
