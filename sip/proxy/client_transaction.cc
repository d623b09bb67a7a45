// SPDX-License-Identifier: Apache-2.0
// The states of a client transaction.
#include "sip/proxy/client_transaction.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {

ClientTransaction::ClientTransaction(Loop& loop, const TransactionTimers& timers, Kind kind,
                                     bool is_reliable, Owner owner)
    : timers_(timers),
      kind_(kind),
      is_reliable_(is_reliable),
      owner_(std::move(owner)),
      retransmit_(loop),
      timeout_(loop) {}

void ClientTransaction::start() {
  timeout_.start(timers_.give_up_ms(), [this] {  // B, F
    retransmit_.stop();
    state_ = State::ended;
    owner_.timed_out();
    owner_.ended();
  });
  if (!is_reliable_) retransmit_in(timers_.t1_ms);
  owner_.send_request();
}

// A: doubles. E: doubles up to T2, and is T2 once a provisional answer has come.
void ClientTransaction::retransmit_in(uint32_t ms) {
  retransmit_.start(ms, [this, ms] {
    const uint32_t longest = is_invite() ? timers_.give_up_ms() : timers_.t2_ms;
    retransmit_in(state_ == State::proceeding ? timers_.t2_ms : std::min(2 * ms, longest));
    owner_.send_request();
  });
}

bool ClientTransaction::response(int status) {
  switch (state_) {
    case State::calling:
    case State::proceeding:
      break;
    case State::completed:
      if (is_invite() && status >= 300) owner_.send_ack();
      return false;
    case State::accepted:
      return status >= 200 && status < 300;  // of every fork, and sent again
    case State::ended:
      return false;
  }
  if (status < 200) {
    state_ = State::proceeding;
    if (is_invite()) {
      // From here on only timer C limits it, which is the proxy's.
      retransmit_.stop();
      timeout_.stop();
    }
    return true;
  }
  retransmit_.stop();
  if (is_invite() && status < 300) {
    state_ = State::accepted;
    linger(timers_.give_up_ms());  // M, RFC 6026 section 7.2
    return true;
  }
  state_ = State::completed;
  if (is_invite()) owner_.send_ack();
  const uint32_t late = is_invite() ? timers_.give_up_ms() : timers_.t4_ms;  // D, K
  linger(is_reliable_ ? 0 : late);
  return true;
}

void ClientTransaction::linger(uint32_t ms) {
  timeout_.start(ms, [this] { end(); });
}

void ClientTransaction::abort() {
  if (state_ == State::ended) return;
  retransmit_.stop();
  state_ = State::ended;
  timeout_.start(0, [this] { owner_.ended(); });
}

void ClientTransaction::end() {
  state_ = State::ended;
  owner_.ended();
}

}  // namespace holdfast::sip
