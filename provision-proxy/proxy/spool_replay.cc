// SPDX-License-Identifier: Apache-2.0
// Gives an origin the uploads that wait for it.
#include "provision-proxy/proxy/spool_replay.hh"

#include <algorithm>
#include <set>

#include "provision-proxy/spool/spool_worker.hh"

namespace holdfast::provision {
namespace {

constexpr uint64_t kMaxAnswer = uint64_t{1} << 20;  // nobody reads it

// It says "not now", not "no".
bool is_passing_trouble(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

}  // namespace

SpoolReplay::SpoolReplay(const FlowContext& context, const OriginPort& origin, Done done)
    : context_(context), origin_(origin), done_(std::move(done)) {}

SpoolReplay::~SpoolReplay() {
  if (transfer_ != 0) origin_.upstream->cancel(transfer_);
}

void SpoolReplay::run() {
  if (busy_ || !origin_.upstream->health().admits()) return;
  const int64_t now = context_.unix_ms();
  std::set<std::string> held_back;
  for (const auto& [phone, pause] : pauses_)
    if (now >= pause.from_ms && now < pause.until_ms) held_back.insert(phone);
  const auto* item = context_.spool->next(origin_.config->name, held_back);
  if (item == nullptr) return;
  busy_ = true;
  context_.spool->read(item->number, [this, phone = item->phone,
                                      alive = std::weak_ptr(alive_)](std::optional<Upload> upload) {
    if (!alive.expired()) send(phone, std::move(upload));
  });
}

SpoolReplay::Pause& SpoolReplay::hold_back(const std::string& phone) {
  auto& pause = pauses_[phone];
  const int shift = std::min(pause.tries, 6);
  pause.from_ms = context_.unix_ms();
  pause.until_ms = pause.from_ms + std::min(kFirstPause_ms << shift, kMaxPause_ms);
  return pause;
}

void SpoolReplay::send(const std::string& phone, std::optional<Upload> upload) {
  if (!upload) {  // damaged, and gone; or the disk does not give it now
    hold_back(phone);
    busy_ = false;
    return run();
  }
  upload_ = std::move(upload);
  head_.reset();
  const auto& config = *origin_.config;
  UpstreamRequest request;
  request.method = upload_->method;
  request.target = upload_->target;
  request.fields = upload_->fields;
  request.fields.add("Via", "1.1 holdfast");
  request.body = upload_->body;
  request.has_body = true;
  request.connect_timeout = std::chrono::milliseconds(config.connect_ms);
  request.answer_timeout =
      std::chrono::milliseconds(std::max(config.answer_ms, config.patience_ms));
  request.stall_timeout = std::chrono::milliseconds(config.stall_ms);
  request.max_body_bytes = kMaxAnswer;
  transfer_ = origin_.upstream->start(std::move(request), *this);
}

void SpoolReplay::on_head(ResponseHead head, BodyFraming) {
  head_ = std::move(head);
}

void SpoolReplay::on_body(std::span<const char>) {}

void SpoolReplay::on_end(const UpstreamOutcome& outcome) {
  transfer_ = 0;
  if (!head_) {
    if (outcome.end == UpstreamEnd::bad_request) return refused(text_of(outcome.end));
    return later(text_of(outcome.end), false);
  }
  const std::string status = "status " + std::to_string(head_->status);
  if (is_passing_trouble(head_->status)) return later(status, true);
  if (head_->status / 100 != 2) return refused(status);
  context_.counters.add(FlowCount::replayed);
  done_(*upload_, *head_);
  finish();
}

void SpoolReplay::later(std::string_view why, bool answered) {
  Pause& pause = hold_back(upload_->phone);
  if (answered && ++pause.tries >= kMaxTries) return refused(why);
  upload_.reset();
  busy_ = false;
  run();
}

void SpoolReplay::refused(std::string_view why) {
  context_.counters.add(FlowCount::replay_refused);
  context_.alarms.raise(AlarmKind::upload_refused, upload_->target,
                        std::string(why) + ": " + upload_->method + " of " + upload_->phone);
  finish();
}

void SpoolReplay::finish() {
  pauses_.erase(upload_->phone);
  const uint64_t number = upload_->number;
  upload_.reset();
  context_.spool->finish(number, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    busy_ = false;
    run();
  });
}

}  // namespace holdfast::provision
