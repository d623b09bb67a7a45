// SPDX-License-Identifier: Apache-2.0
// Names and lists of the counters.
#include "sip/anchor/anchor_counts.hh"

namespace holdfast::sip {

std::string_view name_of(AnchorState state) {
  switch (state) {
#define HOLDFAST_X(name, text) \
  case AnchorState::name:      \
    return #name;
    HOLDFAST_ANCHOR_STATES(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view name_of(AnchorCounter counter) {
  switch (counter) {
#define HOLDFAST_X(name, text) \
  case AnchorCounter::name:    \
    return #name;
    HOLDFAST_ANCHOR_COUNTERS(HOLDFAST_X)
#undef HOLDFAST_X
    case AnchorCounter::count:
      break;
  }
  return {};
}

std::string AnchorCounts::name_of(const control::ClientError& error) {
  using Kind = control::ClientError::Kind;
  switch (error.kind) {
    case Kind::kUnreachable:
      return "dataplane_unreachable";
    case Kind::kTimeout:
      return "dataplane_timeout";
    case Kind::kBadAnswer:
      return "dataplane_bad_answer";
    case Kind::kRefused:
      break;
  }
  if (!error.code) return "dataplane_refused";
  return "dataplane_" + std::string(control::to_string(*error.code));
}

std::vector<control::NamedCount> AnchorCounts::all() const {
  std::vector<control::NamedCount> list;
  for (size_t i = 0; i < own_.size(); ++i)
    list.push_back({std::string(sip::name_of(static_cast<AnchorCounter>(i))), own_[i]});
  for (const auto& [name, count] : rejects_) list.push_back({std::string(name), count});
  for (const auto& [name, count] : dataplane_) list.push_back({name, count});
  return list;
}

}  // namespace holdfast::sip
