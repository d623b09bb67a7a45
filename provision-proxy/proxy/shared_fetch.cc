// SPDX-License-Identifier: Apache-2.0
// One request to the origin for all who want the same.
#include "provision-proxy/proxy/shared_fetch.hh"

#include <algorithm>
#include <charconv>

#include "provision-proxy/cache/freshness.hh"
#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/proxy/contract.hh"
#include "provision-proxy/proxy/gone_watch.hh"

namespace holdfast::provision {
namespace {

// Who follows a body hears of more of it no more often. A link of 50 Mbit/s brings a frame each
// 0.25 ms; to write each of them to a hundred phones would be nothing but system calls.
constexpr std::chrono::milliseconds kNewsPause{4};

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

SharedFetch::SharedFetch(const FlowContext& context, FetchOwner& owner, VisitPtr first,
                         EntryPtr base, ForwardReason reason)
    : context_(context),
      owner_(owner),
      origin_(*first->origin),
      first_(std::move(first)),
      base_(std::move(base)),
      reason_(reason),
      waiting_{first_},
      patience_(context.io),
      news_(context.io, kNewsPause, [progress = progress_] { progress->tell(); }) {
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
  request.answer_timeout = std::chrono::milliseconds(
      may_give_base(Trouble::unreachable) ? config.answer_ms
                                          : std::max(config.answer_ms, config.patience_ms));
  request.stall_timeout = std::chrono::milliseconds(config.stall_ms);
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
    if (!entry) {  // the origin has answered, with what may not be given
      answer_unavailable(context_, visit, detail, 502);
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
  if (!origin_.by_rfc() || first_->credentials.kind != CredentialKind::none)
    owner_.credentials_judged(*first_, head.status);
  if (head.status == 304 && base_) return not_modified(head);
  head_ = std::move(head);
  size_ = announced_size(head_.fields, framing);
  if (is_error_status(head_.status) && may_give_base(Trouble::error)) {
    trouble(Trouble::error, "error", 502);
    return;
  }
  const auto known = origin_.by_rfc() ? nullptr : known_good();
  const bool known_gone = base_ && says_gone(base_->meta.status);
  if (known && says_gone(head_.status) && !known_gone && first_->credentials.tell_again()) {
    if (!believed_gone()) {
      context_.counters.add(FlowCount::gone_refused);
      context_.alarms.raise(AlarmKind::gone, target_text(), std::to_string(head_.status));
      base_ = known;
      mode_ = Mode::renewed;
      give_base("gone");
      return close();
    }
  } else if (head_.status == 200) {
    context_.store.set_remark(first_->key, RemarkKind::kDenied, {});
  }
  vary_request_ = vary_request_fields(head_.fields, first_->request.fields);
  if (!storable(origin_, *first_, head_)) return begin_passing();
  begin_fill();
}

// Where there is no room for the count, never.
bool SharedFetch::believed_gone() {
  Remark seen = context_.store.remark(first_->key, RemarkKind::kDenied);
  const bool believed = denied_long_enough(seen, response_ms_);
  context_.store.set_remark(first_->key, RemarkKind::kDenied, seen);
  return believed;
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
  context_.store.set_remark(first_->key, RemarkKind::kDenied, {});
  close();
}

void SharedFetch::trouble(Trouble trouble, std::string_view detail, int status) {
  const bool give = may_give_base(trouble);
  mode_ = Mode::done;
  drop_transfer();
  if (give) {
    give_base(detail);
  } else {
    const auto visits = std::exchange(waiting_, {});
    for (const auto& visit : visits) answer_unavailable(context_, visit, detail, status);
  }
  close();
}

void SharedFetch::drop_transfer() {
  if (transfer_ != 0) origin_.upstream->cancel(std::exchange(transfer_, 0));
  patience_.cancel();
  alive_.reset();
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
      return trouble(origin_.by_rfc() || outcome.end == UpstreamEnd::queue_full
                         ? trouble_of(outcome.end)
                         : Trouble::unreachable,
                     name_of(outcome.end), status_of(outcome.end));
    case Mode::passing:
      mode_ = Mode::done;
      pipe_->end(outcome.end == UpstreamEnd::complete);
      return;
    case Mode::overflow:
      mode_ = Mode::done;
      progress_->end(outcome.end == UpstreamEnd::complete);
      return;
    case Mode::holding:
    case Mode::filling:
      break;
  }
  if (outcome.end == UpstreamEnd::complete) return fill_ ? settle() : settle_held();
  if (outcome.end != UpstreamEnd::cancelled)
    context_.alarms.raise(AlarmKind::truncated, target_text(), text_of(outcome.end));
  if (fill_) fill_->fail();
  progress_->tell();
  trouble(Trouble::error, name_of(outcome.end), status_of(outcome.end));
}

void SharedFetch::close() {
  if (!std::exchange(open_, false)) return;
  owner_.fetch_closed(*this);
}

}  // namespace holdfast::provision
