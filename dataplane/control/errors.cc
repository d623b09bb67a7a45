// SPDX-License-Identifier: Apache-2.0
// The names of refusals.
#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

constexpr std::string_view kNames[] = {
#define X(id, name, help) name,
    HOLDFAST_CONTROL_ERRORS(X)
#undef X
};
constexpr std::string_view kMeanings[] = {
#define X(id, name, help) help,
    HOLDFAST_CONTROL_ERRORS(X)
#undef X
};

}  // namespace

std::string_view meaning(ErrorCode code) {
  return kMeanings[static_cast<size_t>(code)];
}

std::string_view to_string(ErrorCode code) {
  return kNames[static_cast<size_t>(code)];
}

std::optional<ErrorCode> error_code_from(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

}  // namespace holdfast::control
