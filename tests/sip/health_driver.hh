// SPDX-License-Identifier: Apache-2.0
// A centre in simulated time: answers the probes of an UpstreamHealth, or lets them time out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sip/upstream_health.hh"

namespace holdfast::sip {

inline Upstream upstream(const char* address, uint16_t priority = 0) {
  return {"centre.example.com", *SocketAddress::parse(address), Transport::udp, priority};
}

// Steps the clock in 10 ms, as a loop would. What is scripted is whether a server answers.
class HealthDriver {
 public:
  explicit HealthDriver(std::vector<Upstream> upstreams, HealthConfig config = {},
                        uint32_t seed = 1)
      : health(0, config, [state = seed]() mutable {
          state = state * 1664525u + 1013904223u;
          return state;
        }) {
    health.set_upstreams(0, upstreams);
  }

  // Runs to `until_ms`; `status(upstream, now)` is the answer of a server, 0 for silence.
  void run(uint64_t until_ms, const std::function<int(const Upstream&, uint64_t)>& status) {
    for (; now_ms < until_ms; now_ms += 10) {
      health.advance(now_ms);
      while (const auto probe = health.next_probe(now_ms)) {
        probes.push_back(now_ms);
        if (const int code = status(probe->upstream, now_ms); code != 0)
          health.probe_answered(now_ms + 5, probe->number, {code, {}, {}, retry_after_s});
      }
      for (const Transition& t : health.take_transitions()) transitions.push_back(t);
      for (const MemberChange& c : health.take_member_changes()) member_changes.push_back(c);
    }
  }
  void run_answering(uint64_t until_ms) {
    run(until_ms, [](const Upstream&, uint64_t) { return 200; });
  }
  void run_silent(uint64_t until_ms) {
    run(until_ms, [](const Upstream&, uint64_t) { return 0; });
  }
  // "online suspect survival"
  std::string path() const {
    std::string out;
    for (const Transition& t : transitions) {
      if (!out.empty()) out += ' ';
      out += name_of(t.to);
    }
    return out;
  }

  UpstreamHealth health;
  uint64_t now_ms = 0;
  std::optional<uint32_t> retry_after_s;
  std::vector<uint64_t> probes;
  std::vector<Transition> transitions;
  std::vector<MemberChange> member_changes;
};

}  // namespace holdfast::sip
