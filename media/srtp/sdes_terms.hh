// SPDX-License-Identifier: Apache-2.0
// SRTP of an m= line, settled with each side of a call for itself (RFC 4568): which suite, whose
// keys, and what becomes of RTP/AVP, RTP/SAVP and a=crypto in what is sent on. docs/sdp.md has the
// table.
//
// We end SRTP on each side: what a side sends is under its key (`in`), what it is sent under ours
// (`out`), made here and known to that side alone. Pure but for the random generator; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/sdp_media.hh"
#include "media/srtp/sdes.hh"
#include "media/srtp/srtp_policy.hh"

namespace holdfast::media {

// Every reason to refuse an m= line because of SRTP: X(name, what is wrong). Counter names, beside
// those of sdes.hh for an answer's a=crypto.
#define HOLDFAST_SRTP_REJECTS(X)                                                                \
  X(srtp_forbidden, "RTP/SAVP from where SRTP is forbidden")                                    \
  X(srtp_needs_tls, "SRTP is wanted, and SIP does not run over TLS: keys would be read")        \
  X(srtp_required, "plain RTP from where SRTP is required")                                     \
  X(srtp_no_crypto, "RTP/SAVP without a=crypto")                                                \
  X(srtp_no_suite, "no a=crypto of the offer is one that we take here")                         \
  X(srtp_downgraded, "an answer in plain RTP to an offer of SRTP alone")                        \
  X(srtp_unasked, "an answer with RTP/SAVP to an offer of plain RTP")                           \
  X(srtp_keys_lost, "an answer to an offer of ours whose keys went with the process before us") \
  X(srtp_no_random, "the random generator gives no key")

enum class SrtpReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_SRTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(SrtpReject reject);
std::string_view text_of(SrtpReject reject);

// Of one side, for one message.
struct SrtpRules {
  SrtpPolicy policy = SrtpPolicy::pass_through;
  std::span<const SrtpSuite> suites;  // in the order of preference; offered and taken
  bool may_tell_keys = true;          // its SIP runs over TLS, or need not
};

// Of all SIP endpoints behind one interface.
struct SrtpInterface {
  SrtpPolicy policy = SrtpPolicy::pass_through;
  std::vector<SrtpSuite> suites = all_srtp_suites();  // in the order of preference
  bool without_tls = false;  // keys are told to endpoints over UDP and TCP too

  // Of one of them, whose SIP runs over TLS or not. Lives no longer than this.
  SrtpRules rules(bool over_tls) const { return {policy, suites, over_tls || without_tls}; }
};

// What comes of the rules of both. Where both pass through, keys pass between two sides that may
// be told them, or of which neither may: those have told them in the clear themselves. Between one
// that may and one that may not there is no SRTP: the terms are ours, and `may` is false.
struct SrtpTerms {
  bool ours = false;  // false: lines pass untouched, and the next two say nothing
  bool may = false;
  bool must = false;
  SrtpReject why_not = SrtpReject::srtp_forbidden;  // where it may not
  std::span<const SrtpSuite> suites;
};
SrtpTerms srtp_terms(const SrtpRules& own, const SrtpRules& of_other);

// What stands behind a=crypto: of one m= section.
std::vector<std::string_view> crypto_values(const Sdp& sdp, const SdpMedia& section);

// What has been said of the m= line before, in its dialog; each null where there is nothing. Keys
// that still hold are gone on with.
struct SrtpBefore {
  const MediaDescription* same_offer = nullptr;  // that waits, of the same writer
  const MediaDescription* writer = nullptr;      // as it stands
  const MediaDescription* reader = nullptr;
};

// Refused: the counter's name. `passed_over`: of the a=crypto lines that cannot be used.
struct SrtpOutcome {
  std::string_view refused;
  bool given_up = false;  // plain RTP now, of a side that had SRTP before
  std::vector<SdesReject> passed_over;
};

// An offer's line: fills in srtp_ours, srtp, crypto_tag, crypto_onward and secure_onward.
SrtpOutcome settle_offer(std::span<const std::string_view> crypto, const SrtpTerms& writer,
                         const SrtpTerms& reader, const SrtpBefore& before, MediaDescription& line);

// An answer's line to `offer`: fills in srtp_ours, srtp and crypto_tag. `before`: what its writer
// said last, preview or standing; may be null.
SrtpOutcome settle_answer(std::span<const std::string_view> crypto, const MediaDescription& offer,
                          const MediaDescription* before, MediaDescription& line);

// Lines of a=crypto as text with keys in it: for a body, wiped when they go.
class CryptoTexts {
 public:
  CryptoTexts() = default;
  CryptoTexts(CryptoTexts&&) = default;
  CryptoTexts& operator=(CryptoTexts&&) = delete;
  CryptoTexts(const CryptoTexts&) = delete;
  CryptoTexts& operator=(const CryptoTexts&) = delete;
  ~CryptoTexts();

  void add(const CryptoOffer& offer);
  std::span<const std::string> all() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

}  // namespace holdfast::media
