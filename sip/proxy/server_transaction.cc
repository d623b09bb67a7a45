// SPDX-License-Identifier: Apache-2.0
// The states of a server transaction.
#include "sip/proxy/server_transaction.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {

ServerTransaction::ServerTransaction(Loop& loop, const TransactionTimers& timers, Kind kind,
                                     bool is_reliable, Owner owner)
    : timers_(timers),
      kind_(kind),
      is_reliable_(is_reliable),
      owner_(std::move(owner)),
      retransmit_(loop),
      end_(loop) {}

bool ServerTransaction::respond(int status, media::WipedString bytes) {
  const bool is_success = status >= 200 && status < 300;
  if (state_ == State::accepted && is_success) {
    owner_.send(bytes);  // of another fork, or sent again: section 16.7 step 5
    return true;
  }
  if (state_ != State::proceeding) return false;
  last_ = std::move(bytes);
  if (status < 200) {
    owner_.send(last_);
    return true;
  }
  if (kind_ == Kind::other) {
    state_ = State::completed;
    linger(is_reliable_ ? 0 : timers_.give_up_ms());  // J
  } else if (is_success) {
    state_ = State::accepted;
    linger(timers_.give_up_ms());  // L, RFC 6026 section 7.1
  } else {
    state_ = State::completed;
    linger(timers_.give_up_ms());  // H
    if (!is_reliable_) retransmit_in(timers_.t1_ms);
  }
  const media::WipedString copy = state_ == State::accepted ? std::exchange(last_, {}) : last_;
  owner_.send(copy);
  return true;
}

void ServerTransaction::retransmit_in(uint32_t ms) {
  retransmit_.start(ms, [this, ms] {
    retransmit_in(std::min(2 * ms, timers_.t2_ms));
    owner_.send(last_);
  });
}

void ServerTransaction::retransmission() {
  // In `accepted` the callee sends its 2xx again by itself; in `confirmed` all is said.
  if ((state_ == State::proceeding || state_ == State::completed) && !last_.empty())
    owner_.send(last_);
}

bool ServerTransaction::ack() {
  if (state_ == State::completed && kind_ == Kind::invite) {
    state_ = State::confirmed;
    retransmit_.stop();
    linger(is_reliable_ ? 0 : timers_.t4_ms);  // I
    return true;
  }
  return state_ != State::accepted;
}

void ServerTransaction::abandon() {
  if (state_ != State::proceeding) return;
  state_ = State::completed;
  linger(is_reliable_ ? 0 : timers_.give_up_ms());
}

void ServerTransaction::linger(uint32_t ms) {
  end_.start(ms, [this] {
    retransmit_.stop();
    state_ = State::ended;
    owner_.ended();
  });
}

}  // namespace holdfast::sip
