// SPDX-License-Identifier: Apache-2.0
// What a call needs after a restart of ours, carried by the peers in our Record-Route URI.
//
// A dialog's requests bring our Record-Route back as Route (RFC 3261 section 12.2.1.1), so the call
// key and the way the call was set up need no memory of ours. The token is bound to the dialog by a
// MAC over Call-ID and the caller's tag: it opens no other dialog, and nobody but us can write one.
//
// 28 bytes in hex: version, peer that called, flags, 0, call key, MAC (HMAC-SHA256 cut to 128 bits,
// the shortest that RFC 2104 section 5 advises).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/result.hh"
#include "sip/digest.hh"

namespace holdfast::sip {

// Who stands behind a message.
enum class Peer : uint8_t { phone, centre, gateway, stranger };
std::string_view name_of(Peer peer);

struct CallToken {
  uint64_t call_key = 0;  // the dataplane lists its legs by it
  Peer caller = Peer::phone;
  bool emergency = false;  // never shed
  bool survival = false;   // set up without the centre
  friend bool operator==(const CallToken&, const CallToken&) = default;
};

// The keys, from a file that outlives us. `previous` still opens what was written before a change.
struct TokenKeys {
  Key current{};
  std::optional<Key> previous;
};

// Every reason not to trust a token: X(name, what is wrong).
#define HOLDFAST_TOKEN_REJECTS(X)                                   \
  X(token_malformed, "not 56 hex digits")                           \
  X(token_unknown_version, "of a version that we do not know")      \
  X(token_bad_mac, "not ours, of another dialog, or of a lost key") \
  X(token_bad_field, "ours, but with a value that we do not know")

enum class TokenReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TOKEN_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(TokenReject reject);

// The URI parameter of ours that holds the token.
inline constexpr std::string_view kTokenParameter = "hf";

enum class Sender : uint8_t { caller, callee };

struct OpenedToken {
  CallToken token;
  Sender sender;  // told by which tag the MAC was made with
};

// None only if libcrypto fails.
std::optional<std::string> seal_token(const CallToken& token, const TokenKeys& keys,
                                      std::string_view call_id, std::string_view caller_tag);

// Opens what came back in a request of that dialog, whichever side sent it.
Result<OpenedToken, TokenReject> open_token(std::string_view text, const TokenKeys& keys,
                                            std::string_view call_id, std::string_view from_tag,
                                            std::string_view to_tag);

}  // namespace holdfast::sip
