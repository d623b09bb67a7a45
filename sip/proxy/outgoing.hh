// SPDX-License-Identifier: Apache-2.0
// The messages that the proxy sends: copies of requests, answers and requests of its own.
//
// Pure: from messages to messages (RFC 3261 sections 8.2.6, 9.1, 12.2, 16.6 and 17.1.1.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/decision.hh"
#include "sip/route_state.hh"
#include "sip/transport/message.hh"
#include "sip/transport/view.hh"

namespace holdfast::sip {

// "SIP/2.0/UDP 198.18.2.2:5060;branch=..;rport": RFC 3581 asks the next hop for the way back; by
// TLS RFC 5923 ("alias") has it use our connection for its own requests too. `token`: of the call
// (record_route_token.hh), as parameter of ours; empty: none.
std::string make_via(const Listener& listener, std::string_view branch,
                     std::string_view token = {});

// The copy of a request for one target, by the socket that it leaves by. What the target does not
// change stays as it came.
Message make_copy(const Message& request, const Request& view, const Forward& forward,
                  const Target& target, const Listener& listener, std::string_view token = {});

// An answer of ours. The tag goes into a To that has none.
Message make_reply(const Message& request, int status, std::string_view phrase,
                   std::string_view to_tag, std::string_view server_name);
// Why a link had no room, for a person and for a gateway (RFC 3261 section 20.43, RFC 6432).
void add_no_bandwidth(Message& reply);
// RFC 5630 section 6.
void add_sips_not_allowed(Message& reply);
// 200 to a REGISTER that we answered: its contacts with what is left to each.
void add_contacts(Message& reply, const std::vector<ContactField>& contacts);

// Of a request as we sent it. CANCEL tells why, if its own cause did.
Message make_cancel(const Message& sent, std::string_view reason);
Message make_ack(const Message& sent, const Message& response);

// As the caller would, in the dialog that a 2xx to an INVITE of ours has made and that nobody wants
// any more. None: the 2xx does not say where its sender is.
struct DialogRequest {
  Message message;  // without Via
  Uri next_hop;     // first Route, or the remote target
};
std::optional<DialogRequest> make_in_dialog(std::string_view method, const Message& sent,
                                            const Message& response, const ResponseView& view,
                                            const RouteConfig& config);

// A probe. `tag` and `call_id` are random.
Message make_options(const Uri& target, const Listener& listener, std::string_view branch,
                     std::string_view tag, std::string_view call_id, std::string_view user_agent);

// The hop that an answer takes, by the topmost Via of the request and where it came from
// (section 18.2.2, RFC 3581).
NextHop reply_hop(const ViaValue& via, const Origin& origin);
// The same from the Via alone, for an answer that passes through without a transaction. None: it
// leads nowhere.
std::optional<NextHop> reply_hop(const ViaValue& via);

// Rewritten Contacts in the centre's answer to a REGISTER become the phone's own again.
void restore_contact_fields(Message& response, const Request& request, const Target& target);

}  // namespace holdfast::sip
