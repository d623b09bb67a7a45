// SPDX-License-Identifier: Apache-2.0
// The token's bytes, sealed and opened.
#include "sip/record_route_token.hh"

#include <algorithm>
#include <array>

namespace holdfast::sip {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kPayloadBytes = 12;
constexpr size_t kMacBytes = 16;
constexpr uint8_t kEmergency = 1;
constexpr uint8_t kSurvival = 2;

using Payload = std::array<uint8_t, kPayloadBytes>;

Payload payload_of(const CallToken& token) {
  Payload bytes{
      kVersion, static_cast<uint8_t>(token.caller),
      static_cast<uint8_t>((token.emergency ? kEmergency : 0) | (token.survival ? kSurvival : 0))};
  for (size_t i = 0; i < 8; ++i)
    bytes[4 + i] = static_cast<uint8_t>(token.call_key >> (56 - 8 * i));
  return bytes;
}

std::optional<CallToken> token_of(const Payload& bytes) {
  if (bytes[1] >= static_cast<uint8_t>(Peer::stranger) || bytes[2] > (kEmergency | kSurvival) ||
      bytes[3] != 0)
    return std::nullopt;
  CallToken token;
  token.caller = static_cast<Peer>(bytes[1]);
  token.emergency = (bytes[2] & kEmergency) != 0;
  token.survival = (bytes[2] & kSurvival) != 0;
  for (size_t i = 0; i < 8; ++i) token.call_key = token.call_key << 8 | bytes[4 + i];
  return token;
}

std::optional<Digest> mac_of(const Payload& bytes, const Key& key, std::string_view call_id,
                             std::string_view caller_tag) {
  const std::string_view payload(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return keyed_digest(key, {"holdfast record-route", payload, call_id, caller_tag});
}

bool is_mac(std::span<const uint8_t> mac, const Payload& bytes, const TokenKeys& keys,
            std::string_view call_id, std::string_view caller_tag) {
  const auto matches = [&](const Key& key) {
    const auto digest = mac_of(bytes, key, call_id, caller_tag);
    return digest && equal_constant_time(mac, std::span(*digest).first(kMacBytes));
  };
  return matches(keys.current) || (keys.previous && matches(*keys.previous));
}

}  // namespace

std::optional<std::string> seal_token(const CallToken& token, const TokenKeys& keys,
                                      std::string_view call_id, std::string_view caller_tag) {
  const Payload payload = payload_of(token);
  const auto digest = mac_of(payload, keys.current, call_id, caller_tag);
  if (!digest) return std::nullopt;
  return to_hex(payload) + to_hex(std::span(*digest).first(kMacBytes));
}

Result<OpenedToken, TokenReject> open_token(std::string_view text, const TokenKeys& keys,
                                            std::string_view call_id, std::string_view from_tag,
                                            std::string_view to_tag) {
  std::array<uint8_t, kPayloadBytes + kMacBytes> bytes{};
  if (!from_hex(text, bytes)) return TokenReject::token_malformed;
  Payload payload{};
  std::copy_n(bytes.begin(), kPayloadBytes, payload.begin());
  const auto mac = std::span<const uint8_t>(bytes).subspan(kPayloadBytes);
  if (payload[0] != kVersion) return TokenReject::token_unknown_version;
  const bool by_caller = is_mac(mac, payload, keys, call_id, from_tag);
  if (!by_caller && !is_mac(mac, payload, keys, call_id, to_tag)) return TokenReject::token_bad_mac;
  const auto token = token_of(payload);
  if (!token) return TokenReject::token_bad_field;
  return OpenedToken{*token, by_caller ? Sender::caller : Sender::callee};
}

std::string_view name_of(Peer peer) {
  switch (peer) {
    case Peer::phone:
      return "phone";
    case Peer::centre:
      return "centre";
    case Peer::gateway:
      return "gateway";
    case Peer::stranger:
      break;
  }
  return "stranger";
}

std::string_view name_of(TokenReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case TokenReject::name:      \
    return #name;
    HOLDFAST_TOKEN_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

}  // namespace holdfast::sip
