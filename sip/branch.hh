// SPDX-License-Identifier: Apache-2.0
// The branch of our Via (RFC 3261 sections 16.6 and 16.11) and what it tells of loops (RFC 5393).
//
// "z9hG4bKhf" + 16 hex digits of the copy + 16 hex digits of all that routing looks at. Both are
// functions of the request, so a CANCEL that comes after a restart of ours gets the branch of its
// INVITE; they are keyed, so that nobody can guess the branch of another's request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sip/digest.hh"
#include "sip/message_view.hh"
#include "sip/record_route_token.hh"

namespace holdfast::sip {

// The same for every copy of one request and for its CANCEL; another after any change by which the
// request would be routed otherwise. Empty only if libcrypto fails.
std::string loop_hash(const Request& request, Peer peer, const Key& key);

// For the copy to the target of that index.
std::string make_branch(const Request& request, size_t target, std::string_view hash,
                        const Key& key);

// For the same target once more, in place of the copy that had the branch `first`.
std::string make_second_branch(const Request& request, size_t target, std::string_view first,
                               const Key& key);

// Whether a branch is one of ours and carries that hash: the request has come back unchanged.
bool is_loop(std::string_view branch, std::string_view hash);

}  // namespace holdfast::sip
