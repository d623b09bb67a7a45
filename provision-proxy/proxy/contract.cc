// SPDX-License-Identifier: Apache-2.0
// What may be kept and given.
#include "provision-proxy/proxy/contract.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/cache/storing.hh"

namespace holdfast::provision {

bool kept_always(int status) {
  constexpr std::array kKept = {200, 203, 301, 308, 404, 410};
  return std::find(kKept.begin(), kKept.end(), status) != kKept.end();
}

bool storable(const OriginPort& origin, const Visit& visit, const ResponseHead& head) {
  // By `phone` a HEAD of what is kept is asked as GET.
  const bool as_get = !origin.by_rfc() && visit.is_head();
  if (visit.request.method != "GET" && !as_get) return false;
  if (!origin.by_rfc() && origin.stores_always()) return kept_always(head.status);
  return may_store({"GET", visit.request.target, visit.request.fields}, head);
}

Trouble trouble_of(UpstreamEnd end) {
  switch (end) {
    case UpstreamEnd::closed:
    case UpstreamEnd::protocol:
    case UpstreamEnd::too_large:
    case UpstreamEnd::queue_full:
      return Trouble::error;
    default:
      return Trouble::unreachable;
  }
}

bool may_give_stale(const OriginPort& origin, const Visit& visit, const Entry& entry,
                    Trouble trouble, int64_t now_s) {
  if (!visit.credentials.tell_again() || visit.refused) return false;
  const auto directives = request_directives(visit.request.fields);
  const auto policy = policy_of(as_stored(entry));
  if (!origin.by_rfc()) {
    if (origin.serves_stale()) return true;
    if (!entry.must_validate && decide(directives, policy, now_s).use == Use::fresh) return true;
    // To a phone a centre that answers errors is no better than one that is away.
    trouble = Trouble::unreachable;
  }
  return may_serve_stale(directives, policy, trouble, now_s);
}

bool keeps_last_good(const OriginPort& origin, const FileClass& file) {
  if (origin.by_rfc()) return false;
  return file.kind == FileKind::config || file.kind == FileKind::certificate ||
         file.kind == FileKind::license || file.kind == FileKind::directory;
}

}  // namespace holdfast::provision
