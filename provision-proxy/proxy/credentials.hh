// SPDX-License-Identifier: Apache-2.0
// What credentials a request carries, and what they may open while the origin cannot check them.
//
// Pure. An answer that was given for credentials is kept for those alone, and offline it is given
// for them alone: never weaker than online.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

enum class CredentialKind : uint8_t {
  none,
  basic,   // the same text each time: we can tell it again
  digest,  // another text each time (RFC 7616): only the origin can tell
  other    // a scheme that we do not know: its text counts, as with basic
};

struct Credentials {
  CredentialKind kind = CredentialKind::none;
  // Whose they are, as a keyed hash of 16 bytes in hex: of the whole text, or with digest of
  // scheme, realm and user. Empty without credentials. The text itself is never kept.
  std::string mark;

  // Whether what was kept for this mark may be given without asking the origin.
  bool tell_again() const { return kind != CredentialKind::digest; }
};

// `salt`: the installation's secret, so that a stolen index tells no password.
Credentials credentials_of(const Fields& request, std::string_view salt);

}  // namespace holdfast::provision
