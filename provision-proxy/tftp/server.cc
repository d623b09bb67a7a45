// SPDX-License-Identifier: Apache-2.0
// The listeners, and which requests become transfers.
#include "provision-proxy/tftp/server.hh"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "provision-proxy/tftp/path.hh"
#include "provision-proxy/tftp/session.hh"

namespace holdfast::provision {
namespace {

namespace asio = boost::asio;

constexpr size_t kReceiveBytes = kTftpMaxRequestBytes + 1;  // one more tells what is too long
constexpr int kReceiveBatch = 32;

UdpPort::Endpoint endpoint_of(const SocketAddress& address) {
  return {asio::ip::make_address(address.ip.to_string()), address.port};
}

}  // namespace

class TftpServer::Impl {
 public:
  Impl(asio::io_context& io, TftpConfig config, TftpSource& source)
      : io_(io),
        config_(std::move(config)),
        context_{io_, config_, source, counters_,
                 [this](const UdpPort::Endpoint& peer) { sessions_.erase(peer); }} {}
  ~Impl() { stop(); }

  std::string open() {
    for (const auto& address : config_.listen) {
      auto listener = std::make_shared<Listener>(io_);
      if (auto error = listener->port.open(endpoint_of(address), config_.dscp, config_.device);
          !error.empty()) {
        stop();
        return "TFTP " + address.to_string() + ": " + error;
      }
      listeners_.push_back(std::move(listener));
    }
    for (const auto& listener : listeners_) wait(listener);
    return "";
  }

  void stop() {
    for (const auto& listener : listeners_) {
      listener->port.close();
      listener->closed = true;
    }
    listeners_.clear();
    for (const auto& [peer, session] : sessions_) {
      session->close();
      ++counters_.failures[TftpFailure::stopped];
    }
    sessions_.clear();
  }

  std::vector<SocketAddress> addresses() const {
    std::vector<SocketAddress> found;
    for (const auto& listener : listeners_) found.push_back(to_address(listener->port.local()));
    return found;
  }
  size_t transfers() const { return sessions_.size(); }
  const TftpCounters& counters() const { return counters_; }

 private:
  struct Listener {
    explicit Listener(asio::io_context& io) : port(io) {}
    UdpPort port;
    bool closed = false;
  };

  void wait(const std::shared_ptr<Listener>& listener) {
    listener->port.wait_readable([this, listener] {
      if (!listener->closed) receive(listener);
    });
  }

  void receive(const std::shared_ptr<Listener>& listener) {
    uint8_t buffer[kReceiveBytes];
    for (int n = 0; n < kReceiveBatch && !listener->closed; ++n) {
      const auto datagram = listener->port.receive(buffer);
      if (!datagram) break;
      ++counters_.datagrams;
      if (const auto refusal = take(*datagram)) {
        ++counters_.refusals[refusal->why];
        if (refusal->answer) answer(*listener, *datagram, *refusal->answer);
      }
    }
    if (!listener->closed) wait(listener);
  }

  struct Refused {
    TftpRefusal why;
    std::optional<TftpError> answer;  // none: silence
  };

  // A request that no one could misread is answered, whatever it asks for. Nothing else is: who
  // sends an ERROR, or what belongs to a transfer, hears nothing.
  std::optional<Refused> take(const UdpPort::Datagram& datagram) {
    const auto packet = parse_tftp(datagram.bytes);
    if (!packet) {
      ++counters_.rejects[packet.error()];
      return Refused{TftpRefusal::malformed, answer_to(datagram.bytes, packet.error())};
    }
    const auto* request = std::get_if<TftpRequest>(&*packet);
    if (request == nullptr) return Refused{TftpRefusal::not_a_request, std::nullopt};
    if (request->write)
      return Refused{TftpRefusal::write,
                     TftpError{TftpErrorCode::access_violation, "files are only read here"}};
    if (sessions_.contains(datagram.peer)) return Refused{TftpRefusal::repeated, std::nullopt};
    auto path = normal_path(request->name);
    if (!path) return Refused{TftpRefusal::bad_path, path.error()};
    const TftpError busy{TftpErrorCode::undefined, "too many transfers, try again"};
    if (sessions_.size() >= config_.max_transfers) return Refused{TftpRefusal::full, busy};
    if (transfers_of(datagram.peer.address()) >= config_.max_transfers_per_source)
      return Refused{TftpRefusal::full_for_source, busy};
    const auto session = std::make_shared<TftpSession>(context_, *request, datagram.peer);
    if (!session->open(datagram.local).empty()) return Refused{TftpRefusal::no_socket, busy};
    sessions_.emplace(datagram.peer, session);
    ++counters_.started;
    session->start(std::move(path).value());
    return std::nullopt;
  }

  // What was meant as a request gets a reason: 8 for options (RFC 2347), 4 for all else.
  static std::optional<TftpError> answer_to(std::span<const uint8_t> bytes, TftpReject reject) {
    const bool request = bytes.size() >= 2 && bytes[0] == 0 && (bytes[1] == 1 || bytes[1] == 2);
    if (!request) return std::nullopt;
    const bool option =
        reject >= TftpReject::tftp_option_unnamed && reject <= TftpReject::tftp_too_many_options;
    return TftpError{option ? TftpErrorCode::option_refused : TftpErrorCode::illegal_operation,
                     std::string(text_of(reject))};
  }

  void answer(Listener& listener, const UdpPort::Datagram& datagram, const TftpError& error) {
    if (listener.port.send_from(datagram.local, datagram.peer,
                                tftp_error(error.code, error.text)) != UdpPort::Sent::yes)
      ++counters_.send_failed;
  }

  size_t transfers_of(const asio::ip::address& address) const {
    return static_cast<size_t>(
        std::count_if(sessions_.begin(), sessions_.end(),
                      [&](const auto& row) { return row.first.address() == address; }));
  }

  asio::io_context& io_;
  const TftpConfig config_;
  TftpCounters counters_;
  TftpSession::Context context_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::map<UdpPort::Endpoint, std::shared_ptr<TftpSession>> sessions_;  // by client
};

TftpServer::TftpServer(asio::io_context& context, TftpConfig config, TftpSource& source)
    : impl_(std::make_unique<Impl>(context, std::move(config), source)) {}
TftpServer::~TftpServer() = default;

std::string TftpServer::open() {
  return impl_->open();
}
void TftpServer::stop() {
  impl_->stop();
}
std::vector<SocketAddress> TftpServer::addresses() const {
  return impl_->addresses();
}
size_t TftpServer::transfers() const {
  return impl_->transfers();
}
const TftpCounters& TftpServer::counters() const {
  return impl_->counters();
}

}  // namespace holdfast::provision
