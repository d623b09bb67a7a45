// SPDX-License-Identifier: Apache-2.0
// A call through the B2BUA: a dialog with the caller, one with each device called, bodies passed
// unchanged.
//
// Every request inside a dialog becomes a request of our own in the other one, and its answers come
// back. ACK waits for the caller's ACK, so that offers in a 200 find their answer. A call stays in
// memory until its last transaction is over (is_over()); the server takes it away then.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "lab/b2bua/sofia.hh"

namespace holdfast::lab {

class Call;

// What Sofia hands back to us in callbacks.
struct Dialog {
  Call* call = nullptr;
  nta_leg_t* leg = nullptr;
  std::string contact;  // ours, in this dialog
  bool established = false;
  bool ended = false;
};

// A request that came in on one dialog and its copies on the other: several for a first INVITE.
struct Exchange {
  Call* call = nullptr;
  Dialog* from = nullptr;
  nta_incoming_t* in = nullptr;
  bool is_invite = false;
  bool answered = false;
  Branch* winner = nullptr;  // whose 2xx was passed on
  std::list<Branch> branches;
};

struct Branch {
  Exchange* exchange = nullptr;
  Dialog* to = nullptr;
  nta_outgoing_t* out = nullptr;
  int final_status = 0;
  uint32_t cseq = 0;
};

// Where to send one copy of a first INVITE.
struct Destination {
  nta_agent_t* agent = nullptr;  // of the address to send from
  std::string uri;
  std::string route;    // the value of a Route header, or empty
  std::string contact;  // ours, as this destination is to see it
};

class Call {
 public:
  // `refuses` may answer a request instead of us, and then says true.
  explicit Call(std::function<bool(nta_incoming_t*)> refuses) : refuses_(std::move(refuses)) {}
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The first INVITE; false if there was no memory for it, which has then been answered.
  bool start(nta_agent_t* agent, nta_incoming_t* in, const sip_t* sip, const std::string& contact,
             const std::vector<Destination>& destinations, unsigned max_forwards);

  bool is_over() const;

  // A request inside one of the dialogs.
  int on_request(Dialog& dialog, nta_incoming_t* in, const sip_t* sip);
  // ACK or CANCEL of an exchange; null: no ACK came, or the transaction is over.
  int on_ack_or_cancel(Exchange& exchange, const sip_t* sip);
  int on_answer(Branch& branch, const sip_t* sip);

 private:
  Dialog* other(const Dialog& dialog);
  Branch& send(Exchange& exchange, Dialog& to, sip_method_t method, const char* name,
               const sip_t* sip, const Destination* destination, unsigned max_forwards);
  void relay(Dialog& from, nta_incoming_t* in, const sip_t* sip);
  void pass_on(Exchange& exchange, Branch& branch, const sip_t* sip, int status);
  void finish(Exchange& exchange, int status);
  void acknowledge(Branch& branch, const sip_t* ack);
  void end(Dialog& dialog);
  void end_all();
  bool invite_pending() const;

  std::function<bool(nta_incoming_t*)> refuses_;
  Dialog caller_;
  std::list<Dialog> called_;
  Dialog* callee_ = nullptr;  // who answered
  std::list<Exchange> exchanges_;
};

}  // namespace holdfast::lab
