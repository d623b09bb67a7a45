// SPDX-License-Identifier: Apache-2.0
// The acceptors, the bounds on connections, and the clock that ends those that stand still.
#include "provision-proxy/server/server.hh"

#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>

#include "base/bind_words.hh"
#include "provision-proxy/server/connection.hh"
#include "provision-proxy/server/tls_context.hh"

namespace holdfast::provision {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using config::ProvisionListenerConfig;
using Error = boost::system::error_code;
using std::chrono::milliseconds;

constexpr milliseconds kAcceptPause{100};  // after a failure: out of descriptors, mostly
constexpr int kBacklog = 1024;             // phones of a branch after a power cut
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

tcp::endpoint endpoint_of(const SocketAddress& address) {
  return {asio::ip::make_address(address.ip.to_string()), address.port};
}

SocketAddress address_of(const tcp::endpoint& endpoint) {
  const auto& ip = endpoint.address();
  if (ip.is_v4()) return {IpAddress::v4(ip.to_v4().to_bytes().data()), endpoint.port()};
  return {IpAddress::v6(ip.to_v6().to_bytes().data()), endpoint.port()};
}

std::string name_of(const ProvisionListenerConfig& config, size_t place) {
  std::string name = "provision-listener " + std::to_string(place + 1);
  if (!config.interface.empty()) name += " (" + config.interface + ")";
  return name;
}

using Acceptor = asio::basic_socket_acceptor<tcp, Connection::Executor>;

struct Listener {
  ProvisionListenerConfig config;
  std::string name;
  ListenerCounters counters;
  ConnectionContext context;
  std::shared_ptr<const TlsContext> tls;
  std::list<Acceptor> acceptors;
};

}  // namespace

class Server::Impl {
 public:
  Impl(asio::io_context& io, const ServerLimits& limits, RequestHandler& handler, Logger log,
       ServerClock clock)
      : io_(io),
        limits_(limits),
        handler_(handler),
        log_(std::move(log)),
        clock_(clock ? std::move(clock) : std::chrono::steady_clock::now),
        tick_(io) {}

  ~Impl() {
    while (!connections_.empty()) connections_.front()->stop();
  }

  std::string open(std::vector<ProvisionListenerConfig> configs) {
    for (auto& config : configs) {
      auto& listener = listeners_.emplace_back();
      listener.name = name_of(config, listeners_.size() - 1);
      listener.config = std::move(config);
      if (auto wrong = open(listener); !wrong.empty()) return listener.name + ": " + wrong;
    }
    if (auto wrong = reload(); !wrong.empty()) return wrong;
    for (auto& listener : listeners_)
      for (auto& acceptor : listener.acceptors) accept(listener, acceptor);
    return "";
  }

  std::string reload() {
    std::vector<std::shared_ptr<const TlsContext>> made;
    for (const auto& listener : listeners_) {
      auto& context = made.emplace_back();
      if (!listener.config.tls) continue;
      auto tls = TlsContext::make(listener.config);
      if (!tls) return listener.name + ": " + tls.error();
      context = std::move(tls).value();
    }
    size_t i = 0;
    for (auto& listener : listeners_) listener.tls = std::move(made[i++]);
    return "";
  }

  void drain() {
    draining_ = true;
    for (auto& listener : listeners_) {
      listener.context.draining = true;
      listener.acceptors.clear();
    }
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto connection = *at++;
      connection->drain();
    }
  }

  const Listener& listener(size_t place) const {
    return *std::next(listeners_.begin(), int(place));
  }
  size_t listeners() const { return listeners_.size(); }
  size_t open_connections() const { return connections_.size(); }

 private:
  std::string open(Listener& listener) {
    listener.context.handler = &handler_;
    listener.context.limits = &limits_;
    listener.context.now = &now_;
    listener.context.counters = &listener.counters;
    listener.context.head = &head_;
    listener.context.listener = listeners_.size() - 1;
    listener.context.closed = [this, &listener](Connection& c) { closed(listener, c); };
    for (const auto& ip : listener.config.addresses) {
      const SocketAddress address{ip, listener.config.port};
      const auto endpoint = endpoint_of(address);
      auto& acceptor = listener.acceptors.emplace_back(io_.get_executor());
      Error error;
      acceptor.open(endpoint.protocol(), error);
      if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
      if (!error && ip.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
      const auto& device = listener.config.device;
      if (!error && !device.empty() &&
          ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                       static_cast<socklen_t>(device.size() + 1)) != 0)
        return "device " + device + ": " + std::strerror(errno);
      if (!error) acceptor.bind(endpoint, error);
      if (!error) acceptor.listen(kBacklog, error);
      if (error)
        return address.to_string() +
               " cannot be listened on: " + bind_words(error.value(), PortKind::kTcp, address.port);
    }
    return "";
  }

  void accept(Listener& listener, Acceptor& acceptor) {
    acceptor.async_accept([this, &listener, &acceptor, alive = watch()](const Error& error,
                                                                        Connection::Socket socket) {
      if (alive.expired() || error == asio::error::operation_aborted) return;
      if (error) return accept_failed(listener, acceptor, error);
      take(listener, std::move(socket));
      if (!draining_) accept(listener, acceptor);
    });
  }

  void accept_failed(Listener& listener, Acceptor& acceptor, const Error& error) {
    if (listener.counters.accept_failed++ == 0 && log_)
      log_(LogLevel::warning, listener.name + ": a connection cannot be taken: " + error.message());
    const auto pause = std::make_shared<asio::steady_timer>(io_, kAcceptPause);
    pause->async_wait([this, &listener, &acceptor, pause, alive = watch()](const Error&) {
      if (!alive.expired() && !draining_) accept(listener, acceptor);
    });
  }

  void take(Listener& listener, Connection::Socket socket) {
    Error error;
    const auto peer = address_of(socket.remote_endpoint(error));
    if (error) return;  // gone already
    auto& of_address = per_address_[peer.ip];
    auto& counters = listener.counters;
    if (connections_.size() >= limits_.max_connections) {
      ++counters.refused_too_many;
    } else if (of_address >= limits_.max_connections_per_address) {
      ++counters.refused_per_address;
    } else {
      return begin(listener, std::move(socket), peer);
    }
    if (of_address == 0) per_address_.erase(peer.ip);
    if (!listener.tls)
      ::send(socket.native_handle(), kTooMany.data(), kTooMany.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  void begin(Listener& listener, Connection::Socket socket, const SocketAddress& peer) {
    Error ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto local = address_of(socket.local_endpoint(ignored));
    const int fd = socket.native_handle();
    auto channel = listener.tls ? listener.tls->channel(fd) : make_plain_channel(fd);
    const auto connection = std::make_shared<Connection>(std::move(socket), std::move(channel),
                                                         listener.context, peer, local);
    connection->place = connections_.insert(connections_.end(), connection);
    ++per_address_[peer.ip];
    ++listener.counters.connections;
    ++listener.counters.open;
    now_ = clock_();
    if (connections_.size() == 1) wait_for_tick();
    connection->start();
  }

  void closed(Listener& listener, Connection& connection) {
    --listener.counters.open;
    const auto of_address = per_address_.find(connection.peer().ip);
    if (--of_address->second == 0) per_address_.erase(of_address);
    connections_.erase(connection.place);
    if (connections_.empty()) tick_.cancel();
  }

  // An idle server has no ticks.
  void wait_for_tick() {
    tick_.expires_after(limits_.tick);
    tick_.async_wait([this, alive = watch()](const Error& ended) {
      if (ended || alive.expired()) return;
      now_ = clock_();
      for (auto at = connections_.begin(); at != connections_.end();) {
        const auto connection = *at++;
        connection->look_at_clock();
      }
      if (!connections_.empty()) wait_for_tick();
    });
  }

  // For what the io_context may yet call when this is gone.
  std::weak_ptr<int> watch() const { return alive_; }

  asio::io_context& io_;
  const ServerLimits limits_;
  RequestHandler& handler_;
  const Logger log_;
  const ServerClock clock_;
  Progress::Time now_{};
  RequestHead head_;
  std::list<Listener> listeners_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::map<IpAddress, size_t> per_address_;
  asio::steady_timer tick_;
  bool draining_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>, std::string> Server::start(
    asio::io_context& io, std::vector<ProvisionListenerConfig> listeners,
    const ServerLimits& limits, RequestHandler& handler, Logger log, ServerClock clock) {
  auto impl = std::make_unique<Impl>(io, limits, handler, std::move(log), std::move(clock));
  if (auto wrong = impl->open(std::move(listeners)); !wrong.empty()) return wrong;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::string Server::reload() {
  return impl_->reload();
}
void Server::drain() {
  impl_->drain();
}
std::vector<SocketAddress> Server::addresses(size_t listener) const {
  std::vector<SocketAddress> addresses;
  for (const auto& acceptor : impl_->listener(listener).acceptors)
    addresses.push_back(address_of(acceptor.local_endpoint()));
  return addresses;
}
const ListenerCounters& Server::counters(size_t listener) const {
  return impl_->listener(listener).counters;
}
size_t Server::listeners() const {
  return impl_->listeners();
}
size_t Server::open_connections() const {
  return impl_->open_connections();
}

}  // namespace holdfast::provision
