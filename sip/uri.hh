// SPDX-License-Identifier: Apache-2.0
// SIP, SIPS and TEL URIs (RFC 3261 section 19.1, RFC 3966): parse, print, compare, dialled digits.
//
// Plain values, safe on any bytes, bounded by limits.hh; any thread. Other schemes (urn:, mailto:)
// are kept as text, so that urn:service:sos can be read and the rest be refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/result.hh"

namespace holdfast::sip {

// Every reason to refuse a URI: X(name, what is wrong).
#define HOLDFAST_URI_REJECTS(X)                                             \
  X(uri_empty, "no text")                                                   \
  X(uri_too_long, "longer than we take")                                    \
  X(uri_no_scheme, "no scheme before a colon")                              \
  X(uri_bad_character, "a character that no URI has, or a cut %-escape")    \
  X(uri_empty_user, "an @ with nothing before it")                          \
  X(uri_bad_host, "no host, or one that is neither a name nor an address")  \
  X(uri_bad_port, "a port that is not a number from 1 to 65535")            \
  X(uri_bad_parameter, "a parameter with no name, or one that comes twice") \
  X(uri_too_many_parameters, "more parameters than we take")                \
  X(uri_bad_number, "a tel: number with no digit")

enum class UriReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_URI_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(UriReject reject);
std::string_view text_of(UriReject reject);

enum class Scheme : uint8_t { sip, sips, tel, other };

struct UriParameter {
  std::string name;   // as written; compared without case
  std::string value;  // empty for a flag such as ;lr
  friend bool operator==(const UriParameter&, const UriParameter&) = default;
};

// A parsed URI. Escapes are kept as written, so that what passes through is not changed.
struct Uri {
  Scheme scheme = Scheme::sip;
  std::string user;      // of tel: the number; of other schemes all behind the colon
  std::string password;  // kept, since it is part of the comparison
  bool has_password = false;
  std::string host;   // IPv6 without brackets
  uint16_t port = 0;  // 0: none written
  std::vector<UriParameter> parameters;
  std::string headers;       // behind '?', as written
  std::string other_scheme;  // lower case, for Scheme::other

  static Result<Uri, UriReject> parse(std::string_view text);
  std::string to_string() const;

  // The parameter of that name (any case), or null.
  const UriParameter* find(std::string_view name) const;
  bool is_loose_router() const { return find("lr") != nullptr; }
  void set(std::string_view name, std::string_view value);

  friend bool operator==(const Uri&, const Uri&) = default;  // byte for byte; see same_uri
};

// Users that differ by case name one user in the field, though RFC 3261 19.1.4 tells them apart.
enum class UserCase : uint8_t { exact, fold };

// RFC 3261 section 19.1.4, with the host comparison of RFC 5954 and the gr rule of RFC 5627.
// Symmetric, but as in the RFC not transitive.
bool same_uri(const Uri& a, const Uri& b, UserCase user_case = UserCase::exact);

// Hosts are equal as names without case, or as addresses in any spelling.
bool same_host(std::string_view a, std::string_view b);

bool equal_fold(std::string_view a, std::string_view b);
std::string fold(std::string_view text);

// The text with every escape of an unreserved character undone and all others in upper case.
std::string canonical_escapes(std::string_view text);

// user@host, folded and without port, parameters and escapes: what a binding is filed under.
std::string aor_key(const Uri& uri);
// The user part alone, so filed.
std::string user_key(const Uri& uri);

// What was dialled, without visual separators and parameters: "+12125551000", "911", "*901".
// None if the user part (or tel: number) is not a number. At most kMaxNumberDigits.
std::optional<std::string> dialled_number(const Uri& uri);

}  // namespace holdfast::sip
