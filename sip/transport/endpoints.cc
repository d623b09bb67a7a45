// SPDX-License-Identifier: Apache-2.0
// Listeners and connections on the loop.
#include "sip/transport/endpoints.hh"

#include <algorithm>
#include <utility>

namespace holdfast::sip {
namespace {

// Of one socket in one turn, so that no socket starves another.
constexpr int kMaxDatagramsPerTurn = 64;
constexpr int kMaxReadsPerTurn = 4;
constexpr int kMaxAcceptsPerTurn = 64;
constexpr size_t kReadBytes = 65536;
// Handshakes that peers have begun and not ended. A branch whose power is back comes with some 500
// at once; from one address, behind which there is one phone or a few.
constexpr size_t kMaxHandshakes = 512;
constexpr size_t kMaxHandshakesPerPeer = 16;
// Of the receive buffer, 8 MiB where the kernel grants it: some 1,800 messages or 0.2 s of work,
// below T1, so that senders do not begin to send again. Bursts of one turn do not reach it.
constexpr unsigned kBehindPercent = 50;
constexpr unsigned kCaughtUpPercent = 12;

// A TLS connection that we began is apart from one that a peer began from the same address and
// port: only the first one's certificate was checked for a name.
std::string link_key(const Origin& peer, bool we_began) {
  const char apart = we_began && peer.transport == Transport::tls ? '!' : '%';
  return peer.address.to_string() + '/' + std::string(name_of(peer.transport)) + apart +
         peer.interface;
}

}  // namespace

Endpoints::Endpoints(Loop& loop, const ProxyLimits& limits, uint8_t dscp, TlsConfig tls, User& user)
    : loop_(loop),
      limits_(limits),
      dscp_(dscp),
      user_(user),
      tls_(std::move(tls)),
      buffer_(kReadBytes),
      spare_(spare_descriptor()) {}

Endpoints::~Endpoints() {
  close_all();
  for (const auto& [key, link] : links_) {
    loop_.unwatch(link->watch);
    link->is_closed = true;
  }
}

std::optional<StartError> Endpoints::open(std::vector<Listener>& listeners) {
  if (auto wrong = tls_.load(); !wrong.empty()) return StartError{"TLS", std::move(wrong)};
  auto error = open_all(listeners);
  if (error) close_all();
  return error;
}

void Endpoints::close_all() {
  for (const Socket& socket : sockets_) loop_.unwatch(socket.watch);
  sockets_.clear();
}

std::optional<StartError> Endpoints::open_all(std::vector<Listener>& listeners) {
  for (Listener& listener : listeners) {
    const auto error = [&](std::string text) {
      return StartError{listener.interface + ' ' + std::string(name_of(listener.transport)) + ' ' +
                            listener.address.to_string(),
                        std::move(text)};
    };
    if (listener.address.ip.is_none() || listener.address.ip.is_unspecified() ||
        listener.address.ip.is_multicast())
      return error("it must be an address of one interface: others are to answer to it");
    const bool is_udp = listener.transport == Transport::udp;
    auto fd =
        open_socket(is_udp ? SocketKind::udp : SocketKind::tcp_listener, listener.address, dscp_);
    if (!fd) return error(fd.error());
    const auto address = local_address(fd->get());
    if (!address) return error("its address cannot be read");
    listener.address.port = address->port;
    sockets_.push_back({listener, std::move(fd).value()});
  }
  for (size_t i = 0; i < sockets_.size(); ++i) {
    Socket& socket = sockets_[i];
    const bool is_udp = socket.listener.transport == Transport::udp;
    socket.watch = loop_.watch(socket.fd.get(), Loop::kReadable, [this, i, is_udp](unsigned) {
      is_udp ? read_datagrams(i) : accept(i);
    });
    if (socket.watch == 0)
      return StartError{socket.listener.interface + ' ' + socket.listener.address.to_string(),
                        "it cannot be watched"};
  }
  return std::nullopt;
}

const Endpoints::Socket* Endpoints::socket_towards(const NextHop& hop) const {
  const Socket* any = nullptr;
  std::optional<IpAddress> source;
  if (hop.interface.empty()) source = source_towards(hop.address);
  for (const Socket& socket : sockets_) {
    const Listener& listener = socket.listener;
    if (listener.transport != hop.transport || listener.address.ip.family != hop.address.ip.family)
      continue;
    if (hop.interface.empty() ? source == listener.address.ip : listener.interface == hop.interface)
      return &socket;
    if (any == nullptr) any = &socket;
  }
  return hop.interface.empty() ? any : nullptr;
}

const Listener* Endpoints::listener_towards(const NextHop& hop) const {
  const Socket* socket = socket_towards(hop);
  return socket == nullptr ? nullptr : &socket->listener;
}

bool Endpoints::is_connected(const SocketAddress& peer, Transport transport,
                             const std::string& interface) const {
  return find_link({peer, transport, interface}, true) != nullptr;
}

std::shared_ptr<Endpoints::Link> Endpoints::find_link(const Origin& peer, bool any) const {
  auto found = links_.find(link_key(peer, true));
  if (found == links_.end() && any) found = links_.find(link_key(peer, false));
  return found == links_.end() ? nullptr : found->second;
}

std::optional<SocketAddress> Endpoints::sole_connection(const IpAddress& ip, Transport transport,
                                                        const std::string& interface) const {
  std::optional<SocketAddress> found;
  for (const auto& [key, link] : links_) {
    const Origin& peer = link->connection.peer();
    if (peer.address.ip != ip || peer.transport != transport || peer.interface != interface)
      continue;
    if (found) return std::nullopt;
    found = peer.address;
  }
  return found;
}

bool Endpoints::send(const NextHop& hop, std::string_view bytes) {
  if (hop.transport != Transport::udp) {
    const auto link = find_link({hop.address, hop.transport, hop.interface}, hop.tls_name.empty());
    if (link != nullptr) return send_on(link, bytes);
  }
  const Socket* socket = socket_towards(hop);
  if (socket == nullptr || hop.address.port == 0) {
    count(TransportCount::no_socket);
    return false;
  }
  if (hop.transport == Transport::udp) {
    // A full queue is a loss like any on the way: retransmissions mend it.
    if (send_datagram(socket->fd.get(), hop.address, bytes) != IoResult::failed) return true;
    count(TransportCount::udp_send_failed);
    return false;
  }
  const auto link = connect(hop, socket->listener);
  return link != nullptr && send_on(link, bytes);
}

std::shared_ptr<Endpoints::Link> Endpoints::connect(const NextHop& hop, const Listener& listener) {
  const Origin peer{hop.address, hop.transport, listener.interface};
  if (auto found = find_link(peer, hop.tls_name.empty())) return found;
  const bool is_tls = hop.transport == Transport::tls;
  if (is_tls && hop.tls_name.empty()) {
    count(TransportCount::tls_gone);
    return nullptr;
  }
  if (links_.size() >= limits_.max_tcp_connections) {
    count(TransportCount::tcp_refused_full);
    return nullptr;
  }
  auto fd = open_connection(listener.address.ip, hop.address, dscp_);
  if (!fd) {
    count(TransportCount::tcp_connect_failed);
    return nullptr;
  }
  auto tls = is_tls ? tls_.call(listener.interface, fd->get(), hop.tls_name) : nullptr;
  if (is_tls && tls == nullptr) {
    count(TransportCount::no_socket);
    return nullptr;
  }
  return adopt(std::move(fd).value(), peer, true, std::move(tls));
}

std::shared_ptr<Endpoints::Link> Endpoints::adopt(Descriptor fd, const Origin& peer, bool we_began,
                                                  std::unique_ptr<TlsSession> tls) {
  auto link = std::make_shared<Link>(Link{Connection(std::move(fd), peer, limits_.max_message_bytes,
                                                     loop_.now_ms(), we_began, std::move(tls))});
  const unsigned events = Loop::kReadable | (we_began ? Loop::kWritable : 0U);
  link->we_began = link->watches_writing = we_began;
  link->watch = loop_.watch(link->connection.fd(), events,
                            [this, link](unsigned seen) { ready(link, seen); });
  if (link->watch == 0) return nullptr;
  auto& slot = links_[link_key(peer, we_began)];
  const auto before = std::exchange(slot, link);
  // The same peer from the same port: the old one is dead, though nobody has told us.
  if (before != nullptr && !std::exchange(before->is_closed, true)) {
    loop_.unwatch(before->watch);
    leave_place(*before);
  }
  if (!we_began && peer.transport == Transport::tls) {
    link->holds_place = true;
    ++handshakes_[peer.address.ip];
    ++all_handshakes_;
  }
  return link;
}

void Endpoints::accept(size_t socket) {
  for (int i = 0; i < kMaxAcceptsPerTurn; ++i) {
    bool out_of_descriptors = false;
    const int fd = sockets_[socket].fd.get();
    auto accepted = accept_connection(fd, dscp_, out_of_descriptors);
    if (!accepted && out_of_descriptors) {
      // Left waiting, it would wake us for ever.
      spare_ = Descriptor();
      (void)accept_connection(fd, dscp_, out_of_descriptors);
      spare_ = spare_descriptor();
      return count(TransportCount::tcp_refused_full);
    }
    if (!accepted) return;
    if (links_.size() >= limits_.max_tcp_connections) {
      count(TransportCount::tcp_refused_full);
      continue;
    }
    const Listener& listener = sockets_[socket].listener;
    const Origin peer{accepted->second, listener.transport, listener.interface};
    std::unique_ptr<TlsSession> tls;
    if (listener.transport == Transport::tls) {
      if (!has_room_for_handshake(peer)) continue;
      tls = tls_.serve(listener.interface, accepted->first.get());
      if (tls == nullptr) continue;  // not without a certificate, which open() has loaded
    }
    if (adopt(std::move(accepted->first), peer, false, std::move(tls)) != nullptr)
      count(TransportCount::tcp_accepted);
  }
}

bool Endpoints::has_room_for_handshake(const Origin& peer) {
  const auto from_there = handshakes_.find(peer.address.ip);
  if (all_handshakes_ < kMaxHandshakes &&
      (from_there == handshakes_.end() || from_there->second < kMaxHandshakesPerPeer))
    return true;
  tell(peer, false, {TlsFailure::too_many, {}});
  return false;
}

void Endpoints::ready(const std::shared_ptr<Link>& link, unsigned events) {
  Connection& connection = link->connection;
  if (link->is_closed) return;
  if (!connection.is_open()) {
    if (!come_about(*link, events)) return;
    events |= Loop::kWritable;  // what has waited for it goes out
  }
  if ((events & Loop::kWritable) != 0 && !connection.flush(loop_.now_ms()))
    return close(*link, TransportCount::tcp_lost);
  watch_writing(*link);
  // TLS may have waited to write before it could read on.
  const unsigned reads =
      Loop::kReadable | Loop::kFailed | (connection.is_tls() ? Loop::kWritable : 0U);
  if ((events & reads) == 0) return;
  for (int i = 0; i < kMaxReadsPerTurn && !link->is_closed; ++i) {
    const IoResult result = connection.read(loop_.now_ms(), buffer_);
    if (result == IoResult::again) return watch_writing(*link);
    if (result == IoResult::failed) {
      if (connection.is_tls() && connection.tls()->fault())
        return refuse(*link, *connection.tls()->fault());
      return close(*link, TransportCount::tcp_lost);
    }
    take_messages(link);
  }
}

// True: it is open now.
bool Endpoints::come_about(Link& link, unsigned events) {
  Connection& connection = link.connection;
  if (connection.state() == Connection::State::connecting) {
    if ((events & (Loop::kWritable | Loop::kFailed)) == 0) return false;
    if (!connection.finish_connect(loop_.now_ms())) {
      close(link, TransportCount::tcp_connect_failed);
      return false;
    }
    count(TransportCount::tcp_opened);
    if (connection.is_open()) return true;
  }
  switch (connection.shake_hands(loop_.now_ms())) {
    case IoResult::done:
      break;
    case IoResult::again:
      watch_writing(link);
      return false;
    case IoResult::failed:
      refuse(link, connection.tls()->fault().value_or(TlsFault{}));
      return false;
  }
  leave_place(link);
  count(link.we_began ? TransportCount::tls_opened : TransportCount::tls_accepted);
  return true;
}

void Endpoints::take_messages(const std::shared_ptr<Link>& link) {
  StreamFramer& framer = link->connection.framer();
  while (!link->is_closed) {
    switch (framer.next()) {
      case StreamFramer::Event::need_more:
        return;
      case StreamFramer::Event::message: {
        // A copy: to answer it may change the framer's buffer by closing the connection.
        const std::string message(framer.message());
        user_.received(link->connection.peer(), message);
        break;
      }
      case StreamFramer::Event::ping:
        send_on(link, "\r\n");  // RFC 5626 section 4.4.1
        break;
      case StreamFramer::Event::broken:
        user_.rejected(link->connection.peer(), framer.reject());
        return close(*link, TransportCount::tcp_broken);
    }
  }
}

bool Endpoints::send_on(const std::shared_ptr<Link>& link, std::string_view bytes) {
  if (link->is_closed) return false;
  switch (link->connection.send(loop_.now_ms(), bytes)) {
    case Connection::Queued::done:
      watch_writing(*link);
      return true;
    case Connection::Queued::full:
      close(*link, TransportCount::tcp_queue_full);
      return false;
    case Connection::Queued::failed:
      close(*link, TransportCount::tcp_lost);
      return false;
  }
  return false;
}

void Endpoints::watch_writing(Link& link) {
  const bool wants = link.connection.wants_to_write();
  if (std::exchange(link.watches_writing, wants) == wants) return;
  loop_.rewatch(link.watch, Loop::kReadable | (wants ? Loop::kWritable : 0U));
}

void Endpoints::close(Link& link, TransportCount why) {
  if (std::exchange(link.is_closed, true)) return;
  count(why);
  link.connection.say_goodbye();
  forget(link);
}

void Endpoints::refuse(Link& link, const TlsFault& fault) {
  if (std::exchange(link.is_closed, true)) return;
  tell(link.connection.peer(), link.we_began, fault);
  forget(link);
}

void Endpoints::tell(const Origin& peer, bool we_began, const TlsFault& fault) {
  ++tls_counts_[static_cast<size_t>(fault.failure)];
  user_.tls_failed(peer, we_began, fault);
}

void Endpoints::forget(Link& link) {
  loop_.unwatch(link.watch);
  leave_place(link);
  const Origin peer = link.connection.peer();
  // Last, since it may free the link. Who waits for an answer on it is told in a turn of its own.
  loop_.after(0, [this, peer, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) user_.failed(peer.address, peer.transport, SendFailure::transport_error);
  });
  links_.erase(link_key(peer, link.we_began));
}

void Endpoints::leave_place(Link& link) {
  if (!std::exchange(link.holds_place, false)) return;
  --all_handshakes_;
  const auto found = handshakes_.find(link.connection.peer().address.ip);
  if (found != handshakes_.end() && --found->second == 0) handshakes_.erase(found);
}

void Endpoints::read_datagrams(size_t socket) {
  const int fd = sockets_[socket].fd.get();
  const Origin here{{}, Transport::udp, sockets_[socket].listener.interface};
  for (int i = 0; i < kMaxDatagramsPerTurn; ++i) {
    const auto datagram = receive_datagram(fd, buffer_);
    if (!datagram) break;
    Origin origin = here;
    origin.address = datagram->from;
    if (datagram->size > buffer_.size())
      user_.rejected(origin, MessageReject::message_too_long);
    else if (const std::string_view bytes(buffer_.data(), datagram->size);
             bytes.find_first_not_of("\r\n\0 ", 0, 4) != std::string_view::npos)
      user_.received(origin, std::string(bytes));
    // Else a keep-alive (RFC 5626, RFC 6223): nothing to do.
  }
  judge_queue(sockets_[socket]);
  while (const auto peer = take_unreachable(fd)) {
    count(TransportCount::udp_unreachable);
    user_.failed(*peer, Transport::udp, SendFailure::icmp_unreachable);
  }
}

void Endpoints::judge_queue(Socket& socket) {
  const unsigned waiting = waiting_percent(socket.fd.get());
  const bool is_behind = waiting > (socket.is_behind ? kCaughtUpPercent : kBehindPercent);
  if (std::exchange(socket.is_behind, is_behind) == is_behind) return;
  behind_ += is_behind ? size_t{1} : ~size_t{0};
  if (is_behind) count(TransportCount::udp_behind);
}

void Endpoints::sweep() {
  const uint64_t now = loop_.now_ms();
  std::vector<std::shared_ptr<Link>> all;
  for (const auto& [key, link] : links_) all.push_back(link);
  for (const auto& link : all) {
    const Connection& connection = link->connection;
    if (connection.is_stalled(now) && connection.state() == Connection::State::shaking_hands)
      refuse(*link, {TlsFailure::timeout, {}});
    else if (connection.is_stalled(now))
      close(*link, connection.is_open() ? TransportCount::tcp_stalled
                                        : TransportCount::tcp_connect_failed);
    else if (connection.is_idle(now, limits_.tcp_idle_ms))
      close(*link, TransportCount::tcp_idle);
  }
}

std::string_view name_of(TransportCount count) {
  switch (count) {
#define HOLDFAST_X(name, text) \
  case TransportCount::name:   \
    return #name;
    HOLDFAST_TRANSPORT_COUNTS(HOLDFAST_X)
#undef HOLDFAST_X
    case TransportCount::count:
      break;
  }
  return "none";
}

}  // namespace holdfast::sip
