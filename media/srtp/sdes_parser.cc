// SPDX-License-Identifier: Apache-2.0
// SDES: the grammar of a crypto attribute (RFC 4568 section 9.1 and 9.2).
#include <algorithm>
#include <array>

#include "media/base64.hh"
#include "media/sdp_text.hh"
#include "media/srtp/sdes.hh"

namespace holdfast::media {
namespace {

// Bytes of the stack that held a key.
struct WipedBytes {
  std::array<uint8_t, kMaxSrtpMasterBytes + 2> bytes{};  // room to see that a key is too long
  WipedBytes() = default;
  WipedBytes(const WipedBytes&) = delete;
  WipedBytes& operator=(const WipedBytes&) = delete;
  ~WipedBytes() { wipe(bytes); }
};

// Takes what stands before `separator`, or all, off `text`, with the separator.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// Digits without leading zeros.
template <typename Number>
std::optional<Number> parse_plain_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_number<Number>(text);
}

std::optional<uint64_t> parse_lifetime(std::string_view text) {
  if (text.starts_with("2^")) {
    const auto power = parse_plain_number<uint8_t>(text.substr(2));
    if (!power || *power > 48) return std::nullopt;
    return uint64_t{1} << *power;
  }
  const auto packets = parse_plain_number<uint64_t>(text);
  if (!packets || *packets == 0 || *packets > kMaxSrtpLifetime) return std::nullopt;
  return packets;
}

std::optional<SrtpMki> parse_mki(std::string_view text) {
  const auto value = parse_plain_number<uint64_t>(take_until(text, ':'));
  const auto bytes = parse_plain_number<uint8_t>(text);
  if (!value || !bytes || *bytes == 0 || *bytes > kMaxMkiBytes) return std::nullopt;
  if (*bytes < 8 && *value >> (*bytes * 8) != 0) return std::nullopt;
  return SrtpMki{*value, *bytes};
}

// inline:KEY with, at most, a lifetime and then an MKI behind it, each after a bar.
Result<SdesKey, SdesReject> parse_key(SrtpSuite suite, std::string_view text) {
  if (!same_word(take_until(text, ':'), "inline")) return SdesReject::sdes_bad_key_method;
  WipedBytes decoded;
  const auto size = decode_base64(take_until(text, '|'), decoded.bytes);
  if (!size) return SdesReject::sdes_bad_base64;
  auto master = SrtpMasterKey::from_bytes(suite, std::span(decoded.bytes).first(*size));
  if (!master) return SdesReject::sdes_bad_key_length;
  SdesKey key{std::move(*master), kMaxSrtpLifetime, {}};
  if (text.empty()) return key;
  std::string_view part = take_until(text, '|');
  if (part.find(':') == std::string_view::npos) {
    const auto lifetime = parse_lifetime(part);
    if (!lifetime) return SdesReject::sdes_bad_lifetime;
    key.lifetime_packets = *lifetime;
    if (text.empty()) return key;
    part = take_until(text, '|');
  }
  const auto mki = parse_mki(part);
  if (!mki || !text.empty()) return SdesReject::sdes_bad_mki;
  key.mki = *mki;
  return key;
}

std::optional<SdesReject> parse_keys(std::string_view text, SdesCrypto& crypto) {
  if (text.empty()) return SdesReject::sdes_no_key;
  while (!text.empty()) {
    if (crypto.keys.size() == kMaxCryptoKeys) return SdesReject::sdes_too_many_keys;
    auto key = parse_key(crypto.suite, take_until(text, ';'));
    if (!key) return key.error();
    const SrtpMki mki = key->mki;
    const bool clash =
        std::any_of(crypto.keys.begin(), crypto.keys.end(), [&](const SdesKey& other) {
          return mki.bytes == 0 || other.mki.bytes != mki.bytes || other.mki.value == mki.value;
        });
    if (clash) return SdesReject::sdes_ambiguous_keys;
    crypto.keys.push_back(std::move(key).value());
  }
  return std::nullopt;
}

// A flag may come once.
std::optional<SdesReject> raise(bool& flag, std::string_view value) {
  if (flag || !value.empty()) return SdesReject::sdes_bad_parameter;
  flag = true;
  return std::nullopt;
}

std::optional<SdesReject> parse_parameter(std::string_view word, SdesParameters& p) {
  std::string_view value = word;
  const std::string_view name = take_until(value, '=');
  if (same_word(name, "UNENCRYPTED_SRTP")) return raise(p.unencrypted_srtp, value);
  if (same_word(name, "UNENCRYPTED_SRTCP")) return raise(p.unencrypted_srtcp, value);
  if (same_word(name, "UNAUTHENTICATED_SRTP")) return raise(p.unauthenticated_srtp, value);
  if (same_word(name, "FEC_KEY")) return raise(p.fec_key, {});  // its keys are of no use to us
  if (same_word(name, "FEC_ORDER")) {
    if (value != "FEC_SRTP" && value != "SRTP_FEC") return SdesReject::sdes_bad_parameter;
    return raise(p.fec_order, {});
  }
  if (same_word(name, "KDR")) {
    const auto rate = parse_plain_number<uint8_t>(value);
    if (!rate || *rate > 24) return SdesReject::sdes_bad_parameter;
    p.key_derivation_rate_log2 = *rate;
    return raise(p.has_key_derivation_rate, {});
  }
  if (same_word(name, "WSH")) {
    const auto packets = parse_plain_number<uint16_t>(value);
    if (!packets || *packets < 64 || p.window_size_hint) return SdesReject::sdes_bad_parameter;
    p.window_size_hint = packets;
    return std::nullopt;
  }
  if (name.starts_with('-')) return std::nullopt;
  return SdesReject::sdes_unknown_parameter;
}

}  // namespace

Result<SdesCrypto, SdesReject> parse_crypto(std::string_view value) {
  if (value.size() > kMaxCryptoBytes) return SdesReject::sdes_too_long;
  SdesCrypto crypto;
  const std::string_view tag = take_word(value);
  const auto number = parse_plain_number<uint32_t>(tag);
  if (!number || tag.size() > 9) return SdesReject::sdes_bad_tag;
  crypto.tag = *number;
  const std::string_view suite_name = take_word(value);
  if (suite_name.empty()) return SdesReject::sdes_no_suite;
  const auto suite = srtp_suite_from(suite_name);
  if (!suite) return SdesReject::sdes_unknown_suite;
  crypto.suite = *suite;
  if (const auto reject = parse_keys(take_word(value), crypto)) return *reject;
  while (!value.empty())
    if (const auto reject = parse_parameter(take_word(value), crypto.parameters)) return *reject;
  return crypto;
}

}  // namespace holdfast::media
