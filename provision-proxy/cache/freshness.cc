// SPDX-License-Identifier: Apache-2.0
// Computes lifetimes and ages.
#include "provision-proxy/cache/freshness.hh"

#include <algorithm>
#include <optional>
#include <string_view>

#include "provision-proxy/cache/storing.hh"
#include "provision-proxy/http/date.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// A clock may be slewed by this much under a running transfer; more is a step, and then nobody
// knows how long a response has lain here.
constexpr int64_t kMaxClockBack_s = 5;

int64_t date_of(const StoredResponse& stored) {
  const auto date = stored.fields->find("Date");
  const auto parsed = date ? parse_http_date(*date, stored.response_time) : std::nullopt;
  return parsed.value_or(stored.response_time);
}

// Age is one number. A list within one line is what a sloppy hop made of it: the first member
// counts (5.1). Two lines, or lines that somebody joined with ", " (RFC 9110, 5.3), are two hops
// which contradict each other, and there is no telling how old the response is.
int64_t age_value(const Fields& fields) {
  const size_t lines = fields.count("Age");
  if (lines == 0) return 0;
  if (lines > 1) return kMaxDelta_s;
  const std::string_view value = *fields.find("Age");
  if (value.find(", ") != std::string_view::npos) return kMaxDelta_s;
  return parse_digits(value.substr(0, value.find(',')), kMaxDelta_s).value_or(kMaxDelta_s);
}

// None if it says nothing; a time in the past if it cannot be read (5.3), or says two things.
std::optional<int64_t> expiry(const Fields& fields, int64_t now) {
  std::optional<int64_t> expires;
  for (const Field field : fields) {
    if (!same_word(field.name, "Expires")) continue;
    const auto date = parse_http_date(field.value, now);
    if (!date || (expires && *expires != *date)) return INT64_MIN / 2;
    expires = date;
  }
  return expires;
}

int64_t clamp_delta(int64_t seconds) {
  return std::clamp<int64_t>(seconds, 0, kMaxDelta_s);
}

}  // namespace

Lifetime freshness_lifetime(const StoredResponse& stored, const ResponseDirectives& directives) {
  if (directives.s_maxage) return {*directives.s_maxage, LifetimeSource::s_maxage};
  if (directives.max_age) return {*directives.max_age, LifetimeSource::max_age};
  const int64_t date = date_of(stored);
  if (const auto expires = expiry(*stored.fields, stored.response_time))
    return {clamp_delta(*expires - date), LifetimeSource::expires};
  if (!directives.is_public && !is_heuristically_cacheable(stored.status)) return {};
  if (stored.fields->count("Last-Modified") != 1) return {};
  const auto modified =
      parse_http_date(*stored.fields->find("Last-Modified"), stored.response_time);
  if (!modified || *modified >= date) return {};
  return {std::min((date - *modified) / 10, kMaxHeuristic_s), LifetimeSource::heuristic};
}

StoredPolicy policy_of(const StoredResponse& stored) {
  StoredPolicy policy;
  policy.directives = response_directives(*stored.fields);
  policy.lifetime = freshness_lifetime(stored, policy.directives);
  const int64_t apparent_age = stored.response_time - date_of(stored);
  const int64_t delay = std::max<int64_t>(stored.response_time - stored.request_time, 0);
  policy.initial_age = clamp_delta(std::max(apparent_age, age_value(*stored.fields) + delay));
  policy.response_time = stored.response_time;
  return policy;
}

int64_t current_age(const StoredPolicy& policy, int64_t now) {
  const int64_t resident = now - policy.response_time;
  if (resident < -kMaxClockBack_s) return kMaxDelta_s;
  return clamp_delta(policy.initial_age + std::max<int64_t>(resident, 0));
}

}  // namespace holdfast::provision
