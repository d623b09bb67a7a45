// SPDX-License-Identifier: Apache-2.0
// Answers to a phone: conditions, ranges and HEAD settled against a response that is held or
// arriving; and those that we make ourselves.
//
// Asio thread.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "provision-proxy/proxy/bodies.hh"
#include "provision-proxy/proxy/cache_status.hh"
#include "provision-proxy/proxy/visit.hh"

namespace holdfast::provision {

// Answers from the store. `gone`: its body is not there any more, and nothing was answered.
void answer_from_store(const FlowContext& context, const VisitPtr& visit, const EntryPtr& entry,
                       const CacheStatus& status, std::function<void()> gone);

// What is known of a response whose body arrives.
struct Arriving {
  const ResponseHead& head;
  const Fields& fields;  // as they are stored
  const Fields& sent;    // as this request may see them: what is not stored is for one alone
  std::optional<uint64_t> size;  // of the whole body
  int64_t request_ms = 0, response_ms = 0;
};
// Answers with a body that is followed while it arrives. False: a range of a body of unknown size,
// which has to wait for its end.
bool answer_arriving(const FlowContext& context, const VisitPtr& visit, const Arriving& arriving,
                     const std::function<std::unique_ptr<Reader>()>& follow,
                     const std::shared_ptr<Progress>& progress, const CacheStatus& status);

// Ours: a short text as the body, `detail` in Cache-Status.
Answer own_answer(int status, std::string_view text, const CacheStatus& cache_status);
// Neither the store nor the origin has an answer: 504, or what status_of() says.
void answer_unavailable(const FlowContext& context, const VisitPtr& visit, std::string_view detail,
                        int status = 504);
// Of an end without an answer: 502 for nonsense (RFC 9110 section 15.6.3), 504 for an origin that
// does not answer in time or cannot be reached (section 15.6.5), 503 for what was not tried since
// too much waits, 400 for a request that could not be sent.
int status_of(UpstreamEnd end);

// Fields of an answer that goes through: those of one hop taken out, Cache-Status put in.
Fields passing_fields(const Fields& fields, const CacheStatus& status);

}  // namespace holdfast::provision
