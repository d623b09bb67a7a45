// SPDX-License-Identifier: Apache-2.0
// Every socket of the proxy: one for each listener, and the TCP and TLS connections of either side.
//
// SIP loop only. What comes in is handed over as bytes of one message with its origin; what goes
// out leaves by the socket of the hop's interface. Nothing waits: bytes that a connection cannot
// take yet are queued, bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sip/decision.hh"
#include "sip/loop.hh"
#include "sip/route_state.hh"
#include "sip/transport/connection.hh"
#include "sip/transport/message.hh"
#include "sip/transport/sockets.hh"
#include "sip/transport/tls_contexts.hh"
#include "sip/transport/transport_limits.hh"

namespace holdfast::sip {

// Why something did not come in or go out, or a connection ended: X(name, what happened).
#define HOLDFAST_TRANSPORT_COUNTS(X)                                               \
  X(udp_send_failed, "the kernel did not take a datagram")                         \
  X(udp_unreachable, "the network sent an error back for a datagram")              \
  X(udp_behind, "the queue of a socket has grown long: load is shed")              \
  X(no_socket, "no listener of that transport, address family and interface")      \
  X(tcp_opened, "a connection that we began")                                      \
  X(tcp_accepted, "a connection that a peer began")                                \
  X(tcp_refused_full, "a connection more than we hold")                            \
  X(tcp_connect_failed, "a connection could not be opened")                        \
  X(tcp_lost, "a connection was closed or reset by the peer")                      \
  X(tcp_idle, "a connection was silent for too long and closed")                   \
  X(tcp_stalled, "a message on a connection did not become complete in time")      \
  X(tcp_queue_full, "a peer did not read what we sent, its connection was closed") \
  X(tcp_broken, "bytes on a connection that are no SIP; closed")                   \
  X(tls_opened, "a TLS handshake that we began is done")                           \
  X(tls_accepted, "a TLS handshake that a peer began is done")                     \
  X(tls_gone, "a TLS connection has gone that only the peer can open")

enum class TransportCount : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TRANSPORT_COUNTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TransportCount count);

enum class SendFailure : uint8_t { transport_error, icmp_unreachable };

class Endpoints {
 public:
  class User {
   public:
    virtual ~User() = default;
    virtual void received(const Origin& origin, std::string_view message) = 0;
    // A datagram came back, or a connection with that peer has ended. Never called from send().
    virtual void failed(const SocketAddress& peer, Transport transport, SendFailure failure) = 0;
    // Bytes that were no message.
    virtual void rejected(const Origin& origin, MessageReject reject) = 0;
    // A handshake with that peer came to nothing, or its TLS ended with an alert.
    virtual void tls_failed(const Origin& peer, bool we_began, const TlsFault& fault) = 0;
  };

  Endpoints(Loop& loop, const ProxyLimits& limits, uint8_t dscp, TlsConfig tls, User& user);
  ~Endpoints();
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;

  // Opens them all or none; ports of 0 become real ones.
  std::optional<StartError> open(std::vector<Listener>& listeners);
  // Reads certificates, keys and CAs again, for connections to come. What is wrong with one, or
  // nothing; then all stays as it was.
  std::string reload_certificates() { return tls_.load(); }
  const TlsContexts& tls() const { return tls_; }

  // False: it cannot leave, and never will. True: it has left, or waits for its connection. To a
  // hop that has a tls_name only by a TLS connection that we began and checked for it; to one that
  // has none by any that stands.
  bool send(const NextHop& hop, std::string_view bytes);
  // Whether a connection to exactly that peer stands.
  bool is_connected(const SocketAddress& peer, Transport transport,
                    const std::string& interface) const;
  // The one connection with that address behind that interface; none, or more than one: nothing.
  std::optional<SocketAddress> sole_connection(const IpAddress& ip, Transport transport,
                                               const std::string& interface) const;
  // The listener that a message to the hop leaves by; of no interface, the kernel's choice. Null:
  // there is none.
  const Listener* listener_towards(const NextHop& hop) const;

  // More has come in than we keep up with: datagrams wait, and are lost when the kernel's queue is
  // full. Until the queue is nearly empty again.
  bool is_behind() const { return behind_ != 0; }

  // Ends connections that are silent or stalled; to be called once a second.
  void sweep();
  size_t connections() const { return links_.size(); }
  uint64_t counted(TransportCount what) const { return counts_[static_cast<size_t>(what)]; }
  uint64_t counted(TlsFailure what) const { return tls_counts_[static_cast<size_t>(what)]; }

 private:
  struct Socket {
    Listener listener;
    Descriptor fd;
    Loop::Handle watch = 0;
    bool is_behind = false;
  };
  struct Link {
    Connection connection;
    bool we_began = false;
    Loop::Handle watch = 0;
    bool watches_writing = false;
    bool is_closed = false;
    bool holds_place = false;  // among the handshakes of its peer's address
  };

  std::optional<StartError> open_all(std::vector<Listener>& listeners);
  void close_all();
  void read_datagrams(size_t socket);
  void judge_queue(Socket& socket);
  void accept(size_t socket);
  bool has_room_for_handshake(const Origin& peer);
  std::shared_ptr<Link> adopt(Descriptor fd, const Origin& peer, bool we_began,
                              std::unique_ptr<TlsSession> tls);
  std::shared_ptr<Link> connect(const NextHop& hop, const Listener& listener);
  // `any`: also a TLS connection that the peer began.
  std::shared_ptr<Link> find_link(const Origin& peer, bool any) const;
  void ready(const std::shared_ptr<Link>& link, unsigned events);
  bool come_about(Link& link, unsigned events);
  void take_messages(const std::shared_ptr<Link>& link);
  bool send_on(const std::shared_ptr<Link>& link, std::string_view bytes);
  void watch_writing(Link& link);
  void close(Link& link, TransportCount why);
  void refuse(Link& link, const TlsFault& fault);
  void tell(const Origin& peer, bool we_began, const TlsFault& fault);
  void forget(Link& link);
  void leave_place(Link& link);
  void count(TransportCount what) { ++counts_[static_cast<size_t>(what)]; }
  const Socket* socket_towards(const NextHop& hop) const;

  Loop& loop_;
  ProxyLimits limits_;
  uint8_t dscp_;
  User& user_;
  std::vector<Socket> sockets_;
  // By peer, transport, interface and, with TLS, who began it.
  std::unordered_map<std::string, std::shared_ptr<Link>> links_;
  TlsContexts tls_;
  std::map<IpAddress, size_t> handshakes_;  // that peers began and are under way
  size_t all_handshakes_ = 0;
  size_t behind_ = 0;  // sockets
  std::vector<char> buffer_;
  Descriptor spare_;  // given up to turn a connection away when the process has no other
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for work that outlives us
  std::array<uint64_t, static_cast<size_t>(TransportCount::count)> counts_{};
  std::array<uint64_t, static_cast<size_t>(TlsFailure::count)> tls_counts_{};
};

}  // namespace holdfast::sip
