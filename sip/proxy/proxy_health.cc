// SPDX-License-Identifier: Apache-2.0
// The centre's health on the wire: probes, what they showed, and what follows for calls under way.
#include <algorithm>
#include <utility>

#include "sip/proxy/proxy_core.hh"
#include "sip/proxy/proxy_owned.hh"

namespace holdfast::sip {
namespace {

constexpr uint32_t kSecondMs = 1000;

std::string text_of(const Upstream& upstream) {
  std::string text = upstream.host.empty() ? std::string("server") : upstream.host;
  return text + " (" + std::string(name_of(upstream.transport)) + ' ' +
         upstream.address.to_string() + ')';
}

}  // namespace

// Told from within a context's or a transaction's call: what follows comes in a turn of its own.
void Proxy::Core::health_told() {
  if (!started_ || std::exchange(health_waits_, true)) return;
  loop.after(0, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) run_health();
  });
}

void Proxy::Core::run_health() {
  health_waits_ = false;
  const uint64_t now = loop.now_ms();
  health_.advance(now);
  while (const auto probe = health_.next_probe(now)) send_probe(*probe);
  tell_changes();
  const uint64_t deadline = health_.deadline_ms();
  if (deadline == ~uint64_t{0}) return health_timer_.stop();
  const uint64_t after = loop.now_ms();
  const uint64_t wait = deadline > after ? std::min<uint64_t>(deadline - after, 60000) : 1;
  health_timer_.start(static_cast<uint32_t>(wait), [this] { run_health(); });
}

void Proxy::Core::send_probe(const Probe& probe) {
  const NextHop hop{probe.upstream.address, probe.upstream.transport,
                    config_.route.centre_interface, config_.route.centre_domain};
  const Listener* listener = endpoints_.listener_towards(hop);
  if (listener == nullptr) {
    count("no_socket_for_hop");
    return health_.probe_send_failed(loop.now_ms(), probe.number);
  }
  // The server itself, not its domain: it might want to look that up, with DNS as dead as the WAN.
  Uri target;
  target.host = probe.upstream.address.ip.to_string();
  target.port = probe.upstream.address.port;
  const auto flight = std::make_shared<ProbeInFlight>(loop);
  flight->branch = "z9hG4bK" + random_hex();
  const std::string bytes = make_options(target, *listener, flight->branch, random_hex(),
                                         random_hex() + "@holdfast", config_.server_name)
                                .serialise();
  const uint32_t number = probe.number;
  const auto over = [this, number] {
    const auto found = probes_.find(number);
    if (found == probes_.end()) return;
    const auto keep = found->second;
    forget(keep->branch, "OPTIONS");
    probes_.erase(found);
  };
  expect(flight->branch, "OPTIONS",
         {peer_key(hop.address, hop.transport),
          [this, number, over](const Arrived& arrived) {
            if (arrived.message.status() < 200) return;
            health_.probe_answered(loop.now_ms(), number, arrived.view.response);
            over();
            health_told();
          },
          [this, number, over](SendFailure) {
            health_.probe_send_failed(loop.now_ms(), number);
            over();
            health_told();
          }});
  flight->patience.start(2 * config_.health.probe_timeout_ms, [this, over] {
    loop.after(0, [over, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) over();
    });
  });
  probes_.insert_or_assign(number, flight);
  count("probes_sent");
  if (endpoints_.send(hop, bytes)) return;
  health_.probe_send_failed(loop.now_ms(), number);
  over();
}

void Proxy::Core::tell_changes() {
  for (const MemberChange& change : health_.take_member_changes()) {
    if (change.to == MemberState::up)
      against_.erase(change.upstream.address);
    else if (is_upstream(change.upstream.address))
      against_[change.upstream.address].evidence = text_of(change.evidence);
    log(change.to == MemberState::up ? LogLevel::info : LogLevel::warning,
        "centre: " + text_of(change.upstream) + " is " + std::string(name_of(change.to)) +
            ", was " + std::string(name_of(change.from)) + ": " +
            std::string(text_of(change.evidence)));
  }
  bool lost = false;
  for (const Transition& transition : health_.take_transitions()) {
    log(transition.to == HealthState::online ? LogLevel::info : LogLevel::warning,
        "branch: " + std::string(name_of(transition.to)) + ", was " +
            std::string(name_of(transition.from)) + ": " + std::string(text_of(transition.reason)));
    transitions_.push_back(transition);
    if (transitions_.size() > kKeptTransitions) transitions_.pop_front();
    lost |= transition.to == HealthState::survival;
  }
  if (!lost || health_.state() != HealthState::survival) return;
  std::vector<std::shared_ptr<ResponseContext>> waiting;
  for (const auto& [key, server] : servers_)
    if (server.context != nullptr) waiting.push_back(server.context);
  for (const auto& context : waiting) context->centre_lost();
}

bool Proxy::Core::is_upstream(const SocketAddress& address) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(),
                     [&](const Upstream& each) { return each.address == address; });
}

// A handshake that failed says more than that nothing could be sent.
std::string Proxy::Core::why_not(const Upstream& upstream) const {
  const auto found = against_.find(upstream.address);
  if (found == against_.end() || health_.member_state(upstream) == MemberState::up) return {};
  const Against& against = found->second;
  return against.tls.empty() ? against.evidence : "TLS " + against.tls;
}

void Proxy::Core::once_a_second() {
  const uint64_t now = loop.now_ms();
  endpoints_.sweep();
  calls_.sweep();
  if (bindings_.sweep(now)) bindings_changed();
  while (!ages_.empty() && !server_keys_.contains(ages_.front())) ages_.pop_front();
  if (const auto since = health_.hand_back_since_ms()) {
    health_.hand_back_pending(now, bindings_.unconfirmed_since(now, *since));
    health_told();
  }
  second_timer_.start(kSecondMs, [this] { once_a_second(); });
}

}  // namespace holdfast::sip
