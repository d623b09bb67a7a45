// SPDX-License-Identifier: Apache-2.0
// SDES: crypto attributes judged and written.
#include "media/srtp/sdes.hh"

#include <algorithm>

#include "media/base64.hh"

namespace holdfast::media {

std::string_view name_of(SdesReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SdesReject::name:       \
    return #name;
    HOLDFAST_SDES_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(SdesReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SdesReject::name:       \
    return text;
    HOLDFAST_SDES_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::optional<SdesReject> why_not_carried(const SdesCrypto& crypto) {
  const SdesParameters& p = crypto.parameters;
  if (p.has_key_derivation_rate) return SdesReject::sdes_key_derivation_rate;
  if (p.unencrypted_srtp || p.unencrypted_srtcp) return SdesReject::sdes_unencrypted;
  if (p.unauthenticated_srtp) return SdesReject::sdes_unauthenticated;
  if (p.fec_order || p.fec_key) return SdesReject::sdes_fec;
  return std::nullopt;
}

SdesLines read_crypto_lines(std::span<const std::string_view> values) {
  SdesLines lines;
  std::vector<uint32_t> tags;
  for (const std::string_view value : values) {
    if (lines.usable.size() + lines.refused.size() == kMaxCryptoLines) {
      lines.refused.push_back(SdesReject::sdes_too_many);
      break;
    }
    auto crypto = parse_crypto(value);
    if (!crypto) {
      lines.refused.push_back(crypto.error());
      continue;
    }
    if (std::find(tags.begin(), tags.end(), crypto->tag) != tags.end()) {
      lines.refused.push_back(SdesReject::sdes_duplicate_tag);
      continue;
    }
    tags.push_back(crypto->tag);
    if (const auto reason = why_not_carried(*crypto))
      lines.refused.push_back(*reason);
    else
      lines.usable.push_back(std::move(crypto).value());
  }
  return lines;
}

std::string write_crypto(const SdesCrypto& crypto) {
  std::string text;
  text.reserve(kMaxCryptoBytes);  // it never grows, so no copy of a key stays behind
  text.append(std::to_string(crypto.tag)).append(" ").append(traits_of(crypto.suite).name);
  char separator = ' ';
  for (const SdesKey& key : crypto.keys) {
    text.append(1, separator).append("inline:");
    append_base64(key.master.bytes(), text);
    if (key.lifetime_packets != kMaxSrtpLifetime) {
      const uint64_t n = key.lifetime_packets;
      text.append("|").append((n & (n - 1)) == 0 ? "2^" + std::to_string(__builtin_ctzll(n))
                                                 : std::to_string(n));
    }
    if (key.mki.bytes > 0)
      text.append("|")
          .append(std::to_string(key.mki.value))
          .append(":")
          .append(std::to_string(key.mki.bytes));
    separator = ';';
  }
  const SdesParameters& p = crypto.parameters;
  if (p.has_key_derivation_rate)
    text.append(" KDR=").append(std::to_string(p.key_derivation_rate_log2));
  if (p.unencrypted_srtp) text.append(" UNENCRYPTED_SRTP");
  if (p.unencrypted_srtcp) text.append(" UNENCRYPTED_SRTCP");
  if (p.unauthenticated_srtp) text.append(" UNAUTHENTICATED_SRTP");
  if (p.window_size_hint) text.append(" WSH=").append(std::to_string(*p.window_size_hint));
  return text;
}

}  // namespace holdfast::media
