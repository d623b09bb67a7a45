// SPDX-License-Identifier: Apache-2.0
// Moves a call's requests and answers from one dialog to the other.
#include "lab/b2bua/call.hh"

#include <algorithm>

namespace holdfast::lab {

namespace {

constexpr char kAllow[] = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

int on_leg_request(Dialog* dialog, nta_leg_t*, nta_incoming_t* in, const sip_t* sip) {
  return dialog->call->on_request(*dialog, in, sip);
}

int on_incoming(Exchange* exchange, nta_incoming_t*, const sip_t* sip) {
  return exchange->call->on_ack_or_cancel(*exchange, sip);
}

int on_outgoing(Branch* branch, nta_outgoing_t*, const sip_t* sip) {
  return branch->exchange->call->on_answer(*branch, sip);
}

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

std::string address_of(su_home_t* home, const url_t* url) {
  const char* text = url_as_string(home, url);
  return "<" + std::string(text == nullptr ? "sip:anonymous.invalid" : text) + ">";
}

// 6xx first, else the lowest class (RFC 3261 section 16.7 step 6), without looking further.
int better(int a, int b) {
  if (a == 0 || b == 0) return a + b;
  if (a >= 600 || b >= 600) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

Call::~Call() {
  for (Exchange& exchange : exchanges_) {
    for (Branch& branch : exchange.branches) nta_outgoing_destroy(branch.out);
    nta_incoming_destroy(exchange.in);
  }
  nta_leg_destroy(caller_.leg);
  for (Dialog& dialog : called_) nta_leg_destroy(dialog.leg);
}

bool Call::start(nta_agent_t* agent, nta_incoming_t* in, const sip_t* sip,
                 const std::string& contact, const std::vector<Destination>& destinations,
                 unsigned max_forwards) {
  caller_.call = this;
  caller_.contact = contact;
  caller_.leg = nta_leg_tcreate(agent, on_leg_request, &caller_, SIPTAG_CALL_ID(sip->sip_call_id),
                                SIPTAG_FROM(sip->sip_to), SIPTAG_TO(sip->sip_from),
                                NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());
  if (caller_.leg == nullptr) {
    nta_incoming_treply(in, SIP_500_INTERNAL_SERVER_ERROR, TAG_END());
    nta_incoming_destroy(in);
    return false;
  }
  nta_leg_tag(caller_.leg, nullptr);
  nta_leg_server_route(caller_.leg, sip->sip_record_route, sip->sip_contact);
  nta_incoming_tag(in, nta_leg_get_tag(caller_.leg));

  Exchange& exchange = exchanges_.emplace_back();
  exchange.call = this;
  exchange.from = &caller_;
  exchange.in = in;
  exchange.is_invite = true;
  nta_incoming_bind(in, on_incoming, &exchange);
  nta_incoming_treply(in, SIP_100_TRYING, TAG_END());
  for (const Destination& destination : destinations) {
    Dialog& dialog = called_.emplace_back();
    dialog.call = this;
    dialog.contact = destination.contact;
    // The two dialogs share the names of caller and callee, and nothing else.
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const std::string from = address_of(home, sip->sip_from->a_url);
    const std::string to = address_of(home, sip->sip_to->a_url);
    const sip_call_id_t* call_id = sip_call_id_create(home, "b2bua");
    dialog.leg =
        nta_leg_tcreate(destination.agent, on_leg_request, &dialog, SIPTAG_CALL_ID(call_id),
                        SIPTAG_FROM_STR(from.c_str()), SIPTAG_TO_STR(to.c_str()), TAG_END());
    if (dialog.leg != nullptr) {
      nta_leg_tag(dialog.leg, nullptr);
      send(exchange, dialog, SIP_METHOD_INVITE, sip, &destination, max_forwards);
    }
    su_home_deinit(home);
  }
  const bool sent = std::any_of(exchange.branches.begin(), exchange.branches.end(),
                                [](const Branch& branch) { return branch.final_status == 0; });
  if (!sent) finish(exchange, 500);
  return true;
}

bool Call::is_over() const {
  const auto pending = [](const Exchange& exchange) {
    return !exchange.answered ||
           std::any_of(exchange.branches.begin(), exchange.branches.end(),
                       [](const Branch& branch) { return branch.final_status == 0; });
  };
  return caller_.ended && std::none_of(exchanges_.begin(), exchanges_.end(), pending);
}

Dialog* Call::other(const Dialog& dialog) {
  return &dialog == &caller_ ? callee_ : &caller_;
}

bool Call::invite_pending() const {
  return std::any_of(exchanges_.begin(), exchanges_.end(), [](const Exchange& exchange) {
    return exchange.is_invite && !exchange.answered;
  });
}

Branch& Call::send(Exchange& exchange, Dialog& to, sip_method_t method, const char* name,
                   const sip_t* sip, const Destination* destination, unsigned max_forwards) {
  Branch& branch = exchange.branches.emplace_back();
  branch.exchange = &exchange;
  branch.to = &to;
  const char* uri = destination == nullptr ? nullptr : destination->uri.c_str();
  const char* route = destination == nullptr ? nullptr : or_null(destination->route);
  sip_max_forwards_t hops[1];
  sip_max_forwards_init(hops);
  hops->mf_count = max_forwards;
  branch.out =
      nta_outgoing_tcreate(to.leg, on_outgoing, &branch, nullptr, method, name, url_text(uri),
                           TAG_IF(route != nullptr, SIPTAG_ROUTE_STR(route)),
                           SIPTAG_MAX_FORWARDS(hops), SIPTAG_CONTACT_STR(to.contact.c_str()),
                           SIPTAG_ALLOW_STR(kAllow), SIPTAG_CONTENT_TYPE(sip->sip_content_type),
                           SIPTAG_CONTENT_DISPOSITION(sip->sip_content_disposition),
                           SIPTAG_PAYLOAD(sip->sip_payload), TAG_END());
  if (branch.out == nullptr) {
    branch.final_status = 500;
  } else {
    branch.cseq = nta_outgoing_cseq(branch.out);
  }
  return branch;
}

int Call::on_request(Dialog& dialog, nta_incoming_t* in, const sip_t* sip) {
  if (sip->sip_request->rq_method != sip_method_ack && refuses_(in)) return 0;
  Dialog* peer = other(dialog);
  switch (sip->sip_request->rq_method) {
    case sip_method_ack:
    case sip_method_cancel:
      nta_incoming_destroy(in);
      return 0;
    case sip_method_bye:
      nta_incoming_treply(in, SIP_200_OK, TAG_END());
      nta_incoming_destroy(in);
      dialog.ended = true;
      end_all();
      return 0;
    case sip_method_options:
      return 200;
    case sip_method_invite:
      if (invite_pending()) return 491;
      nta_leg_server_route(dialog.leg, nullptr, sip->sip_contact);
      break;
    case sip_method_update:
      nta_leg_server_route(dialog.leg, nullptr, sip->sip_contact);
      break;
    case sip_method_info:
      break;
    default:
      return 405;
  }
  if (peer == nullptr || !peer->established || peer->ended) return 481;
  relay(dialog, in, sip);
  return 0;
}

void Call::relay(Dialog& from, nta_incoming_t* in, const sip_t* sip) {
  const sip_request_t* request = sip->sip_request;
  Exchange& exchange = exchanges_.emplace_back();
  exchange.call = this;
  exchange.from = &from;
  exchange.in = in;
  exchange.is_invite = request->rq_method == sip_method_invite;
  nta_incoming_bind(in, on_incoming, &exchange);
  const Branch& branch =
      send(exchange, *other(from), request->rq_method, request->rq_method_name, sip, nullptr, 70);
  if (branch.final_status != 0) finish(exchange, branch.final_status);
}

int Call::on_ack_or_cancel(Exchange& exchange, const sip_t* sip) {
  if (sip != nullptr && sip->sip_request->rq_method == sip_method_cancel) {
    if (exchange.answered) return 0;
    exchange.answered = true;  // with 487, by Sofia
    for (Branch& branch : exchange.branches) {
      if (branch.final_status == 0) nta_outgoing_cancel(branch.out);
    }
    if (exchange.from == &caller_ && callee_ == nullptr) caller_.ended = true;
    return 0;
  }
  if (!exchange.is_invite || exchange.winner == nullptr) return 0;
  acknowledge(*exchange.winner, sip);
  exchange.winner = nullptr;
  if (sip == nullptr) end_all();  // the caller never acknowledged: RFC 3261 section 13.3.1.4
  return 0;
}

int Call::on_answer(Branch& branch, const sip_t* sip) {
  Exchange& exchange = *branch.exchange;
  // What Sofia makes by itself may come without a message, and is a failure: a timeout for
  // instance.
  const int status =
      sip != nullptr ? sip->sip_status->st_status : std::max(nta_outgoing_status(branch.out), 408);
  const bool refused = status >= 300 || sip == nullptr;
  if (status < 200) {
    if (status > 100 && !exchange.answered) pass_on(exchange, branch, sip, status);
    return 0;
  }
  const bool again = branch.final_status != 0;
  branch.final_status = status;
  if (again) return 0;
  if (!refused && exchange.is_invite) {
    nta_leg_rtag(branch.to->leg, sip->sip_to->a_tag);
    nta_leg_client_reroute(branch.to->leg, sip->sip_record_route, sip->sip_contact,
                           branch.to->established ? 0 : 1);
    branch.to->established = true;
    if (exchange.answered) {  // too late: another device has answered, or the caller has gone
      acknowledge(branch, nullptr);
      end(*branch.to);
      return 0;
    }
    exchange.winner = &branch;
    if (callee_ == nullptr) {
      callee_ = branch.to;
      caller_.established = true;
      for (Branch& loser : exchange.branches) {
        if (loser.final_status == 0) nta_outgoing_cancel(loser.out);
      }
    }
    pass_on(exchange, branch, sip, status);
    return 0;
  }
  if (exchange.answered) return 0;
  if (!refused) {
    pass_on(exchange, branch, sip, status);
    return 0;
  }
  int best = 0;
  for (const Branch& tried : exchange.branches) {
    if (tried.final_status == 0) return 0;
    best = better(best, tried.final_status);
  }
  finish(exchange, best);
  return 0;
}

void Call::pass_on(Exchange& exchange, Branch&, const sip_t* sip, int status) {
  if (status >= 200) exchange.answered = true;
  nta_incoming_treply(exchange.in, status, sip->sip_status->st_phrase,
                      SIPTAG_CONTACT_STR(exchange.from->contact.c_str()), SIPTAG_ALLOW_STR(kAllow),
                      SIPTAG_CONTENT_TYPE(sip->sip_content_type),
                      SIPTAG_CONTENT_DISPOSITION(sip->sip_content_disposition),
                      SIPTAG_PAYLOAD(sip->sip_payload), TAG_END());
}

void Call::finish(Exchange& exchange, int status) {
  exchange.answered = true;
  nta_incoming_treply(exchange.in, status, sip_status_phrase(status), TAG_END());
  if (callee_ == nullptr) caller_.ended = true;  // the first INVITE: nothing came of it
  // A dialog that the other side knows nothing of any more is over (RFC 5057).
  if (callee_ != nullptr && (status == 481 || status == 408)) end_all();
}

// RFC 3261 section 13.2.2.4. What an ACK carries (the answer to an offer in the 200) goes along.
void Call::acknowledge(Branch& branch, const sip_t* ack) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const sip_cseq_t* cseq = sip_cseq_create(home, branch.cseq, SIP_METHOD_ACK);
  nta_outgoing_t* out = nta_outgoing_tcreate(
      branch.to->leg, nullptr, nullptr, nullptr, SIP_METHOD_ACK, nullptr, SIPTAG_CSEQ(cseq),
      SIPTAG_CONTENT_TYPE(ack != nullptr ? ack->sip_content_type : nullptr),
      SIPTAG_PAYLOAD(ack != nullptr ? ack->sip_payload : nullptr), TAG_END());
  nta_outgoing_destroy(out);
  su_home_deinit(home);
}

void Call::end(Dialog& dialog) {
  if (dialog.ended) return;
  dialog.ended = true;
  if (!dialog.established || dialog.leg == nullptr) return;
  // Sofia keeps a transaction that nobody waits for until it is over.
  nta_outgoing_t* bye = nta_outgoing_tcreate(dialog.leg, nullptr, nullptr, nullptr, SIP_METHOD_BYE,
                                             nullptr, TAG_END());
  nta_outgoing_destroy(bye);
}

void Call::end_all() {
  for (Exchange& exchange : exchanges_) {
    if (!exchange.answered) {
      exchange.answered = true;
      nta_incoming_treply(exchange.in, SIP_487_REQUEST_CANCELLED, TAG_END());
      for (Branch& branch : exchange.branches) {
        if (branch.final_status == 0) nta_outgoing_cancel(branch.out);
      }
    } else if (exchange.winner != nullptr) {
      acknowledge(*exchange.winner, nullptr);  // BYE came before ACK
      exchange.winner = nullptr;
    }
  }
  end(caller_);
  for (Dialog& dialog : called_) end(dialog);
}

}  // namespace holdfast::lab
