// SPDX-License-Identifier: Apache-2.0
// What single header fields mean: Sofia-SIP's field parsers behind plain values.
//
// Safe on any bytes; any thread. None: the field cannot be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/message_view.hh"

namespace holdfast::sip {

struct CSeqField {
  uint32_t number = 0;
  std::string method;
};

struct ViaValue {
  ViaField field;
  std::string transport;     // as written: "UDP", "TLS", "WS"
  bool wants_rport = false;  // RFC 3581: rport without a value
  std::optional<uint16_t> rport;
  std::string token;  // of ours: which call the request is of (record_route_token.hh)
};

std::optional<ViaValue> parse_via(std::string_view text);
std::optional<NameAddress> parse_name_address(std::string_view text);  // From, To
std::optional<NameAddress> parse_route(std::string_view text);         // Route, Record-Route, Path
std::optional<ContactField> parse_contact(std::string_view text);
std::optional<CSeqField> parse_cseq(std::string_view text);
std::optional<uint32_t> parse_retry_after(std::string_view text);
// Seconds; a number that is too large for 32 bits is the largest.
std::optional<uint32_t> parse_seconds(std::string_view text);

// `entry` with the URI between its angle brackets, or its bare URI, changed.
std::string with_uri(std::string_view entry, const Uri& uri);

// <uri>, as Route, Record-Route and Path want it.
std::string bracketed(const Uri& uri);

}  // namespace holdfast::sip
