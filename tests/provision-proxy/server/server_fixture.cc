// SPDX-License-Identifier: Apache-2.0
// The fixture of the server's tests.
#include "tests/provision-proxy/server/server_fixture.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "provision-proxy/http/chunked.hh"

namespace holdfast::provision::test {

void ScriptedHandler::handle(Request request, Interim interim, Reply reply) {
  const auto path = request.target.substr(0, request.target.find('?'));
  seen.push_back(request.method + " " + request.target);
  const auto script = scripts.find(path);
  if (script == scripts.end()) return reply(text_answer("not here\n", 404));
  script->second({std::move(request), std::move(interim), std::move(reply)});
}

Answer text_answer(const std::string& text, int status) {
  Answer answer;
  answer.status = status;
  answer.fields.add("Content-Type", "text/plain");
  answer.bytes = std::make_shared<const std::string>(text);
  return answer;
}

PieceBody::~PieceBody() {
  pieces_->destroyed = true;
  pieces_->waiting = nullptr;
}

void PieceBody::next(std::function<void(BodyPiece)> then) {
  pieces_->waiting = std::move(then);
  pieces_->give();
}

void PieceBody::Pieces::give() {
  if (!waiting) return;
  BodyPiece piece;
  if (given < ready.size()) {
    const auto& bytes = ready[given++];
    piece = {BodyState::kBytes, {bytes.data(), bytes.size()}};
  } else if (failed || end) {
    piece.state = failed ? BodyState::kFailed : BodyState::kEnd;
  } else {
    return;
  }
  const auto then = std::exchange(waiting, nullptr);
  then(piece);
  EXPECT_FALSE(destroyed) << "a body must not be destroyed while it calls back";
}

void PieceBody::Pieces::add(const std::string& piece) {
  ready.push_back(piece);
  give();
}

void PieceBody::Pieces::finish(bool good) {
  (good ? end : failed) = true;
  give();
}

void read_upload(const std::shared_ptr<RequestBody>& body,
                 std::function<void(std::optional<std::string>)> then) {
  if (!body) return then("");
  struct Reader : std::enable_shared_from_this<Reader> {
    std::shared_ptr<RequestBody> body;
    std::function<void(std::optional<std::string>)> then;
    std::string all;

    void next() {
      body->next([self = shared_from_this()](const BodyPiece& piece) {
        if (piece.state == BodyState::kFailed) return self->then(std::nullopt);
        if (piece.state == BodyState::kEnd) return self->then(std::move(self->all));
        self->all.append(piece.bytes.data(), piece.bytes.size());
        self->next();
      });
    }
  };
  const auto reader = std::make_shared<Reader>();
  reader->body = body;
  reader->then = std::move(then);
  reader->next();
}

config::ProvisionListenerConfig ServerTest::plain(const std::string& address) {
  config::ProvisionListenerConfig config;
  config.interface = "lan";
  config.addresses = {*IpAddress::parse(address)};
  config.port = 0;
  return config;
}

void ServerTest::start(std::vector<config::ProvisionListenerConfig> listeners) {
  limits_.tick = std::chrono::milliseconds(1);
  auto server = Server::start(
      io_, std::move(listeners), limits_, handler_,
      [this](LogLevel, const std::string& line) { log_ += line + "\n"; }, [this] { return now_; });
  ASSERT_TRUE(server) << server.error();
  server_ = std::move(server).value();
}

bool ServerTest::wait(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) {
      ADD_FAILURE() << "waited in vain";
      return false;
    }
    if (io_.poll() == 0) io_.run_one_for(std::chrono::milliseconds(1));
    io_.restart();
  }
  return true;
}

void ServerTest::turn_often() {
  for (int i = 0; i < 20; ++i) {
    io_.run_one_for(std::chrono::milliseconds(1));
    io_.restart();
  }
}

Phone::Phone(ServerTest& test, size_t listener, size_t address, int receive_bytes) : test_(test) {
  const auto to = test.server_->addresses(listener).at(address);
  fd_ = ::socket(to.ip.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_bytes > 0)
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (to.ip.is_v6()) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(to.port);
    std::copy(to.ip.bytes.begin(), to.ip.bytes.end(), in6.sin6_addr.s6_addr);
    size = sizeof in6;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(to.port);
    std::copy_n(to.ip.bytes.begin(), 4, reinterpret_cast<uint8_t*>(&in.sin_addr));
    size = sizeof in;
  }
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&storage), size), 0);
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

Phone::~Phone() {
  ::close(fd_);
}

size_t Phone::send_some(const std::string& bytes) {
  const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return n < 0 ? 0 : static_cast<size_t>(n);
}

void Phone::send(const std::string& bytes) {
  size_t at = 0;
  test_.wait([&] {
    const auto n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n < 0) return errno != EAGAIN;  // the server may have had enough
    at += static_cast<size_t>(n);
    return at == bytes.size();
  });
  test_.turn();
}

void Phone::end_sending() {
  ::shutdown(fd_, SHUT_WR);
}

void Phone::read_available() {
  char buffer[16384];
  while (!ended_) {
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) {
      received_.append(buffer, static_cast<size_t>(n));
    } else if (n == 0) {
      ended_ = true;
    } else if (errno == EAGAIN) {
      return;
    } else {
      ended_ = reset_ = true;
    }
  }
}

bool Phone::wait_for(const std::string& text) {
  const bool found = test_.wait([&] {
    read_available();
    return received_.find(text) != std::string::npos || ended_;
  });
  return found && received_.find(text) != std::string::npos;
}

bool Phone::wait_for_size(size_t bytes) {
  test_.wait([&] {
    read_available();
    return received_.size() >= bytes || ended_;
  });
  return received_.size() >= bytes;
}

std::string Phone::rest() {
  test_.wait([&] {
    read_available();
    return ended_;
  });
  return take();
}

std::string Phone::take() {
  return std::exchange(received_, {});
}

std::string request(const std::string& line, const std::string& more) {
  return line + " HTTP/1.1\r\nHost: provision.lab.voip\r\n" + more + "\r\n";
}

std::optional<std::string> body_of(const std::string& bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  const auto head = bytes.substr(0, end + 2);
  const std::string_view rest = std::string_view(bytes).substr(end + 4);
  if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
    const auto length = std::stoull(head.substr(at + 16));
    if (rest.size() != length) return std::nullopt;
    return std::string(rest);
  }
  if (head.find("Transfer-Encoding: chunked") == std::string::npos) return std::string(rest);
  ChunkedDecoder chunks(1ULL << 40);
  std::string body;
  for (std::string_view left = rest;;) {
    const auto step = chunks.step(left);
    body += step.data;
    left.remove_prefix(step.consumed);
    if (step.state == ChunkedDecoder::State::done && left.empty()) return body;
    if (step.state != ChunkedDecoder::State::data) return std::nullopt;
  }
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

}  // namespace holdfast::provision::test
