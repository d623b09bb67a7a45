// SPDX-License-Identifier: Apache-2.0
// Makes answers.
#include "provision-proxy/proxy/answers.hh"

#include <charconv>

#include "provision-proxy/cache/freshness.hh"
#include "provision-proxy/cache/hop_by_hop.hh"
#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/range.hh"

namespace holdfast::provision {
namespace {

std::string_view text_of_status(int status) {
  switch (status) {
    case 400:
      return "The request could not be sent to the centre.";
    case 502:
      return "The centre's answer is none, and nothing that may be given is kept.";
    case 503:
      return "Too much waits for the centre, and nothing that may be given is kept.";
    default:
      return "The centre does not answer, and nothing that may be given is kept.";
  }
}

constexpr int64_t kStrongAfter_s = 1;  // RFC 9110 section 8.8.2.2

// The shape of an answer before its body: whole, a part, or none.
struct Shape {
  int status = 200;
  Slice slice;
  std::optional<uint64_t> length;
  bool has_body = true;
  bool wait = false;  // the size must be known first
};

bool last_modified_is_strong(const Fields& fields, int64_t now) {
  const auto modified = fields.find("Last-Modified");
  const auto date = fields.find("Date");
  if (!modified || !date) return false;
  const auto modified_s = parse_http_date(*modified, now);
  const auto date_s = parse_http_date(*date, now);
  return modified_s && date_s && *date_s - *modified_s >= kStrongAfter_s;
}

// What we say of the answer itself stays in it.
Fields fields_of_304(const Fields& fields) {
  Fields left = not_modified_fields(fields);
  for (const char* name : {"Age", "Cache-Status"})
    if (fields.find(name)) left.add(name, fields.combined(name));
  return left;
}

// Takes Content-Length out of `fields`: the server writes it. Changes them to those of a 304 or a
// part where the answer is one.
Shape shape_of(const Visit& visit, const StoredResponse& stored, std::optional<uint64_t> size,
               uint64_t have, int64_t now, Fields& fields) {
  Shape shape;
  shape.status = stored.status;
  shape.length = size;
  fields.remove("Content-Length");
  if (stored.status != 200) return shape;
  if (client_condition(visit.cache_request(), stored, now) == Condition::not_modified) {
    fields = fields_of_304(fields);
    return {304, {}, std::nullopt, false, false};
  }
  const auto range = visit.request.fields.find("Range");
  if (!range || visit.request.method != "GET" || visit.request.fields.count("Range") > 1)
    return shape;
  const auto ranges = parse_range(*range);
  if (!ranges) return shape;
  if (const auto condition = visit.request.fields.find("If-Range");
      condition &&
      !if_range_holds(*condition, stored.fields->find("ETag"), stored.fields->find("Last-Modified"),
                      last_modified_is_strong(*stored.fields, now)))
    return shape;
  const auto resolved = resolve_range(*ranges, size, have);
  switch (resolved.outcome) {
    case RangeOutcome::whole:
      return shape;
    case RangeOutcome::wait:
      shape.wait = true;
      return shape;
    case RangeOutcome::unsatisfiable:
      fields.set("Content-Range", content_range_unsatisfied(size.value_or(0)));
      return {416, {}, 0, false, false};
    case RangeOutcome::partial:
      fields.set("Content-Range", content_range(resolved.first, resolved.last, size));
      shape.status = 206;
      shape.slice = {resolved.first, resolved.last + 1};
      shape.length = resolved.last + 1 - resolved.first;
      return shape;
  }
  return shape;
}

Answer answer_of(const Visit& visit, const Shape& shape, const std::string& reason, Fields fields) {
  Answer answer;
  answer.status = shape.status;
  if (shape.status < 300 && shape.status != 206) answer.reason = reason;
  answer.fields = std::move(fields);
  answer.length = shape.length;
  if (visit.is_head() && shape.status == 206) answer.status = 200;
  return answer;
}

}  // namespace

void answer_from_store(const FlowContext& context, const VisitPtr& visit, const EntryPtr& entry,
                       const CacheStatus& status, std::function<void()> gone) {
  const int64_t now = context.now_s();
  const auto stored = as_stored(*entry);
  Fields fields = answer_fields(entry->meta.fields, current_age(policy_of(stored), now));
  fields.add("Cache-Status", status.text());
  const Shape shape = shape_of(*visit, stored, entry->body.size, entry->body.size, now, fields);
  Answer answer = answer_of(*visit, shape, entry->meta.reason, std::move(fields));
  if (!shape.has_body || visit->is_head() || entry->body.size == 0)
    return visit->reply(std::move(answer));
  if (shape.status != 206) {
    if (auto bytes = context.store.small(entry)) {
      answer.bytes = std::move(bytes);
      return visit->reply(std::move(answer));
    }
  }
  auto held = std::make_shared<Answer>(std::move(answer));
  context.store.read(entry, [visit, held, slice = shape.slice, gone = std::move(gone)](
                                StoreError error, std::unique_ptr<Reader> reader) {
    if (error != StoreError::kNone) return gone();
    held->body = stored_body(std::move(reader), slice);
    visit->reply(std::move(*held));
  });
}

bool answer_arriving(const FlowContext& context, const VisitPtr& visit, const Arriving& arriving,
                     const std::function<std::unique_ptr<Reader>()>& follow,
                     const std::shared_ptr<Progress>& progress, const CacheStatus& status) {
  const int64_t now = context.now_s();
  const StoredResponse stored{arriving.head.status, &arriving.fields, nullptr,
                              arriving.request_ms / 1000, arriving.response_ms / 1000};
  Fields fields = arriving.sent;
  fields.add("Cache-Status", status.text());
  const Shape shape = shape_of(*visit, stored, arriving.size, 0, now, fields);
  if (shape.wait) return false;
  Answer answer = answer_of(*visit, shape, arriving.head.reason, std::move(fields));
  if (shape.has_body && !visit->is_head())
    answer.body = following_body(follow(), progress, shape.slice);
  visit->reply(std::move(answer));
  return true;
}

Answer own_answer(int status, std::string_view text, const CacheStatus& cache_status) {
  Answer answer;
  answer.status = status;
  answer.fields.add("Content-Type", "text/plain");
  answer.fields.add("Cache-Control", "no-store");
  answer.fields.add("Cache-Status", cache_status.text());
  answer.bytes = std::make_shared<const std::string>(std::string(text) + "\n");
  answer.length = answer.bytes->size();
  return answer;
}

void answer_unavailable(const FlowContext& context, const VisitPtr& visit, std::string_view detail,
                        int status) {
  context.counters.add(FlowCount::unavailable);
  CacheStatus cache_status;
  cache_status.forward = ForwardReason::miss;
  cache_status.detail = detail;
  Answer answer = own_answer(status, text_of_status(status), cache_status);
  if (visit->is_head()) answer.bytes.reset();
  visit->reply(std::move(answer));
}

int status_of(UpstreamEnd end) {
  switch (end) {
    case UpstreamEnd::closed:
    case UpstreamEnd::truncated:
    case UpstreamEnd::too_large:
    case UpstreamEnd::tls:
    case UpstreamEnd::protocol:
      return 502;
    case UpstreamEnd::queue_full:
    case UpstreamEnd::cancelled:
      return 503;
    case UpstreamEnd::bad_request:
    case UpstreamEnd::source_failed:
      return 400;
    default:
      return 504;
  }
}

Fields passing_fields(const Fields& fields, const CacheStatus& status) {
  Fields passed = fields;
  remove_hop_by_hop(passed);
  passed.remove("Content-Length");
  passed.add("Cache-Status", status.text());
  return passed;
}

}  // namespace holdfast::provision
