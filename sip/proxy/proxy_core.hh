// SPDX-License-Identifier: Apache-2.0
// The proxy behind its face; for sip/proxy/*.cc only.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sip/proxy/admission_filter.hh"
#include "sip/proxy/call_table.hh"
#include "sip/proxy/gateway_watch.hh"
#include "sip/proxy/live_call.hh"
#include "sip/proxy/proxy.hh"
#include "sip/proxy/response_context.hh"
#include "sip/proxy/wire.hh"
#include "sip/transport/endpoints.hh"

namespace holdfast::sip {

class Proxy::Core final : public Wire, public Endpoints::User {
 public:
  Core(Loop& the_loop, ProxyConfig the_config, MediaFilter* the_media, CallEvents* events,
       Logger logger);
  ~Core() override;

  std::optional<StartError> start();
  const std::vector<Listener>& listeners() const { return config_.route.listeners; }
  void set_upstreams(const std::vector<Upstream>& upstreams);
  void set_names(std::vector<ResolvedName> names) { names_ = std::move(names); }
  void drain(bool on) { draining_ = on; }
  bool is_drained() const { return draining_ && calls_.size() == 0; }
  std::vector<SavedBinding> save_bindings() const { return bindings_.save(loop.now_ms()); }
  void load_bindings(const std::vector<SavedBinding>& saved);
  uint64_t bindings_version() const { return bindings_version_; }
  std::string reload_certificates();
  ProxySnapshot snapshot() const;
  void adopt_calls(const std::vector<LiveCall>& listed);

  // Endpoints::User
  void received(const Origin& origin, std::string_view bytes) override;
  void failed(const SocketAddress& peer, Transport transport, SendFailure failure) override;
  void rejected(const Origin& origin, MessageReject reject) override;
  void tls_failed(const Origin& peer, bool we_began, const TlsFault& fault) override;

  // Wire
  void expect(const std::string& branch, std::string_view method, Pending pending) override;
  void forget(const std::string& branch, std::string_view method) override;
  void send_alone(Message request, const NextHop& hop) override;
  std::optional<Upstream> upstream_at(const NextHop& hop) const override;
  void gateway_told(const Gateway& gateway, Evidence evidence) override;
  std::string tls_name_at(const IpAddress& ip) const override;
  NextHop hop_now(const Target& target) const override;
  std::optional<NextHop> resolve_hop(const Uri& uri) const override;
  void health_told() override;
  void bindings_changed() override { ++bindings_version_; }
  void count(std::string_view name) override { ++counter(counters_, name); }
  void context_done(uint64_t id) override;

 private:
  using Counters = std::map<std::string, uint64_t, std::less<>>;
  static uint64_t& counter(Counters& counters, std::string_view name);

  // A request that came in, with all that is known of it.
  struct Incoming {
    std::shared_ptr<Message> message;
    Request view;
    ViaValue via;     // the topmost
    std::string key;  // of its server transaction
    CallPlace call;
    uint64_t new_call_key = 0;
  };
  // A server transaction whose answer we made ourselves.
  struct OwnReply;
  // What a server transaction's key leads to: a request that we forward, or one that we answered.
  struct Server {
    std::shared_ptr<ResponseContext> context;
    std::shared_ptr<OwnReply> reply;
  };
  // A request of our own that is sent until it is answered.
  struct Alone;
  struct ProbeInFlight;

  // Requests (proxy_requests.cc).
  void on_request(const std::shared_ptr<Message>& message, const Origin& origin);
  void refuse(const Message& message, const Origin& origin, MessageReject reject);
  bool absorb(const Incoming& in);
  void decide(Incoming& in);
  std::optional<OpenedToken> open_ours(const Request& view, const Uri& uri) const;
  CallPlace place_of(const Request& view) const;
  void forward(Incoming& in, Forward forward);
  void forward_stateless(Incoming& in, Forward forward);
  void answer(const Incoming& in, const Reply& reply);
  void send_reply(const Incoming& in, int status, const Message& reply);
  Peer peer_at(const Origin& origin) const;
  std::vector<IpAddress> phones_now() const;
  void refresh_rules();
  void hold_as_seen(const Incoming& in, const Forward& forward);
  RouteState state_of(const Incoming& in, bool matches) const;
  CallBegan began_of(const Incoming& in, const std::string& decision, bool emergency) const;
  std::string server_key(const Incoming& in, std::string_view method) const;
  std::string to_tag(const Incoming& in) const;
  bool make_room();
  size_t transactions() const { return servers_.size() + alone_.size(); }

  // Responses (proxy_responses.cc).
  void on_response(const Message& message, const Origin& origin);
  void pass_statelessly(const Message& message, const ResponseView& view, const Origin& origin);
  void heard_of(const std::string& key, const std::string& peer);
  bool is_our_branch(const ResponseView& view) const;
  void acknowledge(const Message& answer, const ResponseView& view, const Origin& origin);
  // Which call an answer is of whose request is not known; none: its token is not there.
  struct AnswerPlace {
    OpenedToken opened;  // `sender`: of the request
    bool in_dialog = false;
  };
  std::optional<AnswerPlace> place_of(const ResponseView& view) const;

  // Health (proxy_health.cc).
  void run_health();
  void send_probe(const Probe& probe);
  void tell_changes();
  bool is_upstream(const SocketAddress& address) const;
  std::string why_not(const Upstream& upstream) const;
  void once_a_second();
  void tell_certificates() const;

  void media_event(uint64_t call_key, MediaEventKind kind);

  uint64_t random() const;
  uint64_t new_call_key(const Request& request, Peer peer) const;
  std::string random_hex() const;
  void log(LogLevel level, const std::string& text) const;
  void drop(std::string_view name) { ++counter(drops_, name); }

  ProxyConfig config_;
  Endpoints endpoints_;
  UpstreamHealth health_;
  GatewayWatch gateways_;
  AdmissionBook book_;
  // What is inside the branch: our addresses, the gateways, and the phones as of that version.
  MediaRules rules_;
  std::optional<uint64_t> rules_version_;
  AdmissionFilter admission_;
  BindingTable bindings_;
  CallTable calls_;
  Logger logger_;
  std::deque<MediaEvent> media_events_;
  std::vector<Upstream> upstreams_;
  std::vector<ResolvedName> names_;
  bool draining_ = false;
  uint64_t bindings_version_ = 0;

  std::unordered_map<std::string, Server> servers_;
  std::unordered_map<uint64_t, std::string> server_keys_;  // by context id
  std::list<uint64_t> ages_;  // context ids, the oldest first; may name some that are gone
  uint64_t last_id_ = 0;
  std::unordered_map<std::string, Pending> pending_;
  // Those that have had no answer of any kind, by the peer that is to give one.
  std::unordered_map<std::string, std::unordered_set<std::string>> unanswered_;
  std::map<std::string, std::shared_ptr<Alone>> alone_;
  std::map<uint32_t, std::shared_ptr<ProbeInFlight>> probes_;

  LoopTimer health_timer_;
  LoopTimer second_timer_;
  bool started_ = false;
  bool health_waits_ = false;
  std::deque<Transition> transitions_;
  Counters decisions_, drops_, counters_;
  // When the same was last said of the same peer: a phone that is refused comes again and again.
  std::map<std::pair<IpAddress, TlsFailure>, uint64_t> told_;
  // What spoke against a server of the centre since it was up last.
  struct Against {
    std::string evidence, tls;  // for a person; of a handshake of ours that came to nothing
  };
  std::map<SocketAddress, Against> against_;
  std::string reload_failure_;  // of the last reload of certificates; empty: it went well
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast::sip
