// SPDX-License-Identifier: Apache-2.0
// A call with SRTP through an anchor: bodies with keys, and what is found of them in others.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sip/anchor/rig.hh"

namespace holdfast::sip {

using control::LegSrtp;
using media::Side;
using media::SrtpPolicy;
using media::SrtpSuite;

inline const std::string kAlice = "198.18.1.10:4000";
inline const std::string kBob = "198.18.3.20:6000";
inline const std::string kAliceKey = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
inline const std::string kBobKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
inline const std::string kNewKey = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
inline const std::string kGcmKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";

inline std::string crypto(int tag, const std::string& key, const std::string& more = "") {
  const bool gcm = key == kGcmKey;
  return "a=crypto:" + std::to_string(tag) +
         (gcm ? " AEAD_AES_128_GCM" : " AES_CM_128_HMAC_SHA1_80") + " inline:" + key + more +
         "\r\n";
}
inline std::string savp(std::string body) {
  const size_t at = body.find("RTP/AVP");
  return body.replace(at, 7, "RTP/SAVP");
}

// The keys of a body's a=crypto lines, by tag.
struct Seen {
  bool secure = false;
  std::vector<media::SdesCrypto> keys;
};
inline Seen seen(const std::string& body, size_t line = 0) {
  const auto sdp = media::parse_sdp(body);
  EXPECT_TRUE(sdp);
  Seen out;
  if (!sdp || line >= sdp->media().size()) return out;
  const auto& section = sdp->media()[line];
  out.secure = media::transport_from(section.proto) == media::MediaTransport::srtp;
  auto lines = media::read_crypto_lines(media::crypto_values(*sdp, section));
  EXPECT_TRUE(lines.refused.empty());
  out.keys = std::move(lines.usable);
  return out;
}
inline const media::SrtpMasterKey& master(const media::SdesCrypto& crypto) {
  return crypto.keys.front().master;
}
inline bool is(const std::optional<media::SdesKey>& key, const std::string& base64) {
  return key &&
         seen(savp(sdp(kBob, crypto(1, base64)))).keys[0].keys[0].master.same_as(key->master);
}

class Srtp : public AnchorRig {
 protected:
  void rules(SrtpPolicy lan, SrtpPolicy wan, std::vector<SrtpSuite> wan_suites = {}) {
    config_.media.srtp["lan"].policy = lan;
    config_.media.srtp["wan"].policy = wan;
    if (!wan_suites.empty()) config_.media.srtp["wan"].suites = std::move(wan_suites);
    call.caller.transport = call.callee.transport = Transport::tls;
    start();
  }
  const LegSrtp* leg(Side side) {
    return dataplane->keys(dataplane->only().call)[media::index_of(side)].get();
  }
  // From plain Alice to Bob with SRTP.
  void establish() {
    rules(SrtpPolicy::forbid, SrtpPolicy::require);
    offered = sent(call.invite(sdp(kAlice)));
    answered = sent(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey)))));
    name = dataplane->only().call;
    dataplane->forget_log();
  }
  Call call;
  std::string offered, answered, name;
};

}  // namespace holdfast::sip
