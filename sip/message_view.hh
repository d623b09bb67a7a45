// SPDX-License-Identifier: Apache-2.0
// What routing needs of a SIP message, as plain values: the parser's types stop here.
//
// The transport fills these in from a parsed message and from where it came; header fields that no
// decision looks at stay with the transport and pass unchanged. Lists are bounded by limits.hh.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "sip/media_ask.hh"
#include "sip/uri.hh"

namespace holdfast::sip {

enum class Method : uint8_t {
  invite,
  ack,
  bye,
  cancel,
  options,
  register_,
  prack,
  update,
  info,
  refer,
  notify,
  subscribe,
  message,
  publish,
  unknown,  // passes like any other; its name stands in Request::method_name
};
constexpr Method method_of(std::string_view name) {
  constexpr std::string_view kNames[] = {"INVITE",   "ACK",       "BYE",     "CANCEL", "OPTIONS",
                                         "REGISTER", "PRACK",     "UPDATE",  "INFO",   "REFER",
                                         "NOTIFY",   "SUBSCRIBE", "MESSAGE", "PUBLISH"};
  for (size_t i = 0; i < std::size(kNames); ++i)  // case counts: RFC 3261 section 7.1
    if (kNames[i] == name) return static_cast<Method>(i);
  return Method::unknown;
}

enum class Transport : uint8_t { udp, tcp, tls };
constexpr std::string_view name_of(Transport transport) {
  return transport == Transport::udp ? "udp" : transport == Transport::tcp ? "tcp" : "tls";
}

// From, To and the entries of Route, Record-Route and Path.
struct NameAddress {
  Uri uri;
  std::string tag;  // From and To only
};

struct ContactField {
  Uri uri;
  std::optional<uint32_t> expires_s;
  uint16_t q_milli = 1000;  // RFC 3261 section 16.6: no q means 1.0
  std::string instance;     // +sip.instance (RFC 5626), without quotes
  uint32_t reg_id = 0;      // 0: none
};

struct ViaField {
  Transport transport = Transport::udp;
  std::string host;   // sent-by
  uint16_t port = 0;  // 0: none written
  std::string branch;
  std::string received;
};

// Where a message came from and by which of our sockets.
struct Origin {
  SocketAddress address;
  Transport transport = Transport::udp;
  std::string interface;  // the configured name: "lan", "wan"
};

struct Request {
  Method method = Method::unknown;
  std::string method_name;
  Uri uri;
  NameAddress from, to;
  std::string call_id;
  uint32_t cseq = 0;
  std::vector<ViaField> via;       // topmost first, without one for us
  std::vector<NameAddress> route;  // topmost first
  std::vector<NameAddress> path;   // REGISTER through further proxies below us
  std::vector<ContactField> contacts;
  bool contact_is_star = false;
  std::optional<uint32_t> expires_s;
  std::optional<uint8_t> max_forwards;
  std::optional<uint8_t> max_breadth;  // RFC 5393
  std::vector<std::string> proxy_require;
  bool has_body = false;
  MediaAsk media;  // of an INVITE outside a dialog; filled in by whoever knows our addresses
  Origin origin;
};

// A final answer to a request that we forwarded.
struct Response {
  int status = 0;
  std::vector<ContactField> contacts;
  std::optional<uint32_t> expires_s;
  std::optional<uint32_t> retry_after_s;
};

}  // namespace holdfast::sip
