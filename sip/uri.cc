// SPDX-License-Identifier: Apache-2.0
// The grammar of SIP and TEL URIs (RFC 3261 section 25.1), read left to right without backtracking.
#include "sip/uri.hh"

#include <algorithm>
#include <charconv>

#include "media/address.hh"
#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

constexpr std::string_view kMark = "-_.!~*'()";
// '#' is dialled by phones and sent bare by some, though the grammar wants it escaped.
constexpr std::string_view kUserExtra = "&=+$,;?/#";
constexpr std::string_view kParameterExtra = "[]/:&+$";
constexpr std::string_view kHeaderExtra = "[]/?:+$&=";
constexpr std::string_view kNumberExtra = "0123456789+-.()*#ABCDEFabcdef";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_unreserved(char c) {
  return is_digit(c) || is_alpha(c) || kMark.find(c) != std::string_view::npos;
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Unreserved characters, whole escapes, and those of `extra`.
bool is_made_of(std::string_view text, std::string_view extra) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
        return false;
      i += 2;
    } else if (!is_unreserved(c) && extra.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.front() == '.' || host.front() == '-') return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    // The underscore is in no RFC 3261 host, but in many a real one.
    return is_digit(c) || is_alpha(c) || c == '-' || c == '.' || c == '_';
  });
}

// Cuts `text` at the first `mark`; what follows it is returned, none if there is no mark.
std::optional<std::string_view> cut(std::string_view& text, char mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

std::optional<UriReject> read_port(std::string_view text, Uri& uri) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
    return UriReject::uri_bad_port;
  uri.port = static_cast<uint16_t>(port);
  return std::nullopt;
}

std::optional<UriReject> read_host(std::string_view text, Uri& uri) {
  if (text.empty()) return UriReject::uri_bad_host;
  if (text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return UriReject::uri_bad_host;
    const auto ip = IpAddress::parse(text.substr(1, close - 1));
    if (!ip || !ip->is_v6()) return UriReject::uri_bad_host;
    uri.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (text.empty()) return std::nullopt;
    return text.front() == ':' ? read_port(text.substr(1), uri) : UriReject::uri_bad_host;
  }
  const auto port = cut(text, ':');
  if (!is_host_name(text)) return UriReject::uri_bad_host;
  uri.host = text;
  return port ? read_port(*port, uri) : std::nullopt;
}

std::optional<UriReject> read_parameters(std::string_view text, Uri& uri) {
  for (std::optional<std::string_view> rest = text; rest;) {
    std::string_view one = *rest;
    rest = cut(one, ';');
    const auto value = cut(one, '=');
    if (one.empty() || uri.find(one) != nullptr) return UriReject::uri_bad_parameter;
    if (!is_made_of(one, kParameterExtra) || (value && !is_made_of(*value, kParameterExtra)))
      return UriReject::uri_bad_character;
    if (uri.parameters.size() == kMaxUriParameters) return UriReject::uri_too_many_parameters;
    uri.parameters.push_back({std::string(one), std::string(value.value_or(""))});
  }
  return std::nullopt;
}

std::optional<UriReject> read_user(std::string_view text, Uri& uri) {
  const auto password = cut(text, ':');
  if (text.empty()) return UriReject::uri_empty_user;
  if (!is_made_of(text, kUserExtra)) return UriReject::uri_bad_character;
  if (password && !is_made_of(*password, "&=+$,")) return UriReject::uri_bad_character;
  uri.user = text;
  uri.has_password = password.has_value();
  uri.password = password.value_or("");
  return std::nullopt;
}

std::optional<UriReject> read_sip(std::string_view text, Uri& uri) {
  // The user may hold ';' and '?', so the '@' is looked for first. No '@' is legal behind it.
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    if (const auto bad = read_user(text.substr(0, at), uri)) return bad;
    text.remove_prefix(at + 1);
  }
  if (const auto headers = cut(text, '?')) {
    if (!is_made_of(*headers, kHeaderExtra)) return UriReject::uri_bad_character;
    uri.headers = *headers;
  }
  const auto parameters = cut(text, ';');
  if (const auto bad = read_host(text, uri)) return bad;
  return parameters ? read_parameters(*parameters, uri) : std::nullopt;
}

std::optional<UriReject> read_tel(std::string_view text, Uri& uri) {
  const auto parameters = cut(text, ';');
  if (text.find_first_of("0123456789*#") == std::string_view::npos)
    return UriReject::uri_bad_number;
  if (text.find_first_not_of(kNumberExtra) != std::string_view::npos)
    return UriReject::uri_bad_character;
  uri.user = text;
  return parameters ? read_parameters(*parameters, uri) : std::nullopt;
}

bool same_value(const UriParameter& a, const UriParameter& b) {
  return equal_fold(canonical_escapes(a.value), canonical_escapes(b.value));
}

// Parameters that may not stand in one URI only: those of RFC 3261's text, transport by its
// examples, and gr by RFC 5627.
bool must_be_in_both(const UriParameter& parameter) {
  for (const std::string_view name : {"user", "ttl", "method", "maddr", "transport", "gr"})
    if (equal_fold(parameter.name, name)) return true;
  return false;
}

bool parameters_agree(const Uri& a, const Uri& b) {
  return std::all_of(a.parameters.begin(), a.parameters.end(), [&b](const UriParameter& mine) {
    const UriParameter* theirs = b.find(mine.name);
    return theirs == nullptr ? !must_be_in_both(mine) : same_value(mine, *theirs);
  });
}

std::vector<std::string> sorted_headers(std::string_view text) {
  std::vector<std::string> all;
  for (std::optional<std::string_view> rest = text; rest;) {
    std::string_view one = *rest;
    rest = cut(one, '&');
    all.push_back(fold(canonical_escapes(one)));
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

Result<Uri, UriReject> Uri::parse(std::string_view text) {
  if (text.empty()) return UriReject::uri_empty;
  if (text.size() > kMaxUriBytes) return UriReject::uri_too_long;
  std::string_view name = text;
  const auto rest = cut(name, ':');
  if (!rest || name.empty() || !is_alpha(name.front()) ||
      !std::all_of(name.begin(), name.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
      }))
    return UriReject::uri_no_scheme;

  Uri uri;
  std::optional<UriReject> bad;
  const std::string scheme = fold(name);
  if (scheme == "sip" || scheme == "sips") {
    uri.scheme = scheme == "sip" ? Scheme::sip : Scheme::sips;
    bad = read_sip(*rest, uri);
  } else if (scheme == "tel") {
    uri.scheme = Scheme::tel;
    bad = read_tel(*rest, uri);
  } else {
    uri.scheme = Scheme::other;
    uri.other_scheme = scheme;
    if (!is_made_of(*rest, ";/?:@&=+$,#[]")) bad = UriReject::uri_bad_character;
    uri.user = *rest;
  }
  if (bad) return *bad;
  return uri;
}

std::string Uri::to_string() const {
  std::string out = scheme == Scheme::sip    ? "sip"
                    : scheme == Scheme::sips ? "sips"
                    : scheme == Scheme::tel  ? "tel"
                                             : other_scheme;
  out += ':';
  out += user;
  if (has_password) out += ':' + password;
  if (!host.empty()) {
    if (!user.empty()) out += '@';
    out += host.find(':') != std::string::npos ? '[' + host + ']' : host;
    if (port != 0) out += ':' + std::to_string(port);
  }
  for (const UriParameter& parameter : parameters) {
    out += ';' + parameter.name;
    if (!parameter.value.empty()) out += '=' + parameter.value;
  }
  if (!headers.empty()) out += '?' + headers;
  return out;
}

const UriParameter* Uri::find(std::string_view name) const {
  for (const UriParameter& parameter : parameters)
    if (equal_fold(parameter.name, name)) return &parameter;
  return nullptr;
}

void Uri::set(std::string_view name, std::string_view value) {
  for (UriParameter& parameter : parameters) {
    if (!equal_fold(parameter.name, name)) continue;
    parameter.value = value;
    return;
  }
  parameters.push_back({std::string(name), std::string(value)});
}

bool same_uri(const Uri& a, const Uri& b, UserCase user_case) {
  if (a.scheme != b.scheme || a.other_scheme != b.other_scheme) return false;
  if (a.scheme == Scheme::tel)  // RFC 3966 section 5: separators do not count
    return dialled_number(a) == dialled_number(b) && parameters_agree(a, b) &&
           parameters_agree(b, a);
  const std::string user_a = canonical_escapes(a.user), user_b = canonical_escapes(b.user);
  if (user_case == UserCase::exact ? user_a != user_b : !equal_fold(user_a, user_b)) return false;
  if (a.has_password != b.has_password ||
      canonical_escapes(a.password) != canonical_escapes(b.password))
    return false;
  return same_host(a.host, b.host) && a.port == b.port && parameters_agree(a, b) &&
         parameters_agree(b, a) && sorted_headers(a.headers) == sorted_headers(b.headers);
}

bool same_host(std::string_view a, std::string_view b) {
  if (equal_fold(a, b)) return true;
  const auto ip = IpAddress::parse(a);
  return ip && ip == IpAddress::parse(b);
}

bool equal_fold(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string fold(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string canonical_escapes(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i];
      continue;
    }
    const auto plain = static_cast<char>(high * 16 + low);
    if (is_unreserved(plain))
      out += plain;
    else
      out.append({'%', kHex[high], kHex[low]});
    i += 2;
  }
  return out;
}

std::string user_key(const Uri& uri) {
  return fold(canonical_escapes(uri.user));
}

std::string aor_key(const Uri& uri) {
  const auto ip = IpAddress::parse(uri.host);
  return user_key(uri) + '@' + (ip ? ip->to_string() : fold(uri.host));
}

std::optional<std::string> dialled_number(const Uri& uri) {
  if (uri.scheme == Scheme::other) return std::nullopt;
  // Parameters of a number may stand in the user part (RFC 3261 section 19.1.6).
  std::string user = canonical_escapes(uri.user.substr(0, uri.user.find(';')));
  if (user.size() > 3 * kMaxNumberDigits) return std::nullopt;
  for (size_t at; (at = user.find("%23")) != std::string::npos;) user.replace(at, 3, "#");
  std::string number;
  for (const char c : user) {
    if (c == '-' || c == '.' || c == '(' || c == ')') continue;
    const bool plus = c == '+' && number.empty();
    if (!plus && !is_digit(c) && c != '*' && c != '#') return std::nullopt;
    number += c;
  }
  if (number.empty() || number == "+" || number.size() > kMaxNumberDigits) return std::nullopt;
  return number;
}

std::string_view name_of(UriReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case UriReject::name:        \
    return #name;
    HOLDFAST_URI_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view text_of(UriReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case UriReject::name:        \
    return text;
    HOLDFAST_URI_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

}  // namespace holdfast::sip
