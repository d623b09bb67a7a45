// SPDX-License-Identifier: Apache-2.0
// How each message that leaves is made.
#include "sip/proxy/outgoing.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

constexpr std::string_view kMaxForwards = "70";

std::string host_port(const SocketAddress& address) {
  return address.to_string();
}

// From, To, Call-ID and Route of a request, for another one beside it.
void copy_dialog(Message& to, const Message& from, std::string_view method) {
  to.set(Header::max_forwards, kMaxForwards);
  to.copy_from(from, Header::route);
  to.copy_from(from, Header::from);
  to.copy_from(from, Header::to);
  to.copy_from(from, Header::call_id);
  const auto cseq = parse_cseq(from.value(Header::cseq));
  to.set(Header::cseq, std::to_string(cseq ? cseq->number : 1) + ' ' + std::string(method));
}

}  // namespace

std::string make_via(const Listener& listener, std::string_view branch, std::string_view token) {
  std::string via = "SIP/2.0/";
  via += listener.transport == Transport::udp   ? "UDP"
         : listener.transport == Transport::tcp ? "TCP"
                                                : "TLS";
  via += ' ' + host_port(listener.address) + ";branch=";
  via.append(branch).append(";rport");
  // RFC 5923: requests for us may come back by the connection that we have opened.
  if (listener.transport == Transport::tls) via += ";alias";
  if (!token.empty()) via.append(";").append(kTokenParameter).append("=").append(token);
  return via;
}

Message make_copy(const Message& request, const Request& view, const Forward& forward,
                  const Target& target, const Listener& listener, std::string_view token) {
  Message copy = request;
  if (!(target.request_uri == view.uri)) copy.set_request_uri(target.request_uri.to_string());
  copy.set(Header::max_forwards, std::to_string(forward.max_forwards));
  if (forward.max_breadth) copy.set(Header::max_breadth, std::to_string(*forward.max_breadth));
  const bool same_route =
      std::equal(target.route.begin(), target.route.end(), view.route.begin(), view.route.end(),
                 [](const NameAddress& a, const NameAddress& b) { return a.uri == b.uri; });
  if (!same_route) {
    std::vector<std::string> entries;
    for (const NameAddress& hop : target.route) entries.push_back(bracketed(hop.uri));
    copy.set_entries(Header::route, entries);
  }
  for (auto uri = target.record_route.rbegin(); uri != target.record_route.rend(); ++uri)
    copy.push_front(Header::record_route, bracketed(*uri));
  if (target.path) copy.push_front(Header::path, bracketed(*target.path));
  size_t contact = 0;
  for (size_t i = 0; contact < target.contacts.size(); ++i) {
    const auto entries = copy.entries(Header::contact);
    if (i >= entries.size()) break;
    if (entries[i] == "*") continue;
    copy.replace_entry(Header::contact, i, with_uri(entries[i], target.contacts[contact++].uri));
  }
  copy.push_front(Header::via, make_via(listener, target.branch, token));
  return copy;
}

Message make_reply(const Message& request, int status, std::string_view phrase,
                   std::string_view to_tag, std::string_view server_name) {
  Message reply = Message::response(status, phrase);
  for (const Header header : {Header::via, Header::from, Header::to, Header::call_id, Header::cseq})
    reply.copy_from(request, header);
  if (status == 100) {
    reply.copy_from(request, Header::timestamp);
    return reply;  // section 8.2.6.2: hop by hop, no tag of ours
  }
  const auto to = parse_name_address(reply.value(Header::to));
  if (to && to->tag.empty())
    reply.set(Header::to, std::string(reply.value(Header::to)) + ";tag=" + std::string(to_tag));
  if (!server_name.empty()) reply.set(Header::server, server_name);
  return reply;
}

void add_no_bandwidth(Message& reply) {
  reply.push_back(Header::warning, "370 holdfast \"Insufficient bandwidth\"");
  reply.push_back(Header::reason, "Q.850;cause=34;text=\"No circuit/channel available\"");
}

void add_sips_not_allowed(Message& reply) {
  reply.push_back(Header::warning, "380 holdfast \"SIPS Not Allowed\"");
}

void add_contacts(Message& reply, const std::vector<ContactField>& contacts) {
  for (const ContactField& contact : contacts) {
    std::string value = bracketed(contact.uri);
    if (contact.expires_s) value += ";expires=" + std::to_string(*contact.expires_s);
    if (contact.q_milli < 1000) {
      std::string digits = std::to_string(1000 + contact.q_milli);
      value += ";q=0." + digits.substr(1);
    }
    if (!contact.instance.empty()) value += ";+sip.instance=\"" + contact.instance + '"';
    if (contact.reg_id != 0) value += ";reg-id=" + std::to_string(contact.reg_id);
    reply.push_back(Header::contact, value);
  }
}

Message make_cancel(const Message& sent, std::string_view reason) {
  Message cancel = Message::request("CANCEL", sent.request_uri());
  const auto vias = sent.entries(Header::via);
  if (!vias.empty()) cancel.push_back(Header::via, vias.front());
  copy_dialog(cancel, sent, "CANCEL");
  if (!reason.empty()) cancel.set(Header::reason, reason);
  return cancel;
}

Message make_ack(const Message& sent, const Message& response) {
  Message ack = Message::request("ACK", sent.request_uri());
  const auto vias = sent.entries(Header::via);
  if (!vias.empty()) ack.push_back(Header::via, vias.front());
  copy_dialog(ack, sent, "ACK");
  ack.set(Header::to, response.value(Header::to));
  return ack;
}

std::optional<DialogRequest> make_in_dialog(std::string_view method, const Message& sent,
                                            const Message& response, const ResponseView& view,
                                            const RouteConfig& config) {
  if (view.response.contacts.empty()) return std::nullopt;
  // The callee's side of the list: what stands above our own entries, the farthest first.
  std::vector<Uri> route;
  for (const NameAddress& hop : view.record_route) {
    if (is_ours(config, hop.uri)) break;
    route.insert(route.begin(), hop.uri);
  }
  Uri target = view.response.contacts.front().uri;
  Uri next_hop = route.empty() ? target : route.front();
  if (!route.empty() && !route.front().is_loose_router()) {  // section 12.2.1.1
    route.push_back(std::exchange(target, route.front()));
    route.erase(route.begin());
  }
  Message request = Message::request(method, target.to_string());
  request.set(Header::max_forwards, kMaxForwards);
  for (const Uri& hop : route) request.push_back(Header::route, bracketed(hop));
  request.copy_from(sent, Header::from);
  request.copy_from(response, Header::to);
  request.copy_from(sent, Header::call_id);
  const uint32_t number = method == "ACK" ? view.cseq.number : view.cseq.number + 1;
  request.set(Header::cseq, std::to_string(number) + ' ' + std::string(method));
  return DialogRequest{std::move(request), std::move(next_hop)};
}

Message make_options(const Uri& target, const Listener& listener, std::string_view branch,
                     std::string_view tag, std::string_view call_id, std::string_view user_agent) {
  Message options = Message::request("OPTIONS", target.to_string());
  Uri us;
  us.host = listener.address.ip.to_string();
  us.port = listener.address.port;
  options.push_back(Header::via, make_via(listener, branch));
  options.push_back(Header::max_forwards, kMaxForwards);
  options.push_back(Header::from, bracketed(us) + ";tag=" + std::string(tag));
  options.push_back(Header::to, bracketed(target));
  options.push_back(Header::call_id, call_id);
  options.push_back(Header::cseq, "1 OPTIONS");
  options.push_back(Header::contact, bracketed(uri_of(listener)));
  if (!user_agent.empty()) options.push_back(Header::user_agent, user_agent);
  return options;
}

NextHop reply_hop(const ViaValue& via, const Origin& origin) {
  NextHop hop{origin.address, origin.transport, origin.interface, {}};
  if (origin.transport == Transport::udp && !via.wants_rport && !via.rport)
    hop.address.port = via.field.port != 0 ? via.field.port : default_port(Transport::udp);
  return hop;
}

std::optional<NextHop> reply_hop(const ViaValue& via) {
  if (!equal_fold(via.transport, name_of(via.field.transport))) return std::nullopt;  // SCTP, WS
  const std::string& host = via.field.received.empty() ? via.field.host : via.field.received;
  const auto ip = IpAddress::parse(host);
  if (!ip || ip->is_multicast() || ip->is_unspecified()) return std::nullopt;
  const uint16_t port = via.field.port != 0 ? via.field.port : default_port(via.field.transport);
  return NextHop{{*ip, via.rport.value_or(port)}, via.field.transport, {}, {}};
}

void restore_contact_fields(Message& response, const Request& request, const Target& target) {
  const size_t rewritten = std::min(target.contacts.size(), request.contacts.size());
  const size_t count = rewritten == 0 ? 0 : response.entries(Header::contact).size();
  for (size_t i = 0; i < count; ++i) {
    const std::string entry(response.entries(Header::contact)[i]);
    const auto contact = parse_contact(entry);
    const UriParameter* key = contact ? contact->uri.find(kBindingParameter) : nullptr;
    for (size_t k = 0; key != nullptr && k < rewritten; ++k) {
      const UriParameter* ours = target.contacts[k].uri.find(kBindingParameter);
      if (ours == nullptr || !equal_fold(ours->value, key->value)) continue;
      response.replace_entry(Header::contact, i, with_uri(entry, request.contacts[k].uri));
      break;
    }
  }
}

}  // namespace holdfast::sip
