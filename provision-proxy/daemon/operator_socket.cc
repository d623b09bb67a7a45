// SPDX-License-Identifier: Apache-2.0
// The operator's UNIX socket.
#include "provision-proxy/daemon/operator_socket.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "provision-proxy/daemon/operator_api.hh"
#include "provision-proxy/http/gate_refusal.hh"
#include "provision-proxy/http/request_head.hh"

namespace holdfast::provision {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

constexpr std::chrono::seconds kTime{30};         // for a request
constexpr std::chrono::seconds kAnswerTime{600};  // a file is warmed for many phones
constexpr size_t kReadBytes = 4096;

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Protocol::socket socket, OperatorApi& api)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), api_(api) {}

  void start() {
    limit(kTime);
    read();
  }

 private:
  void limit(std::chrono::seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->close();
    });
  }

  void read() {
    const size_t before = input_.size();
    input_.resize(before + kReadBytes);
    socket_.async_read_some(
        asio::buffer(input_.data() + before, kReadBytes),
        [self = shared_from_this(), before](boost::system::error_code error, size_t bytes) {
          self->input_.resize(before + bytes);
          if (error) return self->close();
          self->look();
        });
  }

  void look() {
    RequestHead head;
    const auto verdict = parse_request_head(input_, head);
    if (verdict.state == HeadState::need_more) return read();
    if (verdict.state == HeadState::refused)
      return answer({static_cast<unsigned>(status_of(verdict.refusal)),
                     "{\"error\": \"" + std::string(text_of(verdict.refusal)) + "\"}\n"});
    limit(kAnswerTime);
    api_.handle(
        head.method, head.target,
        [self = shared_from_this()](const OperatorAnswer& answer) { self->answer(answer); });
  }

  void answer(const OperatorAnswer& answer) {
    output_ = "HTTP/1.1 " + std::to_string(answer.status) +
              " \r\nContent-Type: application/json\r\n" +
              "Content-Length: " + std::to_string(answer.body.size()) +
              "\r\nConnection: close\r\n\r\n" + answer.body;
    asio::async_write(
        socket_, asio::buffer(output_),
        [self = shared_from_this()](boost::system::error_code, size_t) { self->close(); });
  }

  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

  Protocol::socket socket_;
  asio::steady_timer timer_;
  OperatorApi& api_;
  std::string input_, output_;
};

}  // namespace

class OperatorSocket::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, std::string path, OperatorApi& api)
      : acceptor_(io), path_(std::move(path)), api_(api) {}

  std::string open() {
    ::unlink(path_.c_str());
    boost::system::error_code error;
    const mode_t mask = ::umask(0177);
    acceptor_.open(Protocol{}, error);
    if (!error) acceptor_.bind(Protocol::endpoint(path_), error);
    ::umask(mask);
    if (!error) acceptor_.listen(kMaxClients, error);
    return error ? path_ + ": " + error.message() : "";
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Protocol::socket socket) {
          if (error == asio::error::operation_aborted) return;
          if (!error) std::make_shared<Client>(std::move(socket), self->api_)->start();
          self->accept();
        });
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    ::unlink(path_.c_str());
  }

 private:
  Protocol::acceptor acceptor_;
  std::string path_;
  OperatorApi& api_;
};

Result<std::unique_ptr<OperatorSocket>, std::string> OperatorSocket::start(asio::io_context& io,
                                                                           const std::string& path,
                                                                           OperatorApi& api) {
  auto impl = std::make_shared<Impl>(io, path, api);
  if (auto error = impl->open(); !error.empty()) return error;
  impl->accept();
  return std::unique_ptr<OperatorSocket>(new OperatorSocket(std::move(impl)));
}

OperatorSocket::OperatorSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
OperatorSocket::~OperatorSocket() {
  impl_->stop();
}

}  // namespace holdfast::provision
