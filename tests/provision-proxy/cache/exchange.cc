// SPDX-License-Identifier: Apache-2.0
// Runs one exchange through the policy.
#include "tests/provision-proxy/cache/exchange.hh"

#include "provision-proxy/cache/validation.hh"

namespace holdfast::provision {

Outcome outcome_of(const Exchange& exchange) {
  const Fields first = fields_of(exchange.first), second = fields_of(exchange.request);
  const RequestDirectives wishes = request_directives(second);
  const Outcome miss = wishes.only_if_cached ? Outcome::timeout : Outcome::fetched;
  const ResponseHead response = response_of(exchange.status, exchange.response);
  if (!may_store({exchange.method, "/file", first}, response)) return miss;

  const Fields kept = fields_to_store(response.fields, kNow);
  const Fields varied = vary_request_fields(response.fields, first);
  const StoredResponse stored{exchange.status, &kept, &varied, kNow, kNow};
  if (must_pass({"GET", "/file", second}) || !vary_matches(stored, second)) return miss;

  const Reuse reuse = decide(wishes, policy_of(stored), kNow + exchange.pause_s);
  switch (reuse.use) {
    case Use::fresh:
    case Use::allowed_stale:
      return Outcome::from_store;
    case Use::stale_while_revalidate:
      return Outcome::behind;
    case Use::gateway_timeout:
      return Outcome::timeout;
    case Use::must_validate:
      break;
  }
  Fields upstream = forwarded_request(second);
  make_conditional(upstream, kept);
  if (upstream.has("If-None-Match")) return Outcome::asked_etag;
  return upstream.has("If-Modified-Since") ? Outcome::asked_date : Outcome::fetched;
}

std::string_view text_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::from_store:
      return "from the store";
    case Outcome::behind:
      return "validated behind";
    case Outcome::asked_etag:
      return "asked with a tag";
    case Outcome::asked_date:
      return "asked with a date";
    case Outcome::fetched:
      return "fetched";
    case Outcome::timeout:
      return "504";
  }
  return "?";
}

}  // namespace holdfast::provision
