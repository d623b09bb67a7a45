// SPDX-License-Identifier: Apache-2.0
// SDES: keys in the a=crypto attribute of SDP (RFC 4568), read, judged and written.
//
// Pure and safe on any text; any thread. What is read or written here is secret: no function of it
// logs, and the text that write_crypto() makes is for an SDP body alone (wipe() it afterwards).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/result.hh"
#include "media/srtp/master_key.hh"
#include "media/srtp/suite.hh"

namespace holdfast::media {

// Every reason to refuse a crypto attribute: X(name, what is wrong). Counter names. None of the
// texts holds anything of the attribute.
#define HOLDFAST_SDES_REJECTS(X)                                                               \
  X(sdes_too_long, "longer than 2,048 bytes")                                                  \
  X(sdes_bad_tag, "the tag is no number of 1 to 9 digits without leading zeros")               \
  X(sdes_no_suite, "no crypto suite behind the tag")                                           \
  X(sdes_unknown_suite, "a crypto suite that we do not carry")                                 \
  X(sdes_no_key, "no key parameter")                                                           \
  X(sdes_bad_key_method, "a key method other than inline")                                     \
  X(sdes_bad_base64, "the key is not base64")                                                  \
  X(sdes_bad_key_length, "key and salt are not as long as the suite's")                        \
  X(sdes_bad_lifetime, "the lifetime is no number of packets from 1 to 2^48")                  \
  X(sdes_bad_mki, "the MKI is no value:length, the value fits not, or is longer than 8 bytes") \
  X(sdes_too_many_keys, "more than 4 keys in one attribute")                                   \
  X(sdes_ambiguous_keys, "several keys without an MKI each, of one length and different")      \
  X(sdes_bad_parameter, "a session parameter twice, or with a value that it cannot have")      \
  X(sdes_unknown_parameter, "a session parameter that we do not know and must not ignore")     \
  X(sdes_too_many, "more than 16 crypto attributes of one stream")                             \
  X(sdes_duplicate_tag, "a tag that an attribute of this stream has already")                  \
  X(sdes_key_derivation_rate, "a key derivation rate other than zero")                         \
  X(sdes_unencrypted, "UNENCRYPTED_SRTP or UNENCRYPTED_SRTCP")                                 \
  X(sdes_unauthenticated, "UNAUTHENTICATED_SRTP")                                              \
  X(sdes_fec, "FEC_ORDER or FEC_KEY")                                                          \
  X(sdes_answer_tag, "an answer with a tag that was not offered")                              \
  X(sdes_answer_suite, "an answer with another suite than that of its tag in the offer")

enum class SdesReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_SDES_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(SdesReject reject);
std::string_view text_of(SdesReject reject);

inline constexpr size_t kMaxCryptoBytes = 2048;  // 4 keys of AES-256 and all parameters: 600
inline constexpr size_t kMaxCryptoKeys = 4;      // in one attribute
inline constexpr size_t kMaxCryptoLines = 16;    // of one stream: offers list each suite once
inline constexpr size_t kMaxMkiBytes = 8;        // 128 by the RFC; 1 to 4 are what is seen
inline constexpr uint64_t kMaxSrtpLifetime = uint64_t{1} << 48;  // RFC 3711 section 9.2

// A master key identifier (RFC 3711 section 3.1) as it lies in a packet: `bytes` of `value`,
// big-endian.
struct SrtpMki {
  uint64_t value = 0;
  uint8_t bytes = 0;  // 0: no MKI
  friend bool operator==(const SrtpMki&, const SrtpMki&) = default;
};

// inline:KEY|2^31|1:1
struct SdesKey {
  SrtpMasterKey master;
  uint64_t lifetime_packets = kMaxSrtpLifetime;
  SrtpMki mki;
};

// RFC 4568 section 6.3.
struct SdesParameters {
  uint8_t key_derivation_rate_log2 = 0;  // KDR=n: 2^n packets, 0 to 24
  bool has_key_derivation_rate = false;
  bool unencrypted_srtp = false;
  bool unencrypted_srtcp = false;
  bool unauthenticated_srtp = false;
  bool fec_order = false;
  bool fec_key = false;
  std::optional<uint16_t> window_size_hint;  // WSH, 64 and above
  friend bool operator==(const SdesParameters&, const SdesParameters&) = default;
};

struct SdesCrypto {
  uint32_t tag = 1;
  SrtpSuite suite = SrtpSuite::aes_cm_128_hmac_sha1_80;
  std::vector<SdesKey> keys;  // at least one; the sender uses the first
  SdesParameters parameters;
};

// `value` is what stands behind a=crypto:. Parameters that begin with - and are not known are left
// out (RFC 4568 section 6.3.7).
Result<SdesCrypto, SdesReject> parse_crypto(std::string_view value);

// Why we cannot carry what is well formed; none: we can. RFC 4568 section 7.1.2 lets an answerer
// pass over such attributes.
std::optional<SdesReject> why_not_carried(const SdesCrypto& crypto);

// All crypto attributes of one stream, in the order of preference of whoever wrote them.
struct SdesLines {
  std::vector<SdesCrypto> usable;
  std::vector<SdesReject> refused;  // one for each line that is not usable
};
SdesLines read_crypto_lines(std::span<const std::string_view> values);

// What stands behind a=crypto:. FEC parameters are not written: we never carry them.
std::string write_crypto(const SdesCrypto& crypto);

}  // namespace holdfast::media
