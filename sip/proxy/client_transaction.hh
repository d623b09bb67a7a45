// SPDX-License-Identifier: Apache-2.0
// A client transaction: one request sent to one hop until its answers have come (RFC 3261
// section 17.1, RFC 6026).
//
// Knows statuses and time, not messages: its owner sends what it asks for. Time comes from the
// loop. The owner must not destroy it inside its callbacks.
#pragma once

#include <cstdint>
#include <functional>

#include "sip/loop_timer.hh"
#include "sip/proxy/transaction_timers.hh"

namespace holdfast::sip {

class ClientTransaction {
 public:
  struct Owner {
    std::function<void()> send_request;
    std::function<void()> send_ack;   // INVITE: of a final answer that is not 2xx
    std::function<void()> timed_out;  // no final answer; the transaction is over
    std::function<void()> ended;      // nothing more comes: it may be forgotten
  };
  enum class Kind : uint8_t { invite, other };

  // `is_reliable`: the transport retransmits by itself.
  ClientTransaction(Loop& loop, const TransactionTimers& timers, Kind kind, bool is_reliable,
                    Owner owner);

  void start();
  // Whether the answer is for the owner, and not one that is absorbed here.
  bool response(int status);
  // It cannot be sent, or its connection has ended: there will be no answer. Not told to the owner,
  // who knows.
  void abort();
  // Nobody waits any more: a request that nobody has answered need not be sent again.
  void stop_retransmitting() { retransmit_.stop(); }

  bool has_any_answer() const { return state_ != State::calling; }
  bool is_over() const { return state_ == State::ended; }
  // Only absorbs what comes late.
  bool is_lingering() const { return state_ == State::completed || state_ == State::accepted; }
  bool wants_final() const { return state_ == State::calling || state_ == State::proceeding; }

 private:
  enum class State : uint8_t { calling, proceeding, completed, accepted, ended };

  bool is_invite() const { return kind_ == Kind::invite; }
  void retransmit_in(uint32_t ms);
  void linger(uint32_t ms);
  void end();

  TransactionTimers timers_;
  Kind kind_;
  bool is_reliable_;
  Owner owner_;
  State state_ = State::calling;
  LoopTimer retransmit_;  // A, E
  LoopTimer timeout_;     // B, F; then D, K, M
};

}  // namespace holdfast::sip
