// SPDX-License-Identifier: Apache-2.0
// Offers that may still be answered when we are killed, with the keys of ours that go with them.
//
// An answer (RFC 3264, RFC 4568) says nothing without its offer. Each is a file of its own in a
// directory in memory (tmpfs, 0700; the files 0600), as secret as the dataplane's memory file. SIP
// loop only. Bounded: what does not fit is not kept, and its answer cannot be followed after a
// restart. Nothing here throws or logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "media/media_stream.hh"
#include "media/wipe.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

struct KeptOffer {
  media::Side sender = media::Side::caller;
  Method method = Method::invite;
  int status = 0;  // of a response that made the offer; 0: a request
  bool reliable = false;
  media::WipedString sdp;  // as its writer sent it
  // Of each m= line what was made of it by us: srtp.out, crypto_onward, secure_onward.
  media::MediaList ours;
};

class OfferFiles {
 public:
  static constexpr size_t kMaxFiles = 2048;
  static constexpr size_t kMaxSdpBytes = 8192;

  // Makes the directory, and deletes what lies there for longer than any offer waits. Empty:
  // nothing is kept.
  explicit OfferFiles(std::string directory);
  // Why the directory could not be made or read to its end, for the operator; empty: it could.
  const std::string& problem() const { return problem_; }

  // Both names of an offer: the call's key, and what names its dialog or branch there. False: not
  // kept, and what was kept under that name is gone.
  bool keep(uint64_t call_key, std::string_view dialog, const KeptOffer& offer);
  // None: there is none, or it was not written to its end.
  std::optional<KeptOffer> find(uint64_t call_key, std::string_view dialog) const;
  bool has(uint64_t call_key, std::string_view dialog) const;
  void forget(uint64_t call_key, std::string_view dialog);
  // All of the call.
  void forget(uint64_t call_key);

 private:
  // What the process before us has left.
  void take_over(std::error_code& failed);

  std::string directory_, problem_;
  std::set<std::string> names_;  // of the files that are there
};

}  // namespace holdfast::sip
