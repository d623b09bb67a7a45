// SPDX-License-Identifier: Apache-2.0
// Messages as routing and transactions see them: from text to views, each field read and judged.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/result.hh"
#include "sip/message_view.hh"
#include "sip/transport/fields.hh"
#include "sip/transport/message.hh"

namespace holdfast::sip {

// What transactions and calls need of a response beside Response.
struct ResponseView {
  Response response;
  NameAddress from, to;
  std::string call_id;
  CSeqField cseq;
  std::vector<ViaValue> via;  // at least one
  std::vector<NameAddress> record_route;
  bool is_reliable = false;  // a provisional one with RSeq (RFC 3262)
};

// Every field that a decision looks at must be readable; others are not looked at.
Result<Request, MessageReject> view_request(const Message& message, const Origin& origin);
Result<ResponseView, MessageReject> view_response(const Message& message);

// Notes in the topmost Via where the request really came from (RFC 3261 section 18.2.1, RFC 3581).
void stamp_via(Message& message, const Origin& origin);

}  // namespace holdfast::sip
