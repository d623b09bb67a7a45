// SPDX-License-Identifier: Apache-2.0
// What one m= section asks of the relay, as a value that outlives the SDP text.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/address.hh"
#include "media/sdp.hh"
#include "media/sdp_attributes.hh"
#include "media/sdp_limits.hh"

namespace holdfast::media {

enum class MediaTransport : uint8_t {
  rtp,        // RTP/AVP, RTP/AVPF (RFC 3551, RFC 4585)
  srtp,       // RTP/SAVP, RTP/SAVPF: keys in a=crypto (RFC 4568)
  dtls_srtp,  // UDP/TLS/RTP/SAVP, UDP/TLS/RTP/SAVPF (RFC 5764): keys on the media path
  udptl,      // T.38 fax (ITU-T T.38 annex D)
  other       // TCP, MSRP, BFCP, SCTP ...: nothing that the relay carries
};
std::string_view name_of(MediaTransport transport);
MediaTransport transport_from(std::string_view proto);
bool is_rtp(MediaTransport transport);  // one of the first three

struct PayloadClock {
  uint8_t payload_type = 0;
  uint32_t hz = 0;
  friend bool operator==(const PayloadClock&, const PayloadClock&) = default;
};

// The clocks of dynamic payload types, in the order of preference; the rest is left out.
class PayloadClocks {
 public:
  // False: full, or the payload type is there already.
  bool add(PayloadClock clock);
  std::span<const PayloadClock> all() const { return std::span(clocks_).first(count_); }
  friend bool operator==(const PayloadClocks&, const PayloadClocks&) = default;

 private:
  std::array<PayloadClock, kMaxDynamicClocks> clocks_{};
  uint8_t count_ = 0;
};

struct SdesKey;  // media/srtp/sdes.hh
// Compared by identity: whoever settles keys hands on the same object for a key that stays.
using SdesKeyPtr = std::shared_ptr<const SdesKey>;

// How the media of one side is protected (RFC 3711, keys by RFC 4568).
struct SrtpEnd {
  enum class Mode : uint8_t {
    plain,
    sdes,
    kept  // keys from before we started: only the dataplane has them
  };
  Mode mode = Mode::plain;
  SdesKeyPtr in;   // of what the side sends; none yet: nothing of it can be read
  SdesKeyPtr out;  // of what it is sent
  friend bool operator==(const SrtpEnd&, const SrtpEnd&) = default;
};

// One a=crypto of ours.
struct CryptoOffer {
  uint32_t tag = 1;
  SdesKeyPtr key;
  friend bool operator==(const CryptoOffer&, const CryptoOffer&) = default;
};

struct MediaDescription {
  std::string media;  // audio, video, image ... in small letters
  MediaTransport transport = MediaTransport::other;
  uint16_t port = 0;  // 0: refused, or switched off
  uint16_t port_count = 1;
  // Where its writer wants media. None: port 0, c= is a name, or held by 0.0.0.0.
  std::optional<SocketAddress> remote;
  // a=rtcp, else the next port: where RTCP goes unless both sides have rtcp_mux. Only of RTP, only
  // beside remote.
  std::optional<SocketAddress> remote_rtcp;
  std::string host;       // c=, when it is a name: to be resolved off the loop, or learned
  bool rtcp_mux = false;  // offered or accepted (RFC 5761)
  // Of an offer: we offer rtcp-mux to whoever is to answer it, whatever its writer did.
  bool rtcp_mux_onward = false;
  bool crypto = false;  // has a=crypto, on RTP/AVP too (RFC 4568)
  // Set by whoever settles SRTP (media/srtp/sdes_terms.hh). While srtp_ours is false the line's
  // keys are between the two sides, and we carry what we cannot read.
  bool srtp_ours = false;
  SrtpEnd srtp;             // with the line's writer
  uint32_t crypto_tag = 0;  // of the attribute by which that is so; 0: plain
  // Of an offer: what we offer to whoever is to answer it. Empty: plain RTP.
  std::vector<CryptoOffer> crypto_onward;
  bool secure_onward = false;    // by RTP/SAVP(F), so that it cannot be answered in the clear
  bool held_by_address = false;  // c=0.0.0.0, the hold of RFC 2543 (RFC 3264 section 8.4)
  SdpDirection direction = SdpDirection::sendrecv;
  PayloadClocks clocks;
  std::optional<uint8_t> telephone_event;  // its payload type (RFC 4733)
  uint16_t ptime_ms = 0;                   // 0: not said

  bool refused() const { return port == 0; }
  // What remains of an m= line that is refused: its place and kind.
  void refuse();
  friend bool operator==(const MediaDescription&, const MediaDescription&) = default;
};

// One description per m= line, in their order.
using MediaList = std::vector<MediaDescription>;
Result<MediaList, SdpReject> describe_media(const Sdp& sdp);

// The m= lines whose remote is an address of our own: SDP that we wrote has come back, through a
// B2BUA or a spiral, and the dataplane joins these legs.
std::vector<size_t> media_of_ours(const MediaList& media,
                                  const std::function<bool(const SocketAddress&)>& is_ours);

}  // namespace holdfast::media
