// SPDX-License-Identifier: Apache-2.0
// Plain sockets and threads.
#include "scripted_origin.hh"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "provision-proxy/phone/ascii.hh"

namespace holdfast::provision {
namespace {

std::string field_of(const std::string& head, const std::string& name) {
  const size_t at = find_text(head, "\r\n" + name + ":");
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 3;
  return std::string(
      trimmed(std::string_view(head).substr(begin, head.find("\r\n", begin) - begin)));
}

std::string peer_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  char text[INET_ADDRSTRLEN] = "";
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return text;
}

bool send_all(int fd, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

ScriptedOrigin::ScriptedOrigin(Handler handler, bool ranges)
    : handler_(std::move(handler)), ranges_(ranges) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, plain, size) != 0 || ::listen(listener_, 512) != 0 ||
      ::getsockname(listener_, plain, &size) != 0)
    throw std::runtime_error("the scripted origin cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedOrigin::~ScriptedOrigin() {
  stopped_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  for (const int fd : connections_) ::close(fd);
  ::close(listener_);
}

std::vector<OriginRequest> ScriptedOrigin::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedOrigin::accept_all() {
  while (!stopped_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const std::lock_guard lock(mutex_);
    connections_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void ScriptedOrigin::serve(int fd) {
  std::string bytes;
  char buffer[4096];
  while (true) {
    const size_t end = bytes.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string head = bytes.substr(0, end + 2);
      const std::string length = field_of(head, "content-length");
      const size_t whole = end + 4 + (length.empty() ? 0 : std::stoul(length));
      if (bytes.size() >= whole) {
        std::string body = bytes.substr(end + 4, whole - end - 4);
        bytes.erase(0, whole);
        if (!answer(fd, head, std::move(body))) break;
        continue;
      }
    }
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    bytes.append(buffer, static_cast<size_t>(n));
  }
  ::shutdown(fd, SHUT_RDWR);
}

bool ScriptedOrigin::answer(int fd, const std::string& head, std::string body) {
  OriginRequest request;
  const size_t space = head.find(' ');
  request.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  request.user_agent = field_of(head, "user-agent");
  request.range = field_of(head, "range");
  request.method = head.substr(0, space);
  request.body = std::move(body);
  request.peer = peer_of(fd);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  OriginAnswer answer = handler_(request);
  if (answer.silent) {
    char byte = 0;
    while (::recv(fd, &byte, 1, 0) > 0) {
    }
    return false;
  }
  if (ranges_ && answer.status == 200 && request.range.starts_with("bytes=0-")) {
    const size_t last = std::stoul(request.range.substr(8));
    answer.fields += "Content-Range: bytes 0-" +
                     std::to_string(std::min(last, answer.body.size() - 1)) + "/" +
                     std::to_string(answer.body.size()) + "\r\n";
    answer.body.resize(std::min(last + 1, answer.body.size()));
    answer.status = 206;
  }
  const size_t announced = answer.body.size() + answer.missing_bytes;
  return send_all(fd, "HTTP/1.1 " + std::to_string(answer.status) +
                          " X\r\nContent-Length: " + std::to_string(announced) + "\r\n" +
                          answer.fields + "\r\n" + answer.body) &&
         answer.missing_bytes == 0;
}

std::map<std::string, std::string> branch_files() {
  const std::string xml = "<?xml version=\"1.0\"?>\n";
  return {
      {"/2345-12500-001.bootrom.ld", std::string(9000, '\x81')},
      {"/2345-12500-001.sip.ld", std::string(20000, '\x82')},
      {"/0004f2aaaaaa.cfg",
       xml + "<APPLICATION APP_FILE_PATH=\"sip.ld\" CONFIG_FILES=\"server/cert/ca.cfg, "
             "phone/guid 1.cfg, server/xic.cfg, sip.cfg\" OVERRIDES_DIRECTORY=\"overrides\" "
             "CONTACTS_DIRECTORY=\"contacts\"/>\n"},
      {"/server/cert/ca.cfg", xml + "<a><sec sec.TLS.customCaCert.1=\"MII\"/></a>\n"},
      {"/phone/guid%201.cfg", xml + "<a><reg reg.1.address=\"4711\" "
                                    "reg.1.auth.password=\"s3cret\"/></a>\n"},
      {"/server/xic.cfg", xml + "<mb><idle mb.home=\"x\"/>\nreg.1.address=\"4799\"\n</mb>\n"},
      {"/sip.cfg", xml + "<b><idle mb.home=\"y\"/><tone tone.level=\"3\"/></b>\n"},
      {"/overrides/0004f2aaaaaa-phone.cfg", xml + "<o up.light=\"1\"/>\n"},
      {"/sip100.img", std::string(10000, '\x83')},
      {"/00908f3bbcba.cfg",
       "voip/line/0/id=1234\nvoip/line/0/auth_password=4321\nCUSTOM::config_files=site.cfg\n"},
      {"/site.cfg", "voip/line/0/id=9\nnetwork/vlan=100\n"},
      {"/420hd.img", std::string(10000, '\x84')},
  };
}

ScriptedOrigin::Handler serving(std::map<std::string, std::string> files) {
  return [files = std::move(files)](const OriginRequest& request) {
    const auto found = files.find(request.target);
    return found == files.end() ? OriginAnswer{404, "no such file\n"}
                                : OriginAnswer{200, found->second};
  };
}

}  // namespace holdfast::provision
