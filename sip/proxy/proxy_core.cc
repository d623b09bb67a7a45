// SPDX-License-Identifier: Apache-2.0
// The proxy's start, its state for others, and what its parts ask of it.
#include "sip/proxy/proxy_core.hh"

#include <cstdio>
#include <ctime>
#include <random>
#include <utility>

#include "sip/proxy/proxy_owned.hh"

namespace holdfast::sip {

Proxy::Core::Core(Loop& the_loop, ProxyConfig the_config, MediaFilter* the_media,
                  CallEvents* events, Logger logger)
    : Wire(the_loop, config_, endpoints_, health_, bindings_, calls_, &admission_),
      config_(std::move(the_config)),
      endpoints_(the_loop, config_.limits, config_.dscp, config_.tls, *this),
      health_(the_loop.now_ms(), config_.health,
              [this] { return static_cast<uint32_t>(random()); }),
      gateways_(config_.route.gateways),
      book_(links_of(config_.route)),
      rules_(config_.route.media),
      admission_(book_, rules_, the_media,
                 [this](const Origin& there) {
                   return link_of(config_.route, upstreams_, there.address.ip, there.interface);
                 }),
      bindings_(config_.bindings),
      calls_(the_loop, config_.limits.max_calls, &admission_, events),
      logger_(std::move(logger)),
      health_timer_(the_loop),
      second_timer_(the_loop) {
  if (the_media == nullptr) return;
  the_media->on_silence([this, alive = std::weak_ptr<bool>(alive_)](uint64_t key) {
    if (alive.expired()) return;
    if (!calls_.is_over(key)) media_event(key, MediaEventKind::media_lost);
    calls_.silent(key);
  });
  the_media->on_one_way(
      [this, alive = std::weak_ptr<bool>(alive_)](uint64_t key, media::Side side, bool missing) {
        if (alive.expired() || !calls_.one_way(key, side, missing)) return;
        const bool caller = side == media::Side::caller;
        media_event(key, missing ? (caller ? MediaEventKind::no_media_from_caller
                                           : MediaEventKind::no_media_from_callee)
                                 : (caller ? MediaEventKind::media_from_caller_again
                                           : MediaEventKind::media_from_callee_again));
      });
  the_media->on_unanchored([this, alive = std::weak_ptr<bool>(alive_)](uint64_t key) {
    if (!alive.expired()) calls_.unanchored(key);
  });
}

void Proxy::Core::media_event(uint64_t call_key, MediaEventKind kind) {
  if (media_events_.size() == kKeptMediaEvents) media_events_.pop_front();
  media_events_.push_back({loop.now_ms(), call_key, kind});
  char key[24];
  std::snprintf(key, sizeof key, "%016llx", static_cast<unsigned long long>(call_key));
  const bool again = kind == MediaEventKind::media_from_caller_again ||
                     kind == MediaEventKind::media_from_callee_again;
  log(again ? LogLevel::info : LogLevel::warning, "call " + std::string(key) + ": " +
                                                      std::string(name_of(kind)) + ": " +
                                                      std::string(text_of(kind)));
}

Proxy::Core::~Core() {
  // Contexts forget their requests with us, so they go first.
  alive_.reset();
  servers_.clear();
}

std::optional<StartError> Proxy::Core::start() {
  if (auto error = endpoints_.open(config_.route.listeners)) return error;
  started_ = true;
  tell_certificates();
  run_health();
  once_a_second();
  return std::nullopt;
}

void Proxy::Core::set_upstreams(const std::vector<Upstream>& upstreams) {
  upstreams_ = upstreams;
  std::erase_if(against_, [&](const auto& each) { return !is_upstream(each.first); });
  health_.set_upstreams(loop.now_ms(), upstreams);
  health_told();
}

void Proxy::Core::load_bindings(const std::vector<SavedBinding>& saved) {
  bindings_.load(loop.now_ms(), saved);
  bindings_changed();
}

ProxySnapshot Proxy::Core::snapshot() const {
  ProxySnapshot out;
  out.now_ms = loop.now_ms();
  out.health = health_.state();
  out.health_since_ms = health_.since_ms();
  for (const Upstream& upstream : upstreams_)
    out.upstreams.push_back({upstream, health_.member_state(upstream), why_not(upstream)});
  out.gateways = gateways_.status();
  out.transitions.assign(transitions_.begin(), transitions_.end());
  out.health_counters = health_.counters();
  for (const Binding* binding : bindings_.list(out.now_ms)) out.bindings.push_back(*binding);
  out.calls = calls_.list();
  out.media_events.assign(media_events_.begin(), media_events_.end());
  out.links = book_.links();
  out.draining = draining_;
  out.transactions = transactions();
  out.tcp_connections = endpoints_.connections();
  out.decisions.insert(decisions_.begin(), decisions_.end());
  out.drops.insert(drops_.begin(), drops_.end());
  out.counters.insert(counters_.begin(), counters_.end());
  for (size_t i = 0; i < static_cast<size_t>(TransportCount::count); ++i) {
    const auto what = static_cast<TransportCount>(i);
    if (const uint64_t n = endpoints_.counted(what); n > 0)
      out.counters[std::string(name_of(what))] = n;
  }
  for (size_t i = 0; i < static_cast<size_t>(TlsFailure::count); ++i) {
    const auto what = static_cast<TlsFailure>(i);
    if (const uint64_t n = endpoints_.counted(what); n > 0)
      out.counters["tls_" + std::string(name_of(what))] = n;
  }
  out.certificate_complaints = endpoints_.tls().complaints(std::time(nullptr));
  if (!reload_failure_.empty())
    out.certificate_complaints.push_back(
        "certificates could not be read again, those from before stay in use: " + reload_failure_);
  for (size_t i = 0; i < static_cast<size_t>(BindingReject::count); ++i) {
    const auto why = static_cast<BindingReject>(i);
    if (const uint64_t n = bindings_.rejected(why); n > 0)
      out.counters["binding_" + std::string(name_of(why))] = n;
  }
  for (size_t i = 0; i < static_cast<size_t>(CallEnd::count); ++i) {
    const auto end = static_cast<CallEnd>(i);
    if (const uint64_t n = calls_.ended(end); n > 0)
      out.counters["call_" + std::string(name_of(end))] = n;
  }
  return out;
}

void Proxy::Core::expect(const std::string& branch, std::string_view method, Pending pending) {
  std::string key = branch + ' ' + std::string(method);
  unanswered_[pending.peer].insert(key);
  pending_.insert_or_assign(std::move(key), std::move(pending));
}

void Proxy::Core::heard_of(const std::string& key, const std::string& peer) {
  const auto waiting = unanswered_.find(peer);
  if (waiting == unanswered_.end()) return;
  waiting->second.erase(key);
  if (waiting->second.empty()) unanswered_.erase(waiting);
}

void Proxy::Core::forget(const std::string& branch, std::string_view method) {
  const auto found = pending_.find(branch + ' ' + std::string(method));
  if (found == pending_.end()) return;
  heard_of(found->first, found->second.peer);
  pending_.erase(found);
}

void Proxy::Core::failed(const SocketAddress& peer, Transport transport, SendFailure failure) {
  const auto waiting = unanswered_.find(peer_key(peer, transport));
  if (waiting == unanswered_.end()) return;
  const std::vector<std::string> keys(waiting->second.begin(), waiting->second.end());
  for (const std::string& key : keys) {
    const auto found = pending_.find(key);
    if (found == pending_.end()) continue;
    const auto tell = found->second.failed;  // which may forget itself
    tell(failure);
  }
}

void Proxy::Core::send_alone(Message request, const NextHop& hop) {
  const Listener* listener = endpoints_.listener_towards(hop);
  if (listener == nullptr) return count("no_socket_for_hop");
  const std::string branch = "z9hG4bK" + random_hex();
  const std::string method = request.method_name();
  request.push_front(Header::via, make_via(*listener, branch));
  media::WipedString bytes = request.serialise();
  if (request.method() == Method::ack) {
    endpoints_.send(hop, bytes);
    return;
  }
  const auto alone = std::make_shared<Alone>(
      loop, config_.timers, hop, std::move(bytes), endpoints_, [this, branch, method] {
        forget(branch, method);
        loop.after(0, [this, branch, alive = std::weak_ptr<bool>(alive_)] {
          if (!alive.expired()) alone_.erase(branch);
        });
      });
  alone_.emplace(branch, alone);
  expect(branch, method,
         {peer_key(hop.address, hop.transport),
          [alone = alone.get()](const Arrived& arrived) {
            alone->transaction.response(arrived.message.status());
          },
          [alone = alone.get()](SendFailure) { alone->transaction.abort(); }});
  alone->transaction.start();
}

std::optional<Upstream> Proxy::Core::upstream_at(const NextHop& hop) const {
  for (const Upstream& upstream : upstreams_)
    if (upstream.address == hop.address && upstream.transport == hop.transport) return upstream;
  return std::nullopt;
}

void Proxy::Core::gateway_told(const Gateway& gateway, Evidence evidence) {
  const std::string line = gateways_.told(loop.now_ms(), gateway, evidence);
  if (!line.empty()) log(is_good(evidence) ? LogLevel::info : LogLevel::warning, line);
}

NextHop Proxy::Core::hop_now(const Target& target) const {
  NextHop hop = target.hop;
  if (hop.transport == Transport::udp || !target.route.empty() || upstream_at(hop)) return hop;
  // A URI does not say behind which interface its phone is.
  if (const Listener* listener = endpoints_.listener_towards(hop); listener != nullptr)
    hop.interface = listener->interface;
  // By a connection of ours: by TLS, that is the one whose certificate was checked.
  if (gateway_at(config_.route, hop) != nullptr) return hop;
  const bool connected = endpoints_.is_connected(hop.address, hop.transport, hop.interface);
  const auto sole = connected
                        ? hop.address
                        : endpoints_.sole_connection(hop.address.ip, hop.transport, hop.interface);
  if (sole) {  // whoever began it
    hop.address = *sole;
    hop.tls_name.clear();
  } else if (const Gateway* gateway = gateway_of(config_.route, hop.address.ip, hop.transport)) {
    hop.address = gateway->address;  // started anew, it listens no more where its Contact says
  } else if (const auto ip = IpAddress::parse(target.request_uri.host);
             ip && hop.transport == Transport::tcp) {
    hop.address = {
        *ip, target.request_uri.port != 0 ? target.request_uri.port : default_port(hop.transport)};
  }
  return hop;
}

std::string Proxy::Core::tls_name_at(const IpAddress& ip) const {
  return tls_name_of(config_.route, upstreams_, ip, {});
}

std::optional<NextHop> Proxy::Core::resolve_hop(const Uri& uri) const {
  Incoming none;
  return resolve(state_of(none, false), uri);
}

void Proxy::Core::context_done(uint64_t id) {
  // Not inside the context's own call.
  loop.after(0, [this, id, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    const auto found = server_keys_.find(id);
    if (found == server_keys_.end()) return;
    const auto server = servers_.find(found->second);
    if (server != servers_.end() && server->second.context != nullptr &&
        server->second.context->id() == id)
      servers_.erase(server);
    server_keys_.erase(found);
  });
}

uint64_t& Proxy::Core::counter(Counters& counters, std::string_view name) {
  const auto found = counters.find(name);
  return found != counters.end() ? found->second : counters[std::string(name)];
}

uint64_t Proxy::Core::random() const {
  static thread_local std::random_device device;
  return uint64_t{device()} << 32 | device();
}

std::string Proxy::Core::random_hex() const {
  const uint64_t bits = random();
  return to_hex({reinterpret_cast<const uint8_t*>(&bits), sizeof bits});
}

void Proxy::Core::log(LogLevel level, const std::string& text) const {
  if (logger_) logger_(level, text);
}

}  // namespace holdfast::sip
