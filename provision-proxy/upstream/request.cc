// SPDX-License-Identifier: Apache-2.0
// Names of the ends and framings.
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {

std::string_view name_of(UpstreamEnd end) {
  static constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, text) #name,
      HOLDFAST_UPSTREAM_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kNames[static_cast<size_t>(end)];
}

std::string_view text_of(UpstreamEnd end) {
  static constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, text) text,
      HOLDFAST_UPSTREAM_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(end)];
}

std::string_view name_of(BodyFraming framing) {
  static constexpr std::string_view kNames[] = {"none", "length", "chunked", "close"};
  return kNames[static_cast<size_t>(framing)];
}

}  // namespace holdfast::provision
