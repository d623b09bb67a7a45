// SPDX-License-Identifier: Apache-2.0
// Names, texts and statuses of the gate's refusals.
#include "provision-proxy/http/gate_refusal.hh"

#include <cstddef>

namespace holdfast::provision {

std::string_view name_of(GateRefusal refusal) {
  switch (refusal) {
#define HOLDFAST_X(name, status, text) \
  case GateRefusal::name:              \
    return #name;
    HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "head_unknown_refusal";
}

std::string_view text_of(GateRefusal refusal) {
  switch (refusal) {
#define HOLDFAST_X(name, status, text) \
  case GateRefusal::name:              \
    return text;
    HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "unknown";
}

int status_of(GateRefusal refusal) {
  static constexpr int kStatuses[] = {
#define HOLDFAST_X(name, status, text) status,
      HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kStatuses[static_cast<size_t>(refusal)];
}

}  // namespace holdfast::provision
