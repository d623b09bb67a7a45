// SPDX-License-Identifier: Apache-2.0
// SRTP of an m= line, settled with each side of a call for itself.
#include "media/srtp/sdes_terms.hh"

#include <algorithm>

#include "media/sdp_text.hh"

namespace holdfast::media {
namespace {

bool same_key(const SdesKey& a, const SdesKey& b) {
  return a.master.same_as(b.master) && a.lifetime_packets == b.lifetime_packets && a.mki == b.mki;
}

// The first key of the attribute: the object that stands for it already, or a new one.
SdesKeyPtr key_of(SdesCrypto& crypto, std::initializer_list<const MediaDescription*> before) {
  SdesKey& key = crypto.keys.front();
  for (const MediaDescription* known : before)
    if (known && known->srtp.in && same_key(*known->srtp.in, key)) return known->srtp.in;
  return std::make_shared<const SdesKey>(std::move(key));
}

bool had_srtp(const MediaDescription* before) {
  return before && before->srtp.mode != SrtpEnd::Mode::plain;
}

// Ours that stands, if it is of that suite, or a new one; null: there is no randomness. A key that
// gave way to another never comes back: its packets would be numbered again from the beginning.
SdesKeyPtr own_key(SrtpSuite suite, std::initializer_list<const MediaDescription*> before) {
  for (const MediaDescription* known : before)
    if (known && known->srtp.out && known->srtp.out->master.suite() == suite)
      return known->srtp.out;
  auto master = SrtpMasterKey::generate(suite);
  if (!master) return nullptr;
  return std::make_shared<const SdesKey>(SdesKey{std::move(*master), kMaxSrtpLifetime, {}});
}

SdesCrypto* preferred(std::vector<SdesCrypto>& offered, std::span<const SrtpSuite> suites) {
  for (const SrtpSuite suite : suites)
    for (SdesCrypto& each : offered)
      if (each.suite == suite) return &each;
  return nullptr;
}

// With the offer's writer. The name of the refusal, or empty.
std::string_view settle_writer(std::vector<SdesCrypto>& offered, const SrtpTerms& terms,
                               const SrtpBefore& before, MediaDescription& line) {
  const bool secure = line.transport == MediaTransport::srtp;
  line.srtp = {};
  line.crypto_tag = 0;
  if (!terms.may) return secure || terms.must ? name_of(terms.why_not) : std::string_view();
  SdesCrypto* taken = preferred(offered, terms.suites);
  if (taken == nullptr) {
    if (line.crypto && (secure || terms.must)) return name_of(SrtpReject::srtp_no_suite);
    if (secure) return name_of(SrtpReject::srtp_no_crypto);
    return terms.must ? name_of(SrtpReject::srtp_required) : std::string_view();
  }
  line.srtp.mode = SrtpEnd::Mode::sdes;
  line.srtp.out = own_key(taken->suite, {before.same_offer, before.writer});
  if (!line.srtp.out) return name_of(SrtpReject::srtp_no_random);
  line.srtp.in = key_of(*taken, {before.same_offer, before.writer});
  line.crypto_tag = taken->tag;
  return {};
}

// It said RTP/SAVP itself, or it had keys from the process before, and may have. Offered RTP/AVP it
// might refuse the line, and it could be answered in the clear.
bool keeps_to_srtp(const MediaDescription* reader) {
  if (!had_srtp(reader)) return false;
  return reader->srtp.mode == SrtpEnd::Mode::kept || reader->transport == MediaTransport::srtp;
}

// What its reader is offered: the suite that it uses first, so that a re-INVITE changes nothing
// that need not change.
std::string_view settle_reader(const SrtpTerms& terms, const SrtpBefore& before,
                               MediaDescription& line) {
  line.crypto_onward.clear();
  line.secure_onward = terms.must || (terms.may && keeps_to_srtp(before.reader));
  if (!terms.may) return terms.must ? name_of(terms.why_not) : std::string_view();
  if (before.same_offer && !before.same_offer->crypto_onward.empty()) {
    line.crypto_onward = before.same_offer->crypto_onward;
    return {};
  }
  std::vector<SrtpSuite> suites(terms.suites.begin(), terms.suites.end());
  if (before.reader && before.reader->srtp.out)
    std::stable_partition(suites.begin(), suites.end(), [&](SrtpSuite suite) {
      return suite == before.reader->srtp.out->master.suite();
    });
  uint32_t tag = 0;
  for (const SrtpSuite suite : suites) {
    SdesKeyPtr key = own_key(suite, {before.reader});
    if (!key) return name_of(SrtpReject::srtp_no_random);
    line.crypto_onward.push_back({++tag, std::move(key)});
  }
  return {};
}

// The attribute by which an answer takes one of ours; null: `refused` says why not.
SdesCrypto* taken_of(SdesLines& lines, const MediaDescription& offer, std::string_view& refused,
                     SdesKeyPtr& ours) {
  for (SdesCrypto& each : lines.usable) {
    const auto own =
        std::find_if(offer.crypto_onward.begin(), offer.crypto_onward.end(),
                     [&](const CryptoOffer& offered) { return offered.tag == each.tag; });
    if (own == offer.crypto_onward.end()) {
      if (refused.empty()) refused = name_of(SdesReject::sdes_answer_tag);
    } else if (own->key->master.suite() != each.suite) {
      if (refused.empty()) refused = name_of(SdesReject::sdes_answer_suite);
    } else {
      ours = own->key;
      refused = {};
      return &each;
    }
  }
  if (refused.empty() && !lines.refused.empty()) refused = name_of(lines.refused.front());
  return nullptr;
}

}  // namespace

std::string_view name_of(SrtpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SrtpReject::name:       \
    return #name;
    HOLDFAST_SRTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(SrtpReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case SrtpReject::name:       \
    return text;
    HOLDFAST_SRTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

SrtpTerms srtp_terms(const SrtpRules& own, const SrtpRules& of_other) {
  SrtpTerms terms;
  const bool both_pass =
      own.policy == SrtpPolicy::pass_through && of_other.policy == SrtpPolicy::pass_through;
  // Keys that are safe on one side would not be on the other.
  const bool would_leak = own.may_tell_keys != of_other.may_tell_keys;
  terms.ours = !both_pass || would_leak;
  terms.may = !both_pass && own.policy != SrtpPolicy::forbid && own.may_tell_keys;
  terms.must = own.policy == SrtpPolicy::require;
  if (own.policy != SrtpPolicy::forbid) terms.why_not = SrtpReject::srtp_needs_tls;
  terms.suites = own.suites;
  return terms;
}

std::vector<std::string_view> crypto_values(const Sdp& sdp, const SdpMedia& section) {
  std::vector<std::string_view> values;
  for (const SdpLine& line : sdp.lines_of(section)) {
    if (line.type != 'a') continue;
    const SdpAttribute attribute = attribute_of(line);
    if (same_word(attribute.name, "crypto")) values.push_back(attribute.value);
  }
  return values;
}

SrtpOutcome settle_offer(std::span<const std::string_view> crypto, const SrtpTerms& writer,
                         const SrtpTerms& reader, const SrtpBefore& before,
                         MediaDescription& line) {
  SrtpOutcome outcome;
  line.srtp_ours = writer.ours;
  if (!writer.ours) return outcome;
  SdesLines lines;
  if (writer.may) lines = read_crypto_lines(crypto);
  outcome.passed_over = std::move(lines.refused);
  outcome.refused = settle_writer(lines.usable, writer, before, line);
  outcome.given_up = outcome.refused.empty() && had_srtp(before.writer) && !had_srtp(&line);
  if (outcome.refused.empty()) outcome.refused = settle_reader(reader, before, line);
  return outcome;
}

SrtpOutcome settle_answer(std::span<const std::string_view> crypto, const MediaDescription& offer,
                          const MediaDescription* before, MediaDescription& line) {
  SrtpOutcome outcome;
  line.srtp_ours = offer.srtp_ours;
  if (!offer.srtp_ours) return outcome;
  const bool secure = line.transport == MediaTransport::srtp;
  line.srtp = {};
  line.crypto_tag = 0;
  if (offer.srtp.mode == SrtpEnd::Mode::kept) {
    outcome.refused = name_of(SrtpReject::srtp_keys_lost);
  } else if (offer.crypto_onward.empty()) {
    if (secure) outcome.refused = name_of(SrtpReject::srtp_unasked);
  } else if (crypto.empty()) {
    if (secure)
      outcome.refused = name_of(SrtpReject::srtp_no_crypto);
    else if (offer.secure_onward)
      outcome.refused = name_of(SrtpReject::srtp_downgraded);
  } else {
    SdesLines lines = read_crypto_lines(crypto);
    SdesKeyPtr ours;
    SdesCrypto* taken = taken_of(lines, offer, outcome.refused, ours);
    outcome.passed_over = std::move(lines.refused);
    if (taken == nullptr) return outcome;
    line.srtp = {SrtpEnd::Mode::sdes, key_of(*taken, {before}), std::move(ours)};
    line.crypto_tag = taken->tag;
  }
  outcome.given_up = outcome.refused.empty() && had_srtp(before) && !had_srtp(&line);
  return outcome;
}

CryptoTexts::~CryptoTexts() {
  for (std::string& text : texts_) wipe(text);
}

void CryptoTexts::add(const CryptoOffer& offer) {
  const SdesKey& key = *offer.key;
  SdesCrypto crypto;
  crypto.tag = offer.tag;
  crypto.suite = key.master.suite();
  crypto.keys.push_back({key.master.clone(), key.lifetime_packets, key.mki});
  texts_.push_back(write_crypto(crypto));
}

}  // namespace holdfast::media
