// SPDX-License-Identifier: Apache-2.0
// The counters of media anchoring: its own, and one for each reason to refuse SDP, an offer, an
// answer, or a request to the dataplane.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/client/client_error.hh"
#include "media/offer_answer.hh"
#include "media/sdp.hh"
#include "sip/anchor/anchor_snapshot.hh"

namespace holdfast::sip {

class AnchorCounts {
 public:
  void add(AnchorCounter counter) { ++own_[static_cast<size_t>(counter)]; }
  void add(media::SdpReject reject) { ++rejects_[media::name_of(reject)]; }
  void add(media::OfferAnswerReject reject) { ++rejects_[media::name_of(reject)]; }
  // Of SRTP: a name of media/srtp/sdes_terms.hh or sdes.hh.
  void add_srtp(std::string_view reject) { ++rejects_[reject]; }
  void add(const control::ClientError& error) { ++dataplane_[name_of(error)]; }
  uint64_t of(AnchorCounter counter) const { return own_[static_cast<size_t>(counter)]; }

  // Own counters with zeroes, the others once they have counted.
  std::vector<control::NamedCount> all() const;

  // "dataplane_no_free_port", "dataplane_timeout", ...
  static std::string name_of(const control::ClientError& error);

 private:
  std::array<uint64_t, static_cast<size_t>(AnchorCounter::count)> own_{};
  std::map<std::string_view, uint64_t> rejects_;            // names live for ever
  std::map<std::string, uint64_t, std::less<>> dataplane_;  // by code: bounded by their number
};

}  // namespace holdfast::sip
