// SPDX-License-Identifier: Apache-2.0
// A server transaction: one request that came in, until its answer has arrived (RFC 3261
// section 17.2, RFC 6026).
//
// Keeps the last answer as bytes and sends it again when it must. Time comes from the loop. The
// owner must not destroy it inside its callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "media/wipe.hh"
#include "sip/loop_timer.hh"
#include "sip/proxy/transaction_timers.hh"

namespace holdfast::sip {

class ServerTransaction {
 public:
  struct Owner {
    std::function<void(const std::string& bytes)> send;
    std::function<void()> ended;  // it may be forgotten
  };
  enum class Kind : uint8_t { invite, other };

  ServerTransaction(Loop& loop, const TransactionTimers& timers, Kind kind, bool is_reliable,
                    Owner owner);

  // Sends the answer, unless a final one that closes the transaction has been sent: false then.
  bool respond(int status, media::WipedString bytes);
  // The same request again: answered with what was last said, or absorbed.
  void retransmission();
  // An ACK of ours. Whether it ends here, and is not one of a 2xx that goes on.
  bool ack();
  // Without an answer, ever: RFC 4320 section 4.1 wants silence rather than 408.
  void abandon();

  bool has_final() const { return state_ != State::proceeding; }
  bool is_over() const { return state_ == State::ended; }
  // A final answer that is not 2xx has been sent: the request is closed.
  bool is_closed() const { return has_final() && state_ != State::accepted; }

 private:
  enum class State : uint8_t { proceeding, completed, confirmed, accepted, ended };

  void retransmit_in(uint32_t ms);
  void linger(uint32_t ms);

  TransactionTimers timers_;
  Kind kind_;
  bool is_reliable_;
  Owner owner_;
  State state_ = State::proceeding;
  media::WipedString last_;
  LoopTimer retransmit_;  // G
  LoopTimer end_;         // H, I, J, L
};

}  // namespace holdfast::sip
