// SPDX-License-Identifier: Apache-2.0
// What routing decides about a request: forward it to targets, answer it, or drop it, each by name.
//
// Plain values: the transport carries them out. Names are counted by whoever does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "media/address.hh"
#include "sip/admission.hh"
#include "sip/binding_table.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

// Every answer of our own: X(name, code, reason phrase, why).
#define HOLDFAST_SIP_REPLIES(X)                                                                  \
  X(options_answered, 200, "OK", "OPTIONS to us")                                                \
  X(cancel_answered, 200, "OK", "CANCEL of a transaction of ours, whose branches are cancelled") \
  X(register_refreshed, 200, "OK", "REGISTER of a known binding while the centre is away")       \
  X(register_bad_request, 400, "Bad Request", "* with other contacts, or a contact not SIP")     \
  X(stranger_refused, 403, "Forbidden", "neither phone, centre nor gateway")                     \
  X(wrong_source_refused, 403, "Forbidden", "a known binding, but from elsewhere")               \
  X(register_from_inside, 403, "Forbidden", "REGISTER from the centre")                          \
  X(bad_route_token, 403, "Forbidden", "our Route without our token, from somebody unknown")     \
  X(caller_not_registered, 403, "Forbidden", "no way out for phones that are not registered")    \
  X(no_such_user, 404, "Not Found", "the centre or gateway asks for a user not behind us")       \
  X(bad_scheme, 416, "Unsupported URI Scheme", "neither sip, sips nor tel")                      \
  X(bad_extension, 420, "Bad Extension", "Proxy-Require names what we do not do")                \
  X(max_breadth_exceeded, 440, "Max-Breadth Exceeded", "no breadth left (RFC 5393)")             \
  X(centre_unreachable, 480, "Temporarily Unavailable", "only the centre could do this")         \
  X(dial_plan_rejected, 480, "Temporarily Unavailable", "no rule of the dial plan fits")         \
  X(no_bandwidth, 480, "Temporarily Unavailable", "a link on its way has no room for it")        \
  X(sips_not_allowed, 480, "Temporarily Unavailable", "sips: whose way is not TLS throughout")   \
  X(no_dialog, 481, "Call/Transaction Does Not Exist", "in a dialog, to us, without a Route")    \
  X(loop_detected, 482, "Loop Detected", "it has been here before, and unchanged")               \
  X(too_many_hops, 483, "Too Many Hops", "Max-Forwards is 0")                                    \
  X(register_old_cseq, 500, "Server Internal Error", "REGISTER out of order")                    \
  X(register_too_large, 500, "Server Internal Error", "REGISTER with texts longer than we keep") \
  X(next_hop_unresolved, 500, "Server Internal Error", "the next hop's name is not known")       \
  X(token_not_made, 500, "Server Internal Error", "libcrypto failed")                            \
  X(overloaded, 503, "Service Unavailable", "shedding load")                                     \
  X(draining, 503, "Service Unavailable", "taking no new calls")                                 \
  X(unknown_in_survival, 503, "Service Unavailable", "REGISTER of a binding that is not known")  \
  X(hand_back_wait, 503, "Service Unavailable", "its turn to register has not come")             \
  X(no_upstream_known, 503, "Service Unavailable", "the centre's addresses are not known")

enum class ReplyName : uint8_t {
#define HOLDFAST_X(name, code, phrase, why) name,
  HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(ReplyName name);
std::string_view text_of(ReplyName name);
std::string_view phrase_of(ReplyName name);
uint16_t code_of(ReplyName name);

// Every silent end: X(name, why). Only an ACK can have one here, since nothing may answer it.
#define HOLDFAST_SIP_DROPS(X)                                                         \
  X(ack_absorbed, "ACK of a final answer that we sent or passed on in a transaction") \
  X(ack_refused, "ACK that as another request would have been answered by us")

enum class DropName : uint8_t {
#define HOLDFAST_X(name, why) name,
  HOLDFAST_SIP_DROPS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(DropName name);
std::string_view text_of(DropName name);

// Every way on: X(name, which).
#define HOLDFAST_SIP_FORWARDS(X)                                           \
  X(to_centre, "to the centre")                                            \
  X(register_to_centre, "REGISTER to the centre")                          \
  X(to_phone, "from the centre or gateway to a phone")                     \
  X(to_gateway, "from the centre to the gateway")                          \
  X(emergency, "a call for help, to the gateway")                          \
  X(local_to_phone, "routed by us to a phone, without the centre")         \
  X(local_to_gateway, "routed by us to the gateway, without the centre")   \
  X(overflow_to_gateway, "to the gateway: the link to the centre is full") \
  X(in_dialog, "by its Route set")                                         \
  X(in_dialog_no_token, "by its Route set, which has lost our token")

enum class ForwardName : uint8_t {
#define HOLDFAST_X(name, which) name,
  HOLDFAST_SIP_FORWARDS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(ForwardName name);
std::string_view text_of(ForwardName name);

struct NextHop {
  SocketAddress address;
  Transport transport = Transport::udp;
  std::string interface;  // empty: the kernel's choice
  // What the peer's certificate is to be for, if it is us who connect; the centre's domain stands
  // for all names that the centre may have. Empty: it is not us.
  std::string tls_name;
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

// One copy of the request, as it is to leave.
struct Target {
  NextHop hop;
  Uri request_uri;
  std::vector<NameAddress> route;
  std::vector<Uri> record_route;       // to be put on top, in this order
  std::optional<Uri> path;             // REGISTER
  std::vector<ContactField> contacts;  // REGISTER with rewritten Contacts, one for one
  std::string branch;                  // of our Via
  // Targets of one group are tried at once. The next group is tried only if the one before could
  // not be reached (silence for answer_wait_ms, transport error, 503), never after any other
  // answer.
  uint8_t group = 0;
};

struct Forward {
  ForwardName name = ForwardName::to_centre;
  std::vector<Target> targets;  // at least one
  uint8_t max_forwards = 70;
  std::optional<uint8_t> max_breadth;  // for each copy
  // Silence of any kind before the next group is tried; 0: the transaction's own timers.
  uint32_t answer_wait_ms = 0;
  bool takes_hand_back = false;  // spends one of UpstreamHealth's
  bool stateless = false;        // RFC 3261 section 16.11: CANCEL and ACK that match nothing
  // For the book of links: a call for help, never refused there; known to us as a call between two
  // phones of ours, so that the link to the centre is asked for only if its answer shows that it is
  // none.
  bool exempt = false;
  bool stays_local = false;
  LinkId overflowed_from = kNoLink;
  // For a REGISTER whose targets all fail: apply it and answer register_refreshed.
  std::optional<RefreshPlan> fallback_refresh;
};

struct Reply {
  ReplyName name = ReplyName::options_answered;
  uint16_t code = 200;
  std::optional<uint32_t> retry_after_s;
  std::vector<std::string> unsupported;  // for 420
  std::optional<RefreshPlan> refresh;    // for register_refreshed: apply it, answer its contacts
  LinkId full_link = kNoLink;            // for no_bandwidth
};

struct Drop {
  DropName name = DropName::ack_refused;
  std::optional<ReplyName> instead_of;
};

using Decision = std::variant<Forward, Reply, Drop>;

// "to_centre", "reply_loop_detected", "drop_ack_absorbed": the counter's name.
std::string counter_of(const Decision& decision);

}  // namespace holdfast::sip
