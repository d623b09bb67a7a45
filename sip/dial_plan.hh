// SPDX-License-Identifier: Apache-2.0
// The first dial plan: emergency numbers, extensions, prefixes to the gateway, else a refusal.
//
// Made once from plain configuration, which is judged as a whole; then immutable, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/result.hh"
#include "sip/uri.hh"

namespace holdfast::sip {

// A number that reaches help, as dialled ("911", or "9911" behind an outside prefix) and as the
// gateway wants it.
struct EmergencyNumber {
  std::string dialled;
  std::string sent;
};

// Numbers that begin with `prefix` lose `strip` digits and get `prepend` in front.
struct PrefixRule {
  std::string prefix;  // may be empty: every number
  uint8_t strip = 0;
  std::string prepend;
  uint8_t min_digits = 1;  // of the number as dialled, a leading + counted
  uint8_t max_digits = 32;
};

struct DialPlanConfig {
  std::vector<EmergencyNumber> emergency;
  std::vector<PrefixRule> outbound;  // to the gateway
  std::vector<PrefixRule> inbound;   // from the gateway's numbers to extensions
  // For what nothing matches in survival. 480 and not 503: after a 503 a phone may take the
  // appliance itself for dead (RFC 3261 section 21.5.4).
  uint16_t reject_code = 480;
  bool has_gateway = false;
};

// Every reason to refuse a configuration: X(name, how to mend it).
#define HOLDFAST_DIAL_PLAN_ERRORS(X)                                                \
  X(too_many_rows, "have at most 256 rows")                                         \
  X(not_a_number, "write digits, * and #, with a + in front at most")               \
  X(no_emergency_number, "name the emergency numbers that the gateway takes")       \
  X(no_gateway, "configure a gateway, or leave out numbers that need one")          \
  X(duplicate, "write each number or prefix once")                                  \
  X(strip_too_long, "strip no more digits than the shortest number of the row has") \
  X(digits_range, "have min-digits from 1 to max-digits, and max-digits up to 32")  \
  X(reject_code_range, "choose a code from 400 to 699; 503 would make phones leave the box")

enum class DialPlanErrorKind : uint8_t {
#define HOLDFAST_X(name, help) name,
  HOLDFAST_DIAL_PLAN_ERRORS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(DialPlanErrorKind kind);
std::string_view help_of(DialPlanErrorKind kind);

struct DialPlanError {
  DialPlanErrorKind kind;
  std::string key;    // "outbound[2].strip"
  std::string value;  // as configured
};

enum class DialKind : uint8_t { emergency, extension, gateway, reject };

struct Dialled {
  DialKind kind = DialKind::reject;
  std::string number;        // for the gateway; of an extension its user, folded
  uint16_t reject_code = 0;  // for reject
};

class DialPlan {
 public:
  // Whether a user (folded) has a binding.
  using IsExtension = std::function<bool(const std::string&)>;

  static Result<DialPlan, std::vector<DialPlanError>> make(DialPlanConfig config);

  // What to send to the gateway if this is a call for help, urn:service:sos (RFC 5031) included.
  // To be asked first, in every state.
  std::optional<std::string> emergency(const Uri& uri) const;
  // What a phone dials. Emergency first, then bindings, then the longest prefix.
  Dialled outbound(const Uri& uri, const IsExtension& is_extension) const;
  // What comes in from the gateway: to a binding or not at all, never back to a gateway.
  Dialled inbound(const Uri& uri, const IsExtension& is_extension) const;

 private:
  explicit DialPlan(DialPlanConfig config) : config_(std::move(config)) {}

  DialPlanConfig config_;
};

}  // namespace holdfast::sip
