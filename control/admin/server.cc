// SPDX-License-Identifier: Apache-2.0
// The acceptors and the thread.
#include "control/admin/server.hh"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <thread>

#include "base/bind_words.hh"
#include "base/state_file.hh"
#include "control/admin/connection.hh"

namespace holdfast::admin {
namespace {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;
using std::chrono::milliseconds;

constexpr milliseconds kAcceptPause{100};  // after a failure: out of descriptors, mostly

Tcp::endpoint endpoint_of(const SocketAddress& address) {
  return {asio::ip::make_address(address.ip.to_string()), address.port};
}

// A socket file with nobody behind it is taken away; one with somebody is left.
std::string clear_socket(asio::io_context& context, const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = path.substr(0, slash);
  if (slash > 0 && ::access(directory.c_str(), F_OK) != 0) {
    if (auto error = make_state_directory(directory); !error.empty()) return error;
    ::chmod(directory.c_str(), 0755);  // the dataplane's socket lies there too
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "";
  if (!S_ISSOCK(info.st_mode)) return path + " is there, and is no socket";
  Local::socket probe(context);
  boost::system::error_code error;
  probe.connect(Local::endpoint(path), error);
  if (!error) {
    return "admin socket " + path +
           ": another program already serves it; end that one (holdfastd runs once), or choose "
           "another admin.socket";
  }
  ::unlink(path.c_str());
  return "";
}

}  // namespace

class Server::Impl {
 public:
  Impl(const config::AdminConfig& config, Sources sources, const ServerTimes& times)
      : config_(config),
        times_(times),
        api_(std::move(sources),
             [this](std::function<void()> work) { asio::post(io_, std::move(work)); }),
        context_{api_, times_, config.allow_remote, [this](const char* name) { count(name); }},
        page_(io_),
        command_(io_) {}

  // The socket's file stays: it tells whoever asks then that a holdfastd ran here and runs no more.
  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  std::string open() {
    boost::system::error_code error;
    const auto endpoint = endpoint_of(config_.listen);
    page_.open(endpoint.protocol(), error);
    if (!error) page_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) page_.bind(endpoint, error);
    if (!error) page_.listen(static_cast<int>(kMaxConnections), error);
    if (error)
      return "admin page " + config_.listen.to_string() + ": " +
             bind_words(error.value(), PortKind::kTcp, config_.listen.port);
    if (auto taken = clear_socket(io_, config_.socket); !taken.empty()) return taken;
    command_.open(Local(), error);
    // For the whole process for a moment; what other threads make is for root alone anyway.
    const mode_t before = ::umask(0177);
    if (!error) command_.bind(Local::endpoint(config_.socket), error);
    ::umask(before);
    if (!error) command_.listen(static_cast<int>(kMaxConnections), error);
    if (error) return "admin socket " + config_.socket + ": " + error.message();
    accept(page_, Door::kPage);
    accept(command_, Door::kSocket);
    thread_ = std::thread([this] { io_.run(); });
    return "";
  }

  SocketAddress page_address() const {
    boost::system::error_code error;
    return {config_.listen.ip, page_.local_endpoint(error).port()};
  }

  std::map<std::string, uint64_t> counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  template <typename Acceptor>
  void accept(Acceptor& acceptor, Door door) {
    acceptor.async_accept([this, &acceptor, door](const boost::system::error_code& error,
                                                  typename Acceptor::protocol_type::socket peer) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        count("accept_failed");
        const auto pause = std::make_shared<asio::steady_timer>(io_, kAcceptPause);
        pause->async_wait([this, &acceptor, door, pause](const boost::system::error_code& ended) {
          if (!ended) accept(acceptor, door);
        });
        return;
      }
      // The command is never shut out by whoever crowds the page.
      const size_t most = door == Door::kPage ? kMaxConnections : 2 * kMaxConnections;
      if (context_.open >= most) {
        count("refused_too_many");
        boost::system::error_code ignored;
        peer.close(ignored);
      } else {
        std::make_shared<Connection>(Connection::Socket(std::move(peer)), door, context_)->start();
      }
      accept(acceptor, door);
    });
  }

  void count(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++counters_[name];
  }

  const config::AdminConfig config_;
  const ServerTimes times_;
  Api api_;
  Context context_;
  mutable std::mutex mutex_;  // guards counters_
  std::map<std::string, uint64_t> counters_;
  asio::io_context io_{1};  // goes first: connections under way end with it
  Tcp::acceptor page_;
  Local::acceptor command_;
  std::thread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>, std::string> Server::start(const config::AdminConfig& config,
                                                           Sources sources,
                                                           const ServerTimes& times) {
  auto impl = std::make_unique<Impl>(config, std::move(sources), times);
  if (auto error = impl->open(); !error.empty()) return error;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

SocketAddress Server::page_address() const {
  return impl_->page_address();
}
std::map<std::string, uint64_t> Server::counters() const {
  return impl_->counters();
}

}  // namespace holdfast::admin
