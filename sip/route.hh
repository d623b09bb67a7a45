// SPDX-License-Identifier: Apache-2.0
// The one routing decision: a pure function of the request and the moment's state.
//
// RFC 3261 sections 16.3 to 16.6, 16.10 and 16.12, RFC 3327 (Path), RFC 5393 (loops). Changes
// nothing and waits for nothing; carrying the decision out is the transport's work.
#pragma once

#include "sip/decision.hh"
#include "sip/message_view.hh"
#include "sip/route_state.hh"

namespace holdfast::sip {

Decision route(const Request& request, const RouteState& state);

// Undoes the rewriting of Contacts in the centre's answer to a REGISTER, before it is learned from
// and passed on to the phone.
void restore_contacts(const Request& request, const Target& target, Response& response);

}  // namespace holdfast::sip
