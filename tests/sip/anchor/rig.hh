// SPDX-License-Identifier: Apache-2.0
// A call's messages through an anchor, its loop and its dataplane, all turned by hand.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip/anchor/media_anchor.hh"
#include "tests/sip/anchor/hand_dataplane.hh"
#include "tests/sip/anchor/hand_loop.hh"
#include "tests/sip/anchor/sdp_texts.hh"

namespace holdfast::sip {

inline Origin at(const std::string& interface, const std::string& address) {
  return {*SocketAddress::parse(address), Transport::udp, interface};
}
inline const Origin kPhone = at("lan", "198.18.1.10:5060");
inline const Origin kCentre = at("wan", "198.18.3.9:8060");

// The messages of one call with the caller in the branch and the callee at the centre.
struct Call {
  uint64_t key = 1;
  std::string caller_tag = "alice";
  std::string callee_tag = "bob";
  std::string branch = "z9hG4bK-1";
  Origin caller = kPhone, callee = kCentre;

  MediaMessage message(media::Side sender, Method method, int status, std::string body) const {
    MediaMessage m;
    m.call_key = key;
    m.sender = sender;
    m.caller_tag = caller_tag;
    m.callee_tag = callee_tag;
    m.method = method;
    m.status = status;
    m.from = sender == media::Side::caller ? caller : callee;
    m.to = sender == media::Side::caller ? callee : caller;
    if (!body.empty()) m.content_type = "application/sdp";
    m.body = std::move(body);
    return m;
  }
  // Of the call's first INVITE.
  MediaMessage invite(std::string body) const {
    MediaMessage m = message(media::Side::caller, Method::invite, 0, std::move(body));
    m.callee_tag.clear();
    m.branch = branch;
    return m;
  }
  MediaMessage reply(int status, std::string body, bool reliable = false) const {
    MediaMessage m = message(media::Side::callee, Method::invite, status, std::move(body));
    m.branch = branch;
    m.reliable = reliable;
    return m;
  }
  // Inside the dialog, of either side.
  MediaMessage request(media::Side sender, Method method, std::string body) const {
    return message(sender, method, 0, std::move(body));
  }
  MediaMessage response(media::Side sender, Method method, int status, std::string body) const {
    return message(sender, method, status, std::move(body));
  }
};

class AnchorRig : public testing::Test {
 protected:
  AnchorRig() : path_(testing::TempDir() + "hf-anchor-" + std::to_string(::getpid()) + ".sock") {
    config_.socket_path = path_;
  }
  void start() {
    if (!dataplane) dataplane = std::make_unique<HandDataplane>(path_);
    start_anchor();
    settle();
    ASSERT_EQ(anchor->snapshot().state, AnchorState::up);
  }
  void start_anchor() {
    anchor.reset();
    anchor = std::make_unique<MediaAnchor>(
        loop, config_, [this](LogLevel, const std::string& line) { logged += line + "\n"; });
    anchor->on_silence([this](uint64_t key) { silent.push_back(key); });
  }

  // Works off all that is ready.
  void settle() {
    for (int quiet = 0; quiet < 2;) {
      const bool ours = loop.turn();
      const bool theirs = dataplane && dataplane->turn();
      quiet = ours || theirs ? 0 : quiet + 1;
    }
  }
  // Lets time pass in the steps of the timers.
  void pass(uint64_t ms) {
    const uint64_t end = loop.now_ms() + ms;
    settle();
    while (loop.next_ms() <= end) {
      loop.set_now(loop.next_ms());
      settle();
    }
    loop.set_now(end);
    settle();
  }

  // The verdict; none: it is not there yet.
  std::shared_ptr<std::optional<MediaVerdict>> begin(const MediaMessage& message) {
    auto verdict = std::make_shared<std::optional<MediaVerdict>>();
    anchor->message(message, [verdict](MediaVerdict v) {
      EXPECT_FALSE(*verdict) << "told twice";
      *verdict = std::move(v);
    });
    return verdict;
  }
  MediaVerdict send(const MediaMessage& message) {
    const auto verdict = begin(message);
    settle();
    EXPECT_TRUE(*verdict) << "no verdict";
    return verdict->value_or(MediaVerdict{});
  }
  // What is sent on, SDP or not.
  std::string sent(const MediaMessage& message) {
    const MediaVerdict verdict = send(message);
    EXPECT_NE(verdict.kind, MediaVerdict::Kind::refuse) << verdict.reason;
    return verdict.kind == MediaVerdict::Kind::replace ? verdict.body : message.body;
  }
  std::vector<control::CallReport> end(uint64_t key) {
    std::optional<std::vector<control::CallReport>> reports;
    anchor->call_ended(key, [&](std::vector<control::CallReport> r) { reports = std::move(r); });
    settle();
    EXPECT_TRUE(reports);
    return reports.value_or(std::vector<control::CallReport>());
  }
  uint64_t count(std::string_view name) const {
    for (const auto& each : anchor->snapshot().counters)
      if (each.name == name) return each.count;
    return 0;
  }
  // Nothing was asked of the dataplane but that sources be learned again.
  bool only_relearned() const {
    const auto log = dataplane->log();
    return std::all_of(log.begin(), log.end(), [](const std::string& line) {
      return line == "update 1 relearn" || line == "update 2 relearn" ||
             line == "update 3 relearn" || line == "update 4 relearn";
    });
  }
  std::string remote(const std::string& name, size_t leg) const {
    const auto& remote = dataplane->calls().at(name).legs[leg].remote;
    return remote ? remote->to_string() : "none";
  }

  std::string path_;
  AnchorConfig config_;
  HandLoop loop;
  std::unique_ptr<HandDataplane> dataplane;
  std::unique_ptr<MediaAnchor> anchor;
  std::vector<uint64_t> silent;
  std::string logged;
};

}  // namespace holdfast::sip
