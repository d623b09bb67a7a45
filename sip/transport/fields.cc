// SPDX-License-Identifier: Apache-2.0
// Single header fields read by Sofia-SIP's parsers; no Sofia type leaves this file.
#include "sip/transport/fields.hh"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include <algorithm>
#include <array>

#include "sip/record_route_token.hh"
#include "sip/transport/message.hh"

namespace holdfast::sip {
namespace {

// Sofia's memory for one field: on the stack unless the field is long.
class Home {
 public:
  Home() : home_(su_home_auto(area_.data(), static_cast<isize_t>(area_.size()))) {}
  ~Home() { su_home_deinit(home_); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  su_home_t* get() const { return home_; }

 private:
  alignas(16) std::array<char, 2048> area_{};
  su_home_t* home_;
};

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string{} : std::string(text);
}

// A parameter's value without the quotes that it may have.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

const char* find(const msg_param_t* parameters, const char* name) {
  return parameters == nullptr ? nullptr : msg_params_find(parameters, name);
}

// RFC 3261 section 20.10: 0 to 1 with at most three digits behind the point.
uint16_t q_milli(const char* text) {
  if (text == nullptr) return 1000;
  const std::string_view q = text;
  if (q.starts_with('1')) return 1000;
  if (!q.starts_with("0.")) return q == "0" ? 0 : 1000;
  uint16_t milli = 0;
  for (size_t i = 2, weight = 100; i < q.size() && weight > 0; ++i, weight /= 10) {
    if (q[i] < '0' || q[i] > '9') return 1000;
    milli = static_cast<uint16_t>(milli + static_cast<size_t>(q[i] - '0') * weight);
  }
  return milli;
}

// Where the URI stands in a name-addr or addr-spec.
std::string_view uri_span(std::string_view entry) {
  bool quoted = false;
  for (size_t i = 0; i < entry.size(); ++i) {
    if (quoted) {
      if (entry[i] == '\\')
        ++i;
      else if (entry[i] == '"')
        quoted = false;
    } else if (entry[i] == '"') {
      quoted = true;
    } else if (entry[i] == '<') {
      const size_t end = entry.find('>', i);
      return end == std::string_view::npos ? std::string_view{} : entry.substr(i + 1, end - i - 1);
    }
  }
  // Section 20: without brackets, all behind a semicolon belongs to the field.
  return trim(entry.substr(0, entry.find(';')));
}

std::optional<Uri> uri_of(std::string_view entry) {
  auto uri = Uri::parse(trim(uri_span(entry)));
  if (!uri) return std::nullopt;
  return std::move(uri).value();
}

}  // namespace

std::optional<ViaValue> parse_via(std::string_view text) {
  const Home home;
  const sip_via_t* via = sip_via_make(home.get(), std::string(text).c_str());
  if (via == nullptr || via->v_next != nullptr || via->v_host == nullptr) return std::nullopt;
  ViaValue value;
  constexpr std::string_view kPrefix = "SIP/2.0/";
  const std::string written = text_or_empty(via->v_protocol);
  if (written.size() <= kPrefix.size() || !equal_fold(written.substr(0, kPrefix.size()), kPrefix))
    return std::nullopt;
  value.transport = written.substr(kPrefix.size());
  if (equal_fold(value.transport, "TCP")) value.field.transport = Transport::tcp;
  if (equal_fold(value.transport, "TLS")) value.field.transport = Transport::tls;
  value.field.host = via->v_host;
  if (value.field.host.starts_with('[') && value.field.host.ends_with(']'))
    value.field.host = value.field.host.substr(1, value.field.host.size() - 2);
  if (via->v_port != nullptr) {
    const auto port = parse_number(via->v_port);
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    value.field.port = static_cast<uint16_t>(*port);
  }
  value.field.branch = text_or_empty(via->v_branch);
  value.field.received = text_or_empty(via->v_received);
  if (value.field.received.starts_with('[') && value.field.received.ends_with(']'))
    value.field.received = value.field.received.substr(1, value.field.received.size() - 2);
  const std::string own(kTokenParameter);
  if (const char* token = find(via->v_params, own.c_str())) value.token = token;
  if (const char* rport = find(via->v_params, "rport")) {
    const auto port = parse_number(rport);
    value.wants_rport = *rport == '\0';
    if (port && *port > 0 && *port <= 65535) value.rport = static_cast<uint16_t>(*port);
  }
  return value;
}

std::optional<NameAddress> parse_name_address(std::string_view text) {
  const Home home;
  const sip_from_t* from = sip_from_make(home.get(), std::string(text).c_str());
  if (from == nullptr) return std::nullopt;
  auto uri = uri_of(text);
  if (!uri) return std::nullopt;
  return NameAddress{*std::move(uri), text_or_empty(from->a_tag)};
}

std::optional<NameAddress> parse_route(std::string_view text) {
  const Home home;
  const sip_route_t* route = sip_route_make(home.get(), std::string(text).c_str());
  if (route == nullptr || route->r_next != nullptr) return std::nullopt;
  auto uri = uri_of(text);
  if (!uri) return std::nullopt;
  return NameAddress{*std::move(uri), {}};
}

std::optional<ContactField> parse_contact(std::string_view text) {
  const Home home;
  const sip_contact_t* contact = sip_contact_make(home.get(), std::string(text).c_str());
  if (contact == nullptr || contact->m_next != nullptr) return std::nullopt;
  auto uri = uri_of(text);
  if (!uri) return std::nullopt;
  ContactField field;
  field.uri = *std::move(uri);
  if (contact->m_expires != nullptr) field.expires_s = parse_seconds(contact->m_expires);
  field.q_milli = q_milli(contact->m_q);
  field.instance = unquoted(text_or_empty(find(contact->m_params, "+sip.instance")));
  if (const char* reg_id = find(contact->m_params, "reg-id"))
    field.reg_id = parse_seconds(reg_id).value_or(0);
  return field;
}

// Not by Sofia's parser: it wraps numbers that are too large, and reads a method that begins with
// a mark ("!odd", RFC 4475 section 3.1.1.2) as INVITE.
std::optional<CSeqField> parse_cseq(std::string_view text) {
  constexpr uint64_t kLargest = 0x7fffffff;  // section 8.1.1.5
  text = trim(text);
  const size_t space = std::min(text.find_first_of(" \t\r\n"), text.size());
  const auto number = parse_number(text.substr(0, space));
  const std::string_view method = trim(text.substr(space));
  if (!number || *number > kLargest || !is_token(method)) return std::nullopt;
  return CSeqField{static_cast<uint32_t>(*number), std::string(method)};
}

std::optional<uint32_t> parse_retry_after(std::string_view text) {
  const Home home;
  const sip_retry_after_t* after = sip_retry_after_make(home.get(), std::string(text).c_str());
  if (after == nullptr) return std::nullopt;
  return static_cast<uint32_t>(std::min<uint64_t>(after->af_delta, UINT32_MAX));
}

std::optional<uint32_t> parse_seconds(std::string_view text) {
  text = trim(text);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  return static_cast<uint32_t>(
      std::min<uint64_t>(parse_number(text).value_or(UINT32_MAX), UINT32_MAX));
}

std::string with_uri(std::string_view entry, const Uri& uri) {
  const std::string_view old = uri_span(entry);
  const auto at = static_cast<size_t>(old.data() - entry.data());
  const bool is_bare = old.empty() || at == 0;
  std::string out;
  out.append(entry.substr(0, is_bare ? 0 : at));
  if (is_bare) out += '<';
  out.append(uri.to_string());
  if (is_bare) out += '>';
  out.append(entry.substr(old.empty() ? entry.size() : at + old.size()));
  return out;
}

std::string bracketed(const Uri& uri) {
  return '<' + uri.to_string() + '>';
}

}  // namespace holdfast::sip
