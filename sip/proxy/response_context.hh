// SPDX-License-Identifier: Apache-2.0
// One request that is proxied statefully: its server transaction, its branches and their answers
// (RFC 3261 sections 16.6 to 16.10).
//
// Targets of a group are tried in parallel; the next group only when the one before could not be
// reached: silence, transport errors, 503. A branch that is given up for the next group stays an
// eye's width open: a late provisional answer is met with CANCEL, a late 2xx with ACK and BYE.
// Owned by the proxy by shared_ptr; filter callbacks and timers hold it weakly. SIP loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip/decision.hh"
#include "sip/proxy/client_transaction.hh"
#include "sip/proxy/outgoing.hh"
#include "sip/proxy/server_transaction.hh"
#include "sip/proxy/wire.hh"

namespace holdfast::sip {

// Which call a request belongs to, and who sent it; call_key 0: none that we know.
struct CallPlace {
  uint64_t call_key = 0;
  media::Side sender = media::Side::caller;
  bool in_dialog = false;
  bool emergency = false;
  std::string token;  // of a request in a dialog: that call's, for our Via
  // Calls of the same dialog whose passage through us a BYE leaves out (see route_in_dialog.cc).
  std::vector<OpenedToken> left_out;
};

class ResponseContext : public std::enable_shared_from_this<ResponseContext> {
 public:
  struct Start {
    uint64_t id;
    std::shared_ptr<const Message> request;
    Request view;
    Forward forward;
    CallPlace call;
    std::string to_tag;  // of answers that we make
    NextHop reply_to;
  };

  ResponseContext(Wire& wire, Start start);
  ~ResponseContext();
  ResponseContext(const ResponseContext&) = delete;
  ResponseContext& operator=(const ResponseContext&) = delete;

  // Starts the first group. An INVITE gets its 100 when it is on its way, or after 200 ms (RFC 3261
  // section 17.2.1): should we die before, the caller sends it again, to the next process.
  void begin();

  // The request again, its ACK, its CANCEL with that Reason.
  void retransmission() { server_.retransmission(); }
  bool ack() { return server_.ack(); }
  void cancel(std::string_view reason);
  // The centre is lost: what waits for it alone need not wait longer.
  void centre_lost();

  uint64_t id() const { return start_.id; }
  bool is_invite() const { return start_.view.method == Method::invite; }
  // 2xx has gone back: the ACK belongs to the callee.
  bool is_accepted() const { return server_.has_final() && !server_.is_closed(); }
  // Only absorbs what comes late.
  bool is_lingering() const;
  // Forgets all at once: to make room.
  void drop();

 private:
  // How a branch came to its result. Repeated: another stands for it.
  enum class Outcome : uint8_t { none, answered, silent, failed, unavailable, refused, repeated };
  struct Branch;

  // Groups and branches.
  void begin_group(uint8_t group);
  std::optional<uint8_t> next_group() const;
  bool leads_to_centre_only(uint8_t group) const;
  void launch(size_t target, const Branch* first = nullptr);
  void send(Branch& branch);
  void say_trying();
  void cancel_branch(Branch& branch);
  void give_up(Branch& branch, int status, Outcome outcome);
  void finish_branch(Branch& branch, int status, Outcome outcome, std::optional<Message> answer);
  void check_group();
  void on_group_silent();
  void on_stragglers();
  void on_sending_failed(Branch& branch, SendFailure failure);
  void on_timeout(Branch& branch);
  void told(const Branch& branch, Evidence evidence);

  // Answers.
  void on_response(Branch& branch, const Arrived& arrived);
  void on_late_response(Branch& branch, const Arrived& arrived);
  void relay(Branch& branch, const Arrived& arrived);
  bool may_try_again(const Branch& branch) const;
  void try_again(Branch& branch, Message answer);
  void relay_success(Branch& branch, const Arrived& arrived, Message out,
                     const MediaVerdict& verdict);
  void relayed(Branch& branch, const Arrived& arrived, Message out, const MediaVerdict& verdict);
  void end_dialog_of(Branch& branch, const Arrived& arrived);
  void learn(const Branch& branch, const Arrived& arrived);
  void answer_best();
  void answer_by_fallback();
  void answer(int status, const Message& message, CallEnd end, const std::string& detail);
  void dialog_over(CallEnd end);
  media::WipedString send_back(int status, const Message& message, bool& taken);

  // Media.
  bool passes_filter() const;
  MediaMessage media_message(const Branch& branch, const Message& message, int status,
                             std::string_view callee_tag) const;
  void ask_filter(const MediaMessage& message, std::function<void(const MediaVerdict&)> done);

  bool is_initial_invite() const { return is_invite() && !start_.call.in_dialog; }
  void slim();
  void maybe_done();

  Wire& wire_;
  Start start_;
  ServerTransaction server_;
  std::vector<std::unique_ptr<Branch>> branches_;
  LoopTimer stragglers_;  // for those that say nothing while another has answered
  LoopTimer wait_;        // for the group's first word
  LoopTimer bye_;         // until a BYE counts without its answer
  LoopTimer trying_;      // until an INVITE that is not on its way yet gets its 100
  bool has_said_trying_ = false;
  uint8_t group_ = 0;
  size_t in_filter_ = 0;  // messages
  bool launching_ = false;
  bool cancelled_ = false;  // by the caller
  std::string cancel_reason_;
  bool answered_ = false;  // a 2xx has come, and is on its way back
  bool finished_ = false;  // the final answer has gone back, or never will
  bool dialog_told_ = false;
  bool success_sent_ = false;
  bool is_slim_ = false;
  bool done_ = false;
};

// The phrase of an answer that we make ourselves.
std::string_view phrase_for(int status);

}  // namespace holdfast::sip
