// SPDX-License-Identifier: Apache-2.0
// Looks for a MAC address in the names of a certificate.
#include "provision-proxy/server/certificate_mac.hh"

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace holdfast::provision {
namespace {

constexpr size_t kMacDigits = 12;
constexpr size_t kMaxName = 256;  // a longer one is no name of a phone

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_of_a_phone(const MacAddress& mac) {
  return mac != MacAddress{} && (mac.bytes[0] & 1) == 0;  // not nobody's, nor a group's
}

// Six bytes in hexadecimal from `at` on: without separators, or in groups of 2 or 4 digits with one
// kind of them. `at` comes to stand behind it, `separator` is 0 without.
std::optional<MacAddress> read_digits(std::string_view text, size_t& at, char& separator) {
  MacAddress mac;
  size_t group = kMacDigits;
  for (size_t digit = 0; digit < kMacDigits; ++digit) {
    const char c = at < text.size() ? text[at] : '\0';
    if (separator == 0 && (digit == 2 || digit == 4) && (c == ':' || c == '-' || c == '.')) {
      separator = c;
      group = digit;
    }
    if (digit > 0 && digit % group == 0) {
      if (c != separator) return std::nullopt;
      ++at;
    }
    const int value = at < text.size() ? hex_digit(text[at]) : -1;
    if (value < 0) return std::nullopt;
    mac.bytes[digit / 2] = static_cast<uint8_t>(mac.bytes[digit / 2] * 16 + value);
    ++at;
  }
  return mac;
}

// Whether what ends before `at` are the first four groups of a UUID.
bool is_in_uuid(std::string_view text, size_t at) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-";
  if (at < kShape.size()) return false;
  const auto before = text.substr(at - kShape.size(), kShape.size());
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == '-' ? before[i] != '-' : hex_digit(before[i]) < 0) return false;
  }
  return true;
}

// The MAC that begins at `from`, and where it ends. It must not be a part of something longer: a
// word, more groups of the kind, a UUID.
std::optional<MacAddress> mac_at(std::string_view text, size_t from, size_t& end) {
  char separator = 0;
  end = from;
  const auto mac = read_digits(text, end, separator);
  if (!mac || !is_of_a_phone(*mac)) return std::nullopt;
  const auto next = text.substr(end);
  if (!next.empty() && is_word(next[0])) return std::nullopt;
  if (separator == 0) return is_in_uuid(text, from) ? std::nullopt : mac;
  const bool goes_on = next.size() > 1 && next[0] == separator && hex_digit(next[1]) >= 0;
  const bool began = from > 1 && text[from - 1] == separator && hex_digit(text[from - 2]) >= 0;
  return goes_on || began ? std::nullopt : mac;
}

// What the names have named so far.
struct Named {
  std::optional<MacAddress> mac;
  bool several = false;

  void add(const MacAddress& found) {
    several |= mac && *mac != found;
    mac = found;
  }
};

void look_into(std::string_view name, Named& named) {
  if (name.size() > kMaxName || name.find('\0') != std::string_view::npos) return;
  for (size_t i = 0; i < name.size();) {
    if (i > 0 && is_word(name[i - 1])) {  // within a word
      ++i;
      continue;
    }
    const bool prefixed = name.substr(i, 3) == "SEP";
    size_t end = 0;
    if (const auto mac = mac_at(name, i + (prefixed ? 3 : 0), end)) {
      named.add(*mac);
      i = end;
    } else {
      ++i;
    }
  }
}

void look_into(const ASN1_STRING* text, Named& named) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0) return;
  look_into(std::string_view(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size)),
            named);
  OPENSSL_free(utf8);
}

void free_names(GENERAL_NAMES* names) {
  GENERAL_NAMES_free(names);
}

}  // namespace

std::optional<MacAddress> mac_in_name(std::string_view name) {
  Named named;
  look_into(name, named);
  return named.several ? std::nullopt : named.mac;
}

std::optional<MacAddress> certificate_mac(const X509* certificate) {
  Named named;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
    look_into(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), named);

  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS || name->type == GEN_URI || name->type == GEN_EMAIL)
      look_into(name->d.ia5, named);
  }
  return named.several ? std::nullopt : named.mac;
}

}  // namespace holdfast::provision
