// SPDX-License-Identifier: Apache-2.0
// Judging a dial plan and dialling by it.
#include "sip/dial_plan.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

using Kind = DialPlanErrorKind;

bool is_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  return text.size() <= kMaxNumberDigits &&
         text.find_first_not_of("0123456789*#") == std::string_view::npos;
}

class Judge {
 public:
  std::vector<DialPlanError> errors;

  void list_size(std::string_view key, size_t rows) {
    if (rows > kMaxDialPlanRows) add(Kind::too_many_rows, std::string(key), std::to_string(rows));
  }

  void rules(const std::string& list, const std::vector<PrefixRule>& rules) {
    list_size(list, rules.size());
    std::set<std::string> seen;
    for (size_t i = 0; i < std::min(rules.size(), kMaxDialPlanRows); ++i) {
      const PrefixRule& rule = rules[i];
      const std::string key = list + '[' + std::to_string(i) + "].";
      if (!is_number(rule.prefix)) add(Kind::not_a_number, key + "prefix", rule.prefix);
      if (!is_number(rule.prepend)) add(Kind::not_a_number, key + "prepend", rule.prepend);
      if (!seen.insert(rule.prefix).second) add(Kind::duplicate, key + "prefix", rule.prefix);
      if (rule.min_digits == 0 || rule.min_digits > rule.max_digits ||
          rule.max_digits > kMaxNumberDigits)
        add(Kind::digits_range, key + "min_digits", std::to_string(rule.min_digits));
      if (rule.strip > rule.min_digits)
        add(Kind::strip_too_long, key + "strip", std::to_string(rule.strip));
    }
  }

  void emergency(const std::vector<EmergencyNumber>& numbers, bool has_gateway) {
    list_size("emergency", numbers.size());
    if (has_gateway && numbers.empty()) add(Kind::no_emergency_number, "emergency", "");
    if (!has_gateway && !numbers.empty())
      add(Kind::no_gateway, "emergency", numbers.front().dialled);
    std::set<std::string> seen;
    for (size_t i = 0; i < std::min(numbers.size(), kMaxDialPlanRows); ++i) {
      const std::string key = "emergency[" + std::to_string(i) + "].";
      for (const auto& [name, number] :
           {std::pair("dialled", numbers[i].dialled), std::pair("sent", numbers[i].sent)})
        if (number.empty() || number == "+" || !is_number(number))
          add(Kind::not_a_number, key + name, number);
      if (!seen.insert(numbers[i].dialled).second)
        add(Kind::duplicate, key + "dialled", numbers[i].dialled);
    }
  }

  void add(Kind kind, std::string key, std::string value) {
    errors.push_back({kind, std::move(key), std::move(value)});
  }
};

// The longest prefix wins; the number as it is to be sent, none if no rule takes it.
std::optional<std::string> apply(const std::vector<PrefixRule>& rules, const std::string& number) {
  const PrefixRule* best = nullptr;
  for (const PrefixRule& rule : rules)
    if (number.starts_with(rule.prefix) && number.size() >= rule.min_digits &&
        number.size() <= rule.max_digits &&
        (best == nullptr || rule.prefix.size() > best->prefix.size()))
      best = &rule;
  if (best == nullptr) return std::nullopt;
  std::string sent = best->prepend + number.substr(best->strip);
  if (sent.empty() || sent == "+" || sent.size() > kMaxNumberDigits) return std::nullopt;
  return sent;
}

}  // namespace

Result<DialPlan, std::vector<DialPlanError>> DialPlan::make(DialPlanConfig config) {
  Judge judge;
  judge.emergency(config.emergency, config.has_gateway);
  judge.rules("outbound", config.outbound);
  judge.rules("inbound", config.inbound);
  if (!config.has_gateway && !config.outbound.empty())
    judge.add(Kind::no_gateway, "outbound[0].prefix", config.outbound.front().prefix);
  if (config.reject_code < 400 || config.reject_code > 699 || config.reject_code == 503)
    judge.add(Kind::reject_code_range, "reject_code", std::to_string(config.reject_code));
  if (!judge.errors.empty()) return std::move(judge.errors);
  return DialPlan(std::move(config));
}

std::optional<std::string> DialPlan::emergency(const Uri& uri) const {
  if (config_.emergency.empty()) return std::nullopt;
  if (uri.scheme == Scheme::other) {
    const std::string service = fold(uri.user);
    if (uri.other_scheme == "urn" &&
        (service == "service:sos" || service.starts_with("service:sos.")))
      return config_.emergency.front().sent;
    return std::nullopt;
  }
  const auto number = dialled_number(uri);
  if (!number) return std::nullopt;
  for (const EmergencyNumber& known : config_.emergency)
    if (known.dialled == *number) return known.sent;
  return std::nullopt;
}

Dialled DialPlan::outbound(const Uri& uri, const IsExtension& is_extension) const {
  if (const auto help = emergency(uri)) return {DialKind::emergency, *help, 0};
  const std::string user = user_key(uri);
  if (!user.empty() && is_extension(user)) return {DialKind::extension, user, 0};
  if (const auto number = dialled_number(uri)) {
    // "10-01" and tel:1001 are extension 1001 as well.
    if (is_extension(*number)) return {DialKind::extension, *number, 0};
    if (auto sent = apply(config_.outbound, *number))
      return {DialKind::gateway, std::move(*sent), 0};
  }
  return {DialKind::reject, {}, config_.reject_code};
}

Dialled DialPlan::inbound(const Uri& uri, const IsExtension& is_extension) const {
  if (const auto number = dialled_number(uri))
    if (auto extension = apply(config_.inbound, *number); extension && is_extension(*extension))
      return {DialKind::extension, std::move(*extension), 0};
  const std::string user = user_key(uri);
  if (!user.empty() && is_extension(user)) return {DialKind::extension, user, 0};
  return {DialKind::reject, {}, config_.reject_code};
}

std::string_view name_of(DialPlanErrorKind kind) {
  switch (kind) {
#define HOLDFAST_X(name, help)  \
  case DialPlanErrorKind::name: \
    return #name;
    HOLDFAST_DIAL_PLAN_ERRORS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view help_of(DialPlanErrorKind kind) {
  switch (kind) {
#define HOLDFAST_X(name, help)  \
  case DialPlanErrorKind::name: \
    return help;
    HOLDFAST_DIAL_PLAN_ERRORS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

}  // namespace holdfast::sip
