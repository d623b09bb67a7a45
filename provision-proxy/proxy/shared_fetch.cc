// SPDX-License-Identifier: Apache-2.0
// One request to the origin for all who want the same.
#include "provision-proxy/proxy/shared_fetch.hh"

#include <algorithm>
#include <charconv>

#include "provision-proxy/cache/freshness.hh"
#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/proxy/contract.hh"

namespace holdfast::provision {
namespace {

// Where nothing is kept that could be given instead, an origin may take its time.
constexpr std::chrono::milliseconds kPatienceWithoutCopy{15'000};
std::optional<uint64_t> announced_size(const Fields& fields, BodyFraming framing) {
  if (framing == BodyFraming::none) return 0;
  const auto text = fields.find("Content-Length");
  if (framing != BodyFraming::length || !text) return std::nullopt;
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), size);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return size;
}

bool says_gone(int status) {
  return status == 404 || status == 410;
}

}  // namespace

SharedFetch::SharedFetch(const FlowContext& context, FetchOwner& owner, GoneWatch& gone,
                         VisitPtr first, EntryPtr base, ForwardReason reason)
    : context_(context),
      owner_(owner),
      gone_(gone),
      origin_(*first->origin),
      first_(std::move(first)),
      base_(std::move(base)),
      reason_(reason),
      waiting_{first_},
      patience_(context.io) {
  // What the origin alone can check is checked for each request.
  open_ = first_->credentials.tell_again();
}

void SharedFetch::start() {
  UpstreamRequest request;
  request.target = first_->request.target;
  request.fields = forwarded_request(first_->request.fields);
  make_unconditional(request.fields);
  request.fields.remove("Host");
  request.fields.add("Via", "1.1 holdfast");
  if (base_ && base_->meta.status == 200) make_conditional(request.fields, base_->meta.fields);
  const auto& config = *origin_.config;
  request.connect_timeout = std::chrono::milliseconds(config.connect_ms);
  request.answer_timeout = std::chrono::milliseconds(config.answer_ms);
  if (!may_give_base(Trouble::unreachable))
    request.answer_timeout = std::max(request.answer_timeout, kPatienceWithoutCopy);
  request.stall_timeout = std::chrono::milliseconds(config.stall_ms);
  request.max_body_bytes = uint64_t{config.max_object_mib} << 20;
  request_ms_ = context_.unix_ms();
  context_.counters.add(FlowCount::fetches);
  alive_ = shared_from_this();
  transfer_ = origin_.upstream->start(std::move(request), *this);
  arm_patience();
}

bool SharedFetch::join(const VisitPtr& visit) {
  if (!open_) return false;
  if (mode_ != Mode::head && !serves(*visit)) return false;
  context_.counters.add(FlowCount::joined);
  if (mode_ == Mode::filling) {
    stream_to(visit);
  } else {
    waiting_.push_back(visit);
    if (out_of_patience_) out_of_patience();
  }
  return true;
}

// ---- what may be given instead ------------------------------------------------------------------

EntryPtr SharedFetch::known_good() const {
  if (base_ && base_->meta.status == 200) return base_;
  const auto good = context_.store.last_good(first_->key);
  return good.empty() ? nullptr : good.front();
}

bool SharedFetch::may_give_base(Trouble trouble) const {
  return base_ && may_give_stale(origin_, *first_, *base_, trouble, context_.now_s());
}

std::string SharedFetch::target_text() const {
  return origin_.config->name + " " + first_->key.target;
}

CacheStatus SharedFetch::status(std::string_view detail) const {
  CacheStatus status;
  status.forward = reason_;
  status.detail = detail;
  return status;
}

void SharedFetch::arm_patience() {
  if (origin_.by_rfc() || !may_give_base(Trouble::unreachable)) return;
  patience_.expires_after(std::chrono::milliseconds(origin_.config->answer_ms));
  patience_.async_wait([self = weak_from_this()](boost::system::error_code error) {
    if (error) return;
    if (const auto fetch = self.lock()) fetch->out_of_patience();
  });
}

void SharedFetch::out_of_patience() {
  out_of_patience_ = true;
  if (mode_ == Mode::head || mode_ == Mode::holding) give_base("slow");
}

void SharedFetch::give_base(std::string_view detail) {
  auto visits = std::move(waiting_);
  waiting_.clear();
  const auto entry = base_ ? base_ : known_good();
  for (const auto& visit : visits) {
    if (!visit->credentials.tell_again() || visit->refused) {  // the origin has not let it in
      answer_unavailable(context_, visit, detail);
      continue;
    }
    context_.counters.add(FlowCount::stale);
    owner_.serve(visit, entry, status(detail));
  }
}

// ---- the head -----------------------------------------------------------------------------------

void SharedFetch::on_interim(const ResponseHead& head) {
  if (first_->interim && std::find(waiting_.begin(), waiting_.end(), first_) != waiting_.end())
    first_->interim(head.status, head.fields);
}

void SharedFetch::on_head(ResponseHead head, BodyFraming framing) {
  const auto self = shared_from_this();
  response_ms_ = context_.unix_ms();
  if (base_ && first_->credentials.kind != CredentialKind::none)
    owner_.credentials_judged(*first_, head.status);
  if (head.status == 304 && base_) return not_modified(head);
  head_ = std::move(head);
  size_ = announced_size(head_.fields, framing);
  if (is_error_status(head_.status) && may_give_base(Trouble::error)) {
    trouble(Trouble::error, "error");
    return;
  }
  const auto known = origin_.by_rfc() ? nullptr : known_good();
  const bool believed_gone = base_ && says_gone(base_->meta.status);
  if (known && says_gone(head_.status) && !believed_gone && first_->credentials.tell_again()) {
    if (!gone_.denied(target_text(), response_ms_)) {
      context_.counters.add(FlowCount::gone_refused);
      context_.alarms.raise(AlarmKind::gone, target_text(), std::to_string(head_.status));
      base_ = known;
      mode_ = Mode::renewed;
      give_base("gone");
      return close();
    }
  } else if (head_.status == 200) {
    gone_.is_there(target_text());
  }
  vary_request_ = vary_request_fields(head_.fields, first_->request.fields);
  if (!storable(origin_, *first_, head_)) return begin_passing();
  begin_fill();
}

void SharedFetch::not_modified(const ResponseHead& head) {
  const int64_t now = response_ms_ / 1000;
  const StoredResponse stored = as_stored(*base_);
  const auto selected = select_for_304({&stored, 1}, head.fields, 0);
  mode_ = Mode::renewed;
  auto visits = std::move(waiting_);
  waiting_.clear();
  if (!selected) {  // it speaks of another copy than ours
    context_.store.remove(base_->key, [](StoreError) {});
    close();
    for (const auto& visit : visits) owner_.again(visit);
    return;
  }
  Meta meta = base_->meta;
  meta.fields = updated_fields(base_->meta.fields, head.fields, selected->update, now);
  meta.request_ms = request_ms_;
  meta.response_ms = meta.validated_ms = response_ms_;
  const bool keep = !origin_.by_rfc() || may_keep(meta.fields);
  context_.store.update(base_, meta, [](StoreError) {});
  EntryPtr renewed = base_;
  for (const auto& entry : context_.store.find(base_->key))
    if (entry->variant == base_->variant) renewed = entry;
  CacheStatus status = this->status();
  status.forward_status = 304;
  for (const auto& visit : visits) {
    if (origin_.by_rfc() && !vary_matches(as_stored(*renewed), visit->request.fields)) {
      owner_.ask_alone(visit);
      continue;
    }
    context_.counters.add(FlowCount::validated);
    owner_.serve(visit, renewed, status);
    status.collapsed = true;
  }
  if (!keep) context_.store.remove(base_->key, [](StoreError) {});
  gone_.is_there(target_text());
  close();
}

void SharedFetch::trouble(Trouble trouble, std::string_view detail) {
  const bool give = may_give_base(trouble);
  mode_ = Mode::done;
  drop_transfer();
  if (give) {
    give_base(detail);
  } else {
    const auto visits = std::exchange(waiting_, {});
    for (const auto& visit : visits) answer_unavailable(context_, visit, detail);
  }
  close();
}

bool SharedFetch::serves(const Visit& visit) const {
  return storable(origin_, visit, head_) &&
         vary_matches({head_.status, &head_.fields, &vary_request_, 0, 0}, visit.request.fields);
}

void SharedFetch::drop_transfer() {
  if (transfer_ != 0) origin_.upstream->cancel(std::exchange(transfer_, 0));
  patience_.cancel();
  alive_.reset();
}

// ---- the body -----------------------------------------------------------------------------------

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
  chosen->reply(std::move(answer));
}

void SharedFetch::begin_fill() {
  kept_ = fields_to_store(head_.fields, response_ms_ / 1000);
  fill_ = context_.store.begin_fill(size_);
  if (fill_->error() != StoreError::kNone) {
    context_.alarms.raise(AlarmKind::not_stored, target_text(), text_of(fill_->error()));
    fill_.reset();
    return begin_passing();
  }
  const bool judge_first = !origin_.by_rfc() && head_.status == 200 &&
                           first_->file->judge != JudgeKind::none && known_good() != nullptr;
  mode_ = judge_first ? Mode::holding : Mode::filling;
  if (judge_first) read_known();
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
  if (mode_ == Mode::passing) {
    pipe_->push(bytes);
    if (pipe_->full()) origin_.upstream->pause(transfer_);
    return;
  }
  if (mode_ != Mode::holding && mode_ != Mode::filling) return;
  if (sample_.size() < kMaxJudgedBytes)
    sample_.append(bytes.data(), std::min(bytes.size(), kMaxJudgedBytes - sample_.size()));
  if (!fill_->write(bytes)) {
    context_.alarms.raise(AlarmKind::not_stored, target_text(), text_of(fill_->error()));
    progress_->tell();
    return trouble(Trouble::error, "not-stored");
  }
  if (mode_ == Mode::holding && !judged_whole(first_->file->judge) &&
      sample_.size() >= kSampleBytes) {
    if (const auto verdict = judge_now(false); verdict != Plausible::ok)
      return judged_bad(name_of(verdict), text_of(verdict));
    mode_ = Mode::filling;
    stream_to_waiting();
  }
  progress_->tell();
}

// ---- the end ------------------------------------------------------------------------------------

void SharedFetch::on_end(const UpstreamOutcome& outcome) {
  const auto self = shared_from_this();
  transfer_ = 0;
  drop_transfer();
  switch (mode_) {
    case Mode::renewed:
    case Mode::settling:
    case Mode::done:
      mode_ = Mode::done;
      return;
    case Mode::head:
      if (origin_.by_rfc()) return trouble(trouble_of(outcome.end), name_of(outcome.end));
      return trouble(outcome.end == UpstreamEnd::queue_full ? Trouble::error : Trouble::unreachable,
                     name_of(outcome.end));
    case Mode::passing:
      mode_ = Mode::done;
      pipe_->end(outcome.end == UpstreamEnd::complete);
      return;
    case Mode::holding:
    case Mode::filling:
      break;
  }
  if (outcome.end == UpstreamEnd::complete) return settle();
  if (outcome.end != UpstreamEnd::cancelled)
    context_.alarms.raise(AlarmKind::truncated, target_text(), text_of(outcome.end));
  fill_->fail();
  progress_->tell();
  trouble(Trouble::error, name_of(outcome.end));
}

void SharedFetch::settle() {
  size_ = fill_->size();
  const Plausible verdict = judge_now(true);
  const bool refused = fill_->complete() && context_.store.is_refused(first_->key, fill_->hash());
  const auto known = known_good();
  if (verdict != Plausible::ok || refused) {
    if (mode_ == Mode::holding || (known && !waiting_.empty())) {
      progress_->settle();
      return refused ? judged_bad("rolled-back", "it was rolled back")
                     : judged_bad(name_of(verdict), text_of(verdict));
    }
    if (refused || known || !may_stand_alone(verdict)) {  // it was streamed: kept it will not be
      context_.counters.add(FlowCount::implausible);
      context_.alarms.raise(AlarmKind::implausible, target_text(), text_of(verdict));
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

void SharedFetch::close() {
  if (!std::exchange(open_, false)) return;
  owner_.fetch_closed(*this);
}

}  // namespace holdfast::provision
