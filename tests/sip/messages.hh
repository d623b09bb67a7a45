// SPDX-License-Identifier: Apache-2.0
// Short ways to write the requests of the tests.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sip/message_view.hh"

namespace holdfast::sip {

// A URI that is right by the test's own word; a wrong one shows as sip:wrong-uri.
inline Uri uri(std::string_view text) {
  auto parsed = Uri::parse(text);
  if (parsed.ok()) return std::move(parsed).value();
  Uri wrong;
  wrong.host = "wrong-uri";
  return wrong;
}

inline Origin from(std::string_view address, std::string interface = "lan",
                   Transport transport = Transport::udp) {
  return {SocketAddress::parse(address).value_or(SocketAddress{}), transport, std::move(interface)};
}

inline Request request(std::string_view method, std::string_view request_uri, Origin origin) {
  Request r;
  r.method = method_of(method);
  r.method_name = method;
  r.uri = uri(request_uri);
  r.from = {uri("sip:1001@centre.example.com"), "caller-tag"};
  r.to = {r.uri, ""};
  r.call_id = "call-1@phone";
  r.cseq = 1;
  r.via.push_back(
      {origin.transport, origin.address.ip.to_string(), origin.address.port, "z9hG4bKphone", ""});
  r.max_forwards = 70;
  r.origin = std::move(origin);
  return r;
}

inline Request registration(std::string_view aor, std::string_view contact, Origin origin,
                            uint32_t cseq = 1) {
  Request r = request("REGISTER", "sip:centre.example.com", std::move(origin));
  r.to.uri = r.from.uri = uri(aor);
  r.contacts.push_back({uri(contact), {}, 1000, "", 0});
  r.expires_s = 3600;
  r.call_id = "reg-" + std::string(aor);
  r.cseq = cseq;
  return r;
}

// The centre's 200 that grants what was asked.
inline Response granted(const Request& r, uint32_t expires_s = 3600) {
  Response ok{200, r.contacts, {}, {}};
  for (ContactField& contact : ok.contacts) contact.expires_s = expires_s;
  return ok;
}

}  // namespace holdfast::sip
