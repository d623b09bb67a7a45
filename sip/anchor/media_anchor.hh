// SPDX-License-Identifier: Apache-2.0
// Puts our addresses into the SDP of calls and has the dataplane relay what then comes to them.
//
// SIP loop only, never waits. Offers and answers are followed by media/ (RFC 3264, RFC 6337); the
// legs lie in the dataplane under names that hold the call's key, so that both this process and the
// dataplane may be killed at any time: what is found there is taken over, what it has lost is given
// to it again on the same ports. docs/media-anchoring.md has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hh"
#include "sip/anchor/anchor_snapshot.hh"
#include "sip/loop.hh"
#include "sip/media_ask.hh"
#include "sip/media_filter.hh"

namespace holdfast::sip {

// Whether RTP and RTCP may share a port (RFC 5761), with the endpoints behind one interface.
enum class RtcpMux : uint8_t {
  off,     // never
  answer,  // with whoever offers it
  offer    // it is offered to them too
};

// What differs between interfaces, beside their SRTP.
struct InterfaceRules {
  RtcpMux rtcp_mux = RtcpMux::answer;
  bool strict_source = false;  // only the address that SDP names may send; else it is learned
};

struct AnchorConfig {
  std::string socket_path = "/run/holdfast/dataplane.sock";
  // In memory, for offers that wait for their answers; empty: after a restart answers are followed
  // as far as the dataplane's legs tell, those with SRTP are not.
  std::string offers_directory;
  MediaRules media;                             // those that the proxy has (RouteConfig::media)
  std::map<std::string, InterfaceRules> rules;  // by the interface's name; the defaults else
  // How long the dataplane may take for one answer, and a message may wait for a dataplane that
  // has just gone. Below T1 (RFC 3261 section 17.1.1.2): a phone does not even send again.
  uint32_t answer_timeout_ms = 400;
  // When the dataplane has no leg or port: true refuses with 503, false passes unanchored.
  bool refuse_without_legs = true;
  uint32_t one_way_s = 10;         // nothing from one side until it is told of; 0: never
  uint32_t media_timeout_s = 90;   // silence in every direction until a call is told of; 0: never
  uint32_t hold_timeout_s = 7200;  // the same while all its media is on hold
  uint32_t poll_s = 5;             // how often the legs are listed
  size_t max_calls = 4096;         // twice as many with calls for help
  size_t max_waiting = 16;         // messages of one call
};

class MediaAnchor final : public MediaFilter {
 public:
  // The loop outlives the anchor. Starts at once: connects, takes over what the dataplane has.
  MediaAnchor(Loop& loop, AnchorConfig config, Logger logger);
  // Leaves every leg as it is: calls go on. Callbacks that are still owed are not called.
  ~MediaAnchor() override;
  MediaAnchor(const MediaAnchor&) = delete;
  MediaAnchor& operator=(const MediaAnchor&) = delete;

  void message(const MediaMessage& message, std::function<void(MediaVerdict)> done) override;
  void dialog_ended(uint64_t call_key, const std::string& caller_tag,
                    const std::string& callee_tag) override;
  void call_ended(uint64_t call_key,
                  std::function<void(std::vector<control::CallReport>)> done) override;
  void on_silence(std::function<void(uint64_t call_key)> silent) override;
  void on_one_way(OneWay one_way) override;
  void on_unanchored(std::function<void(uint64_t call_key)> unanchored) override;

  AnchorSnapshot snapshot() const;

  // What this process asks of the dataplane beside anchoring, a page's status for instance, shares
  // the connection: done has an error when the dataplane is away.
  using StatusDone = std::function<void(Result<control::StatusReport, std::string>)>;
  void dataplane_status(StatusDone done);
  using MinutesDone = std::function<void(Result<control::MinutePage, std::string>)>;
  void dataplane_minutes(const control::MinuteList& page, MinutesDone done);
  // The calls as the dataplane listed them at the last poll, those of others too: no waiting.
  const std::vector<control::CallReport>& last_list() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

// The call key in the name that the dataplane lists a call under; none: not a call of the anchor's.
std::optional<uint64_t> call_key_of_stream(std::string_view name);

}  // namespace holdfast::sip
