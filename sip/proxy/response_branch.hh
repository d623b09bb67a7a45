// SPDX-License-Identifier: Apache-2.0
// One branch of a response context; for sip/proxy/response_context*.cc only.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "media/wipe.hh"
#include "sip/proxy/response_context.hh"

namespace holdfast::sip {

struct ResponseContext::Branch {
  explicit Branch(Loop& loop) : overdue(loop), timer_c(loop), cancel_limit(loop) {}

  size_t target = 0;
  const Branch* first = nullptr;  // whose failure had us try its target once more
  NextHop hop;
  std::optional<Upstream> upstream;  // when the hop is a server of the centre
  const Gateway* gateway = nullptr;  // when it is one
  // It goes by a connection from before, which the gateway may have forgotten without our knowing.
  bool may_resend = false;
  Message sent = Message::request({}, {});
  media::WipedString bytes;
  std::string ack_bytes, cancel_bytes;
  std::unique_ptr<ClientTransaction> transaction;  // none until the filter has passed it
  std::unique_ptr<ClientTransaction> cancel;
  uint64_t sent_ms = 0;
  LoopTimer overdue;       // response_overdue
  LoopTimer timer_c;       // RFC 3261 section 16.8
  LoopTimer cancel_limit;  // section 9.1: 64 T1 after a CANCEL nothing more is waited for

  bool has_provisional = false;
  bool rang = false;  // more than 100 has come
  bool cancel_wanted = false;
  bool given_up = false;
  bool succeeded = false;
  Outcome outcome = Outcome::none;
  int status = 0;
  std::optional<Message> answer;
  std::string refusal;  // the filter's reason
  // What was made of 2xx and reliable provisional answers, which come again: the first key is in
  // the filter as long as its bytes are empty.
  std::vector<std::pair<std::string, media::WipedString>> relayed;
  std::set<std::string> ended_tags;  // of dialogs that we have sent BYE for
};

}  // namespace holdfast::sip
