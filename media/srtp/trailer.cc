// SPDX-License-Identifier: Apache-2.0
// From suites and MKIs to bytes.
#include "media/srtp/trailer.hh"

#include <algorithm>

namespace holdfast::media {
namespace {

// DTLS, and suites that we do not know: that of AES_CM_128_HMAC_SHA1_80, the most common.
constexpr uint32_t kUsualTrailerBytes = 10;

uint32_t bytes_of(const SrtpSaid::Choice& choice) {
  return trailer_bytes_of(choice.suite) + choice.mki_bytes;
}

}  // namespace

uint32_t trailer_bytes_of(SrtpSuite suite) {
  return traits_of(suite).rtp_tag_bytes;
}

SrtpSaid srtp_said(const Sdp& sdp, const SdpMedia& section, const MediaDescription& line) {
  SrtpSaid said;
  said.any = line.crypto || line.transport == MediaTransport::srtp ||
             line.transport == MediaTransport::dtls_srtp;
  said.optional = line.crypto && line.transport == MediaTransport::rtp;
  if (!line.crypto) return said;
  for (const SdesCrypto& each : read_crypto_lines(crypto_values(sdp, section)).usable)
    said.choices.push_back({each.suite, each.keys.front().mki.bytes});
  return said;
}

uint32_t trailer_bytes_of(const SrtpSaid& said, const SrtpTerms& writer) {
  if (!said.any) return 0;
  if (writer.ours) {
    if (!writer.may) return 0;
    for (const SrtpSuite suite : writer.suites)
      for (const SrtpSaid::Choice& choice : said.choices)
        if (choice.suite == suite) return bytes_of(choice);
    return 0;
  }
  uint32_t most = 0;
  for (const SrtpSaid::Choice& choice : said.choices) most = std::max(most, bytes_of(choice));
  return said.choices.empty() ? kUsualTrailerBytes : most;
}

bool may_come_to(const SrtpSaid& said, uint32_t trailer_bytes) {
  if (trailer_bytes == 0) return !said.any || said.optional;
  if (said.any && said.choices.empty()) return trailer_bytes == kUsualTrailerBytes;
  return std::any_of(
      said.choices.begin(), said.choices.end(),
      [trailer_bytes](const SrtpSaid::Choice& each) { return bytes_of(each) == trailer_bytes; });
}

uint32_t most_trailer_bytes(const SrtpTerms& reader) {
  uint32_t most = 0;
  if (!reader.ours || !reader.may) return most;
  for (const SrtpSuite suite : reader.suites) most = std::max(most, trailer_bytes_of(suite));
  return most;
}

}  // namespace holdfast::media
