// SPDX-License-Identifier: Apache-2.0
// Passes one request through.
#include "provision-proxy/proxy/passage.hh"

#include <charconv>

#include "provision-proxy/cache/validation.hh"

namespace holdfast::provision {
namespace {

std::optional<uint64_t> whole_number(std::optional<std::string_view> text) {
  uint64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

}  // namespace

Passage::Passage(const FlowContext& context, VisitPtr visit, ForwardReason reason, Heard heard,
                 Untaken untaken)
    : context_(context),
      visit_(std::move(visit)),
      reason_(reason),
      heard_(std::move(heard)),
      untaken_(std::move(untaken)) {}

void Passage::start() {
  const auto& config = *visit_->origin->config;
  UpstreamRequest request;
  request.method = visit_->request.method;
  request.target = visit_->request.target;
  request.fields = forwarded_request(visit_->request.fields);
  request.fields.remove("Host");
  request.fields.remove("Expect");
  request.fields.add("Via", "1.1 holdfast");
  if (visit_->request.body) {
    upload_ = std::make_unique<UploadSource>(visit_->request.body, [self = weak_from_this()] {
      if (const auto passage = self.lock())
        passage->visit_->origin->upstream->resume_upload(passage->transfer_);
    });
    request.source = upload_.get();
  }
  request.connect_timeout = std::chrono::milliseconds(config.connect_ms);
  // What can wait does not wait for the centre. Sent twice a PUT does no harm; a POST might.
  const bool can_wait = untaken_ && visit_->request.method == "PUT";
  request.answer_timeout = std::chrono::milliseconds(
      can_wait ? config.answer_ms : std::max(config.answer_ms, config.patience_ms));
  request.stall_timeout = std::chrono::milliseconds(config.stall_ms);
  alive_ = shared_from_this();
  transfer_ = visit_->origin->upstream->start(std::move(request), *this);
}

void Passage::drop() {
  if (transfer_ != 0) visit_->origin->upstream->cancel(std::exchange(transfer_, 0));
  alive_.reset();
}

void Passage::on_interim(const ResponseHead& head) {
  if (visit_->interim && head.status != 100) visit_->interim(head.status, head.fields);
}

void Passage::on_head(ResponseHead head, BodyFraming framing) {
  if (untaken_ && !visit_->is_head() && head.status >= 502 && head.status <= 504) {
    const auto self = shared_from_this();
    drop();
    return std::exchange(untaken_, nullptr)("error", Trouble::error);
  }
  if (heard_) heard_(head);
  CacheStatus status;
  status.forward = reason_;
  Answer answer;
  answer.status = head.status;
  answer.reason = head.reason;
  answer.fields = passing_fields(head.fields, status);
  const bool bodiless = visit_->is_head() || head.status == 204 || head.status == 304;
  if (visit_->is_head() || framing == BodyFraming::length)
    answer.length = whole_number(head.fields.find("Content-Length"));
  if (framing == BodyFraming::none && !bodiless) answer.length = 0;
  if (!bodiless) {
    const auto self = weak_from_this();
    pipe_ = std::make_shared<PassPipe>(
        [self] {
          if (const auto passage = self.lock())
            passage->visit_->origin->upstream->resume(passage->transfer_);
        },
        [self] {
          if (const auto passage = self.lock()) passage->drop();
        });
    answer.body = PassPipe::body(pipe_);
  }
  answered_ = true;
  context_.counters.add(FlowCount::passed);
  visit_->reply(std::move(answer));
}

void Passage::on_body(std::span<const char> bytes) {
  if (!pipe_) return;
  const auto self = shared_from_this();
  pipe_->push(bytes);
  if (pipe_->full()) visit_->origin->upstream->pause(transfer_);
}

void Passage::on_end(const UpstreamOutcome& outcome) {
  const auto self = shared_from_this();
  transfer_ = 0;
  alive_.reset();
  if (pipe_) pipe_->end(outcome.end == UpstreamEnd::complete);
  if (answered_) return;
  if (untaken_)
    return std::exchange(untaken_, nullptr)(name_of(outcome.end), trouble_of(outcome.end));
  answer_unavailable(context_, visit_, name_of(outcome.end), status_of(outcome.end));
}

}  // namespace holdfast::provision
