// SPDX-License-Identifier: Apache-2.0
// A branch for the tests of route(): two phones, a gateway, a switchover pair, two interfaces.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "sip/route.hh"
#include "tests/sip/messages.hh"

namespace holdfast::sip {

inline Listener listener(std::string interface, const char* address, Transport transport,
                         bool phones) {
  return {std::move(interface), *SocketAddress::parse(address), transport, phones};
}

class Branch {
 public:
  static constexpr char kAlice[] = "198.18.1.21:5060";  // 1001, known
  static constexpr char kBob[] = "198.18.1.22:5060";    // 1002, known
  static constexpr char kNew[] = "198.18.1.77:5060";    // a phone that never registered
  static constexpr char kGateway[] = "198.18.1.9:5060";
  static constexpr char kCentre[] = "198.18.3.10:8060";
  static constexpr char kSecond[] = "198.18.3.11:8060";
  static constexpr uint64_t kNow = 1000000;

  Branch() : plan(*DialPlan::make(dial_plan())) {
    config.listeners = {listener("lan", "198.18.1.2:5060", Transport::udp, true),
                        listener("lan", "198.18.1.2:5060", Transport::tcp, true),
                        listener("lan", "[2001:db8:1::2]:5060", Transport::udp, true),
                        listener("wan", "198.18.2.2:5060", Transport::udp, false),
                        listener("wan", "198.18.2.2:5060", Transport::tcp, false)};
    config.aliases = {"box.branch.example"};
    config.centre_domain = "centre.example.com";
    config.centre_interface = "wan";
    config.gateways = {{"pstn", *SocketAddress::parse(kGateway), Transport::udp, "lan", {}}};
    config.keys.current.fill(7);
    config.branch_key.fill(9);
    know("1001", kAlice);
    know("1002", kBob);
    state.health = HealthState::online;
    state.now_ms = kNow;
    state.upstreams = {{"centre.example.com", *SocketAddress::parse(kCentre), Transport::udp, 0},
                       {"centre.example.com", *SocketAddress::parse(kSecond), Transport::udp, 0}};
    state.candidates = state.upstreams;
    state.call_key = 0xc0ffee;
  }

  void know(const std::string& user, const char* address) {
    const Request r = registration("sip:" + user + "@centre.example.com",
                                   "sip:" + user + "@" + address, from(address));
    EXPECT_FALSE(bindings.learn(kNow, r, granted(r)));
  }
  Request invite(std::string_view uri, const char* source, const char* interface = "lan") const {
    return request("INVITE", uri, from(source, interface));
  }
  Decision decide(const Request& r) const { return route(r, state); }
  std::string name(const Request& r) const { return counter_of(decide(r)); }
  Forward forwarded(const Request& r) const {
    const Decision decision = decide(r);
    const auto* forward = std::get_if<Forward>(&decision);
    EXPECT_NE(forward, nullptr) << counter_of(decision);
    return forward != nullptr ? *forward : Forward{};
  }
  Reply replied(const Request& r) const {
    const Decision decision = decide(r);
    const auto* answer = std::get_if<Reply>(&decision);
    EXPECT_NE(answer, nullptr) << counter_of(decision);
    return answer != nullptr ? *answer : Reply{};
  }

  static DialPlanConfig dial_plan() {
    DialPlanConfig dial;
    dial.has_gateway = true;
    dial.emergency = {{"911", "911"}};
    dial.outbound = {{"9", 1, "", 8, 20}};
    dial.inbound = {{"+1212555", 8, "", 12, 12}};
    return dial;
  }

  RouteConfig config;
  BindingTable bindings;
  DialPlan plan;
  RouteState state{
      config, bindings, plan,  0, HealthState::online, {}, {}, {}, false, false, false, 30,
      0,      0,        false, {}};
};

// As the far end would send it inside the dialog that `first` made: its Route is our Record-Route.
inline Request in_dialog(std::string_view method, const Request& first, const Target& as_sent,
                         bool by_caller, std::string_view remote_target, Origin origin) {
  Request r = request(method, remote_target, std::move(origin));
  r.call_id = first.call_id;
  r.from = by_caller ? first.from : first.to;
  r.to = by_caller ? first.to : first.from;
  (by_caller ? r.to : r.from).tag = "callee-tag";
  for (const Uri& ours : as_sent.record_route) r.route.push_back({ours, {}});
  if (by_caller) std::reverse(r.route.begin(), r.route.end());
  r.cseq = 2;
  return r;
}

}  // namespace holdfast::sip
