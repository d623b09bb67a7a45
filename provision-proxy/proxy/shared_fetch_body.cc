// SPDX-License-Identifier: Apache-2.0
// The body of a fetch: into the store and to the phones, or to the phones alone.
#include <algorithm>

#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/proxy/contract.hh"
#include "provision-proxy/proxy/shared_fetch.hh"
#include "provision-proxy/store/sha256.hh"

namespace holdfast::provision {

bool SharedFetch::serves(const Visit& visit) const {
  return storable(origin_, visit, head_) &&
         vary_matches({head_.status, &head_.fields, &vary_request_, 0, 0}, visit.request.fields);
}

void SharedFetch::begin_passing() {
  context_.counters.add(FlowCount::not_stored);
  mode_ = Mode::passing;
  close();
  auto visits = std::exchange(waiting_, {});
  const auto mine = std::find_if(visits.begin(), visits.end(),
                                 [](const auto& visit) { return !visit->is_head(); });
  VisitPtr chosen = mine == visits.end() ? nullptr : *mine;
  for (const auto& visit : visits)
    if (visit != chosen) owner_.ask_alone(visit);
  if (!chosen) {  // nobody is left who wants the body
    mode_ = Mode::done;
    return drop_transfer();
  }
  const auto self = weak_from_this();
  pipe_ = std::make_shared<PassPipe>(
      [self] {
        if (const auto fetch = self.lock()) fetch->origin_.upstream->resume(fetch->transfer_);
      },
      [self] {
        if (const auto fetch = self.lock()) fetch->drop_transfer();
      });
  context_.counters.add(FlowCount::passed);
  CacheStatus status = this->status();
  Answer answer;
  answer.status = head_.status;
  answer.reason = head_.reason;
  answer.fields = passing_fields(head_.fields, status);
  answer.length = size_;
  answer.body = PassPipe::body(pipe_);
  if (!sample_.empty()) pipe_->push(sample_);  // held until it was judged
  chosen->reply(std::move(answer));
}

uint64_t SharedFetch::max_bytes() const {
  return uint64_t{origin_.config->max_object_mib} << 20;
}

void SharedFetch::begin_fill() {
  kept_ = fields_to_store(head_.fields, response_ms_ / 1000);
  StoreError error = StoreError::kTooLarge;
  if (size_.value_or(0) <= max_bytes()) {
    fill_ = context_.store.begin_fill(size_);
    error = fill_->error();
  }
  const bool against_known = !origin_.by_rfc() && head_.status == 200 &&
                             first_->file->judge != JudgeKind::none && known_good() != nullptr;
  // Something of this file was rolled back: what comes is held until its hash is known, if it is of
  // a size to be held.
  hold_whole_ = context_.store.refuses_some(first_->key) && size_.value_or(0) <= kMaxJudgedBytes;
  const bool judge_first = against_known || hold_whole_;
  if (error != StoreError::kNone) {
    fill_.reset();
    context_.alarms.raise(AlarmKind::not_stored, target_text(), text_of(error));
    if (!judge_first) return begin_passing();
  }
  mode_ = judge_first ? Mode::holding : Mode::filling;
  if (against_known) read_known();
  if (mode_ == Mode::filling) stream_to_waiting();
}

void SharedFetch::stream_to_waiting() {
  for (const auto& visit : std::exchange(waiting_, {})) {
    if (serves(*visit)) {
      stream_to(visit);
    } else {
      owner_.ask_alone(visit);
    }
  }
}

Fields SharedFetch::first_fields() const {
  Fields fields = head_.fields;
  remove_hop_by_hop(fields);
  if (const auto date = kept_.find("Date")) fields.set("Date", *date);
  return fields;
}

void SharedFetch::stream_to(const VisitPtr& visit) {
  CacheStatus status = this->status();
  status.stored = true;
  status.collapsed = visit != first_;
  // Fields named by no-cache="..." or private="..." go to whom they came for, and no further.
  const Fields sent = visit == first_ ? first_fields() : kept_;
  const Arriving arriving{head_, kept_, sent, size_, request_ms_, response_ms_};
  const auto follow = [this] { return fill_->follow(); };
  if (answer_arriving(context_, visit, arriving, follow, progress_, status)) {
    context_.counters.add(FlowCount::fetched);
  } else {
    waiting_.push_back(visit);  // a range, and the size is not known before the end
  }
}

void SharedFetch::on_body(std::span<const char> bytes) {
  const auto self = shared_from_this();
  switch (mode_) {
    case Mode::passing:
      pipe_->push(bytes);
      if (pipe_->full()) origin_.upstream->pause(transfer_);
      return;
    case Mode::overflow:
      return pass_on(bytes);
    case Mode::holding:
    case Mode::filling:
      break;
    default:
      return;
  }
  if (mode_ == Mode::holding && !fill_) return hold(bytes);
  if (sample_.size() < kMaxJudgedBytes)
    sample_.append(bytes.data(), std::min(bytes.size(), kMaxJudgedBytes - sample_.size()));
  if (bytes.size() > max_bytes() - fill_->size()) return not_storable(bytes, StoreError::kTooLarge);
  if (!fill_->write(bytes)) return not_storable(bytes, fill_->error());
  if (mode_ == Mode::holding && !held_to_the_end() && sample_.size() >= kSampleBytes) {
    if (const auto verdict = judge_now(false); verdict != Plausible::ok)
      return judged_bad(name_of(verdict), text_of(verdict));
    mode_ = Mode::filling;
    stream_to_waiting();
  }
  news_.beat();
}

// ---- what the store does not take ---------------------------------------------------------------

bool SharedFetch::held_to_the_end() const {
  if (hold_whole_ && (!fill_ || fill_->size() <= kMaxJudgedBytes)) return true;
  return judged_whole(first_->file->judge);
}

// Holds it in memory until it is judged.
void SharedFetch::hold(std::span<const char> bytes) {
  if (bytes.size() > kMaxJudgedBytes - sample_.size()) {  // a kind that is judged whole
    if (may_give_base(Trouble::error)) return trouble(Trouble::error, "too_large", 502);
    begin_passing();
    if (mode_ == Mode::passing) on_body(bytes);
    return;
  }
  sample_.append(bytes.data(), bytes.size());
  if (held_to_the_end() || sample_.size() < kSampleBytes) return;
  const auto verdict = judge_now(false);
  if (verdict != Plausible::ok) return judged_bad(name_of(verdict), text_of(verdict));
  begin_passing();
}

// The whole is there, in memory.
void SharedFetch::settle_held() {
  size_ = sample_.size();
  const Plausible verdict = judge_now(true);
  if (verdict != Plausible::ok) return judged_bad(name_of(verdict), text_of(verdict));
  Sha256 sum;
  sum.add(sample_);
  if (context_.store.is_refused(first_->key, sum.hex()))
    return judged_bad("rolled-back", "it was rolled back");
  context_.counters.add(FlowCount::not_stored);
  mode_ = Mode::done;
  close();
  const auto bytes = std::make_shared<const std::string>(std::move(sample_));
  CacheStatus status = this->status();
  for (const auto& visit : std::exchange(waiting_, {})) {
    if (!serves(*visit)) {
      owner_.ask_alone(visit);
      continue;
    }
    Answer answer;
    answer.status = head_.status;
    answer.reason = head_.reason;
    answer.fields = passing_fields(visit == first_ ? head_.fields : kept_, status);
    answer.length = bytes->size();
    if (!visit->is_head()) answer.bytes = bytes;
    status.collapsed = true;
    context_.counters.add(FlowCount::fetched);
    visit->reply(std::move(answer));
  }
}

// `bytes` are those that did not fit any more; all before them are in the file.
void SharedFetch::not_storable(std::span<const char> bytes, StoreError error) {
  context_.alarms.raise(AlarmKind::not_stored, target_text(), text_of(error));
  if (mode_ == Mode::holding) {
    if (fill_->size() + bytes.size() == sample_.size()) {  // all is in memory: held on there
      fill_.reset();
      return;
    }
    if (may_give_base(Trouble::error)) {
      const bool large = error == StoreError::kTooLarge;
      return trouble(Trouble::error, large ? "too_large" : "not-stored", 502);
    }
    stream_to_waiting();
  }
  context_.counters.add(FlowCount::not_stored);
  mode_ = Mode::overflow;
  close();
  for (const auto& visit : std::exchange(waiting_, {})) owner_.ask_alone(visit);
  progress_->overflow([self = weak_from_this()] {
    if (const auto fetch = self.lock()) fetch->followers_moved();
  });
  pass_on(bytes);
}

void SharedFetch::pass_on(std::span<const char> bytes) {
  progress_->push(bytes);
  if (!progress_->followed()) return followers_moved();
  if (progress_->full()) origin_.upstream->pause(transfer_);
}

void SharedFetch::followers_moved() {
  if (mode_ != Mode::overflow) return;
  if (!progress_->followed()) {
    mode_ = Mode::done;
    drop_transfer();
  } else if (!progress_->full()) {
    origin_.upstream->resume(transfer_);
  }
}

// ---- into the store -----------------------------------------------------------------------------

void SharedFetch::settle() {
  size_ = fill_->size();
  const Plausible verdict = judge_now(true);
  const bool refused = fill_->complete() && context_.store.is_refused(first_->key, fill_->hash());
  const auto known = known_good();
  if (verdict != Plausible::ok || refused) {
    if (refused) fill_->reject();  // who has followed it so far does not get its last byte
    if (mode_ == Mode::holding || ((known || refused) && !waiting_.empty())) {
      progress_->settle();
      return refused ? judged_bad("rolled-back", "it was rolled back")
                     : judged_bad(name_of(verdict), text_of(verdict));
    }
    if (refused || known || !may_stand_alone(verdict)) {  // it was streamed: kept it will not be
      context_.counters.add(FlowCount::implausible);
      context_.alarms.raise(AlarmKind::implausible, target_text(),
                            refused ? "it was rolled back" : text_of(verdict));
      mode_ = Mode::done;
      stream_to_waiting();
      progress_->settle();
      return close();
    }
  }
  if (known && base_ && fill_->hash() == base_->body.hash)
    context_.counters.add(FlowCount::unchanged);
  mode_ = Mode::settling;
  stream_to_waiting();
  progress_->tell();
  Meta meta;
  meta.status = head_.status;
  meta.reason = head_.reason;
  meta.fields = kept_;
  meta.vary_request = vary_request_;
  meta.request_ms = request_ms_;
  meta.response_ms = meta.validated_ms = response_ms_;
  const Keep keep = head_.status == 200 && keeps_last_good(origin_, *first_->file) ? Keep::kLastGood
                                                                                   : Keep::kNormal;
  context_.store.commit(std::move(fill_), first_->key, std::move(meta), keep,
                        [self = shared_from_this()](StoreError error, const EntryPtr& entry) {
                          self->stored(error, entry);
                        });
}

void SharedFetch::stored(StoreError error, const EntryPtr& entry) {
  if (error != StoreError::kNone) {
    context_.counters.add(FlowCount::not_stored);
    context_.alarms.raise(AlarmKind::not_stored, target_text(), text_of(error));
  } else {
    context_.counters.add(FlowCount::stored);
  }
  mode_ = Mode::done;
  close();
  progress_->settle();
  CacheStatus status = this->status();
  status.collapsed = status.stored = true;
  for (const auto& visit : std::exchange(waiting_, {})) {  // those who came meanwhile
    if (error != StoreError::kNone) {
      owner_.ask_alone(visit);
    } else if (origin_.by_rfc()) {
      owner_.again(visit);
    } else {
      context_.counters.add(FlowCount::fetched);
      owner_.serve(visit, entry, status);
    }
  }
}

}  // namespace holdfast::provision
