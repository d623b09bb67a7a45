// SPDX-License-Identifier: Apache-2.0
// Writes Cache-Status.
#include "provision-proxy/proxy/cache_status.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kReasons[] = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_FORWARD_REASONS(HOLDFAST_X)
#undef HOLDFAST_X
};

}  // namespace

std::string CacheStatus::text() const {
  std::string out = "Holdfast";
  if (hit) out += "; hit";
  if (forward) out.append("; fwd=").append(kReasons[static_cast<size_t>(*forward)]);
  if (forward_status) out += "; fwd-status=" + std::to_string(*forward_status);
  if (ttl_s) out += "; ttl=" + std::to_string(*ttl_s);
  if (stored) out += "; stored";
  if (collapsed) out += "; collapsed";
  if (!detail.empty()) out.append("; detail=").append(detail);
  return out;
}

}  // namespace holdfast::provision
