// SPDX-License-Identifier: Apache-2.0
// Views out of messages.
#include "sip/transport/view.hh"

#include <algorithm>

#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

std::optional<MessageReject> check_counts(const Message& message) {
  for (const Header header : {Header::from, Header::to, Header::call_id, Header::cseq}) {
    const size_t count = message.count(header);
    if (count == 0) return MessageReject::missing_header;
    if (count > 1) return MessageReject::repeated_header;
  }
  if (!message.has(Header::via)) return MessageReject::missing_header;
  for (const Header header : {Header::max_forwards, Header::content_type})
    if (message.count(header) > 1) return MessageReject::repeated_header;
  return std::nullopt;
}

// From, To, Call-ID and CSeq, which both kinds of message have.
template <typename View>
std::optional<MessageReject> read_common(const Message& message, View& view, CSeqField& cseq) {
  if (const auto bad = check_counts(message)) return bad;
  auto from = parse_name_address(message.value(Header::from));
  if (!from) return MessageReject::bad_from;
  view.from = *std::move(from);
  auto to = parse_name_address(message.value(Header::to));
  if (!to) return MessageReject::bad_to;
  view.to = *std::move(to);
  view.call_id = message.value(Header::call_id);
  if (view.call_id.empty()) return MessageReject::bad_call_id;
  auto read = parse_cseq(message.value(Header::cseq));
  if (!read) return MessageReject::bad_cseq;
  cseq = *std::move(read);
  return std::nullopt;
}

std::optional<MessageReject> read_routes(const Message& message, Header header,
                                         std::vector<NameAddress>& routes) {
  const auto entries = message.entries(header);
  if (entries.size() > kMaxRouteEntries) return MessageReject::too_many_entries;
  for (const std::string_view entry : entries) {
    auto route = parse_route(entry);
    if (!route) return MessageReject::bad_route;
    routes.push_back(*std::move(route));
  }
  return std::nullopt;
}

// The answer to a REGISTER lists every contact of the user, so it may be long.
constexpr size_t kMaxContacts = 64;

std::optional<MessageReject> read_contacts(const Message& message, std::vector<ContactField>& out,
                                           bool& is_star) {
  const auto entries = message.entries(Header::contact);
  if (entries.size() > kMaxContacts) return MessageReject::too_many_entries;
  for (const std::string_view entry : entries) {
    if (entry == "*") {
      is_star = true;
      continue;
    }
    auto contact = parse_contact(entry);
    if (!contact) return MessageReject::bad_contact;
    out.push_back(*std::move(contact));
  }
  return std::nullopt;
}

Result<std::vector<ViaValue>, MessageReject> read_vias(const Message& message) {
  std::vector<ViaValue> vias;
  const auto entries = message.entries(Header::via);
  if (entries.empty()) return MessageReject::missing_header;
  if (entries.size() > kMaxViaEntries) return MessageReject::too_many_entries;
  for (const std::string_view entry : entries) {
    auto via = parse_via(entry);
    if (!via) return MessageReject::bad_via;
    vias.push_back(*std::move(via));
  }
  return vias;
}

}  // namespace

Result<Request, MessageReject> view_request(const Message& message, const Origin& origin) {
  Request view;
  view.origin = origin;
  view.method = message.method();
  view.method_name = message.method_name();
  CSeqField cseq;
  if (const auto bad = read_common(message, view, cseq)) return *bad;
  if (cseq.method != view.method_name) return MessageReject::cseq_method;
  view.cseq = cseq.number;
  auto uri = Uri::parse(message.request_uri());
  if (!uri) return MessageReject::bad_request_uri;
  view.uri = std::move(uri).value();
  auto vias = read_vias(message);
  if (!vias) return vias.error();
  for (ViaValue& via : vias.value()) view.via.push_back(std::move(via.field));
  if (const auto bad = read_routes(message, Header::route, view.route)) return *bad;
  if (const auto bad = read_routes(message, Header::path, view.path)) return *bad;
  // Of other requests nobody here looks at the Contact.
  if (view.method == Method::register_)
    if (const auto bad = read_contacts(message, view.contacts, view.contact_is_star)) return *bad;
  if (message.has(Header::expires)) view.expires_s = parse_seconds(message.value(Header::expires));
  if (message.has(Header::max_forwards)) {
    const auto hops = parse_number(message.value(Header::max_forwards));
    if (!hops || *hops > 255) return MessageReject::bad_max_forwards;
    view.max_forwards = static_cast<uint8_t>(*hops);
  }
  if (const auto breadth = parse_number(message.value(Header::max_breadth)))
    view.max_breadth = static_cast<uint8_t>(std::min<uint64_t>(*breadth, 255));
  for (const std::string_view tag : message.entries(Header::proxy_require))
    view.proxy_require.emplace_back(tag);
  view.has_body = !message.body().empty();
  return view;
}

Result<ResponseView, MessageReject> view_response(const Message& message) {
  ResponseView view;
  view.response.status = message.status();
  if (const auto bad = read_common(message, view, view.cseq)) return *bad;
  auto vias = read_vias(message);
  if (!vias) return vias.error();
  view.via = std::move(vias).value();
  if (const auto bad = read_routes(message, Header::record_route, view.record_route)) return *bad;
  const Method method = method_of(view.cseq.method);
  const bool is_success = message.status() >= 200 && message.status() < 300;
  if (is_success && (method == Method::register_ || method == Method::invite)) {
    bool star = false;
    if (const auto bad = read_contacts(message, view.response.contacts, star)) return *bad;
  }
  if (message.has(Header::expires))
    view.response.expires_s = parse_seconds(message.value(Header::expires));
  if (message.has(Header::retry_after))
    view.response.retry_after_s = parse_retry_after(message.value(Header::retry_after));
  view.is_reliable = message.status() > 100 && message.status() < 200 && message.has(Header::rseq);
  return view;
}

void stamp_via(Message& message, const Origin& origin) {
  const auto entries = message.entries(Header::via);
  if (entries.empty()) return;
  const auto via = parse_via(entries.front());
  if (!via) return;
  // What stands there already is somebody's claim.
  std::string text;
  bool has_rport = false;
  std::string_view rest = entries.front();
  for (bool first = true; !rest.empty(); first = false) {
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::string_view name = trim(part.substr(0, part.find('=')));
    if (!first && equal_fold(name, "received")) continue;
    if (!first && equal_fold(name, "rport")) {
      has_rport = true;
      continue;
    }
    if (!first) text += ';';
    text += part;
  }
  const std::string address = origin.address.ip.to_string();
  if (has_rport || !same_host(via->field.host, address)) text += ";received=" + address;
  if (has_rport) text += ";rport=" + std::to_string(origin.address.port);
  if (text != entries.front()) message.replace_entry(Header::via, 0, text);
}

}  // namespace holdfast::sip
