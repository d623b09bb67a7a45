// SPDX-License-Identifier: Apache-2.0
// What may be kept and given: RFC 9111 where an origin's contract says nothing else.
//
// Pure.
#pragma once

#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/http/response_head.hh"
#include "provision-proxy/proxy/visit.hh"
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {

// Statuses that `store = "always"` keeps: whole bodies, moved files, and files that are not there.
bool kept_always(int status);

// Whether the answer that has this head may be stored for this request.
bool storable(const OriginPort& origin, const Visit& visit, const ResponseHead& head);

// What an end without an answer means to the letter (RFC 9111 section 4.2.4): an origin that takes
// a request and then breaks off is there.
Trouble trouble_of(UpstreamEnd end);

// Whether what is stored may be given although the origin did not confirm it, for this trouble.
bool may_give_stale(const OriginPort& origin, const Visit& visit, const Entry& entry,
                    Trouble trouble, int64_t now_s);

// Files that a phone cannot boot without: the only good copy is never evicted.
bool keeps_last_good(const OriginPort& origin, const FileClass& file);

}  // namespace holdfast::provision
