// SPDX-License-Identifier: Apache-2.0
// An origin on the loopback that does to each connection what a test's script says.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// NOLINTNEXTLINE: OpenSSL's own
struct ssl_ctx_st;
// NOLINTNEXTLINE: OpenSSL's own
struct ssl_st;

namespace holdfast::provision {

// A server's certificate and key, PEM.
struct TlsFiles {
  std::string certificate, key;
  std::string client_ca;  // not empty: a client certificate of it is demanded
};

// One connection. Each call blocks its own thread, and returns at once when the origin goes away.
class OriginConnection {
 public:
  OriginConnection(int fd, size_t number, ssl_st* tls);
  ~OriginConnection();
  OriginConnection(const OriginConnection&) = delete;
  OriginConnection& operator=(const OriginConnection&) = delete;

  size_t number() const { return number_; }  // 0 for the first connection
  // The head of a request with its empty line; empty: the client closed.
  std::string read_head();
  // That many bytes, or fewer if the client closed.
  std::string read(size_t size);
  std::string read_until(std::string_view end);
  bool send(std::string_view bytes);
  void drip(std::string_view bytes, size_t piece, std::chrono::milliseconds pause);
  void half_close();
  void reset();           // RST, whatever is under way
  bool wait_for_close();  // true: the client closed
  void shut();            // from any thread
  const std::string& client_name() const { return client_name_; }
  int dscp() const;  // of the client's SYN

 private:
  size_t receive(char* into, size_t size);

  const int fd_;
  const size_t number_;
  ssl_st* tls_;
  std::string buffer_;
  std::string client_name_;  // common name of its certificate
  bool open_ = true;
};

class ScriptedOrigin {
 public:
  using Script = std::function<void(OriginConnection&)>;

  // Listens on 127.0.0.1 (or the address), on a port of the kernel's choice.
  explicit ScriptedOrigin(Script script, const TlsFiles* tls = nullptr,
                          const std::string& address = "127.0.0.1", uint16_t port = 0);
  ~ScriptedOrigin();
  ScriptedOrigin(const ScriptedOrigin&) = delete;
  ScriptedOrigin& operator=(const ScriptedOrigin&) = delete;

  uint16_t port() const { return port_; }
  size_t connections() const { return connections_; }
  // Remembers a request head for the test, in the order in which they come.
  void note(std::string head);
  std::vector<std::string> notes() const;

 private:
  void accept_all();
  void serve(int fd, size_t number);

  const Script script_;
  ssl_ctx_st* tls_ = nullptr;
  uint16_t port_ = 0;  // set by what makes the listener
  int listener_ = -1, stop_ = -1;
  std::atomic<size_t> connections_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::list<OriginConnection*> open_;
  std::vector<std::string> notes_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A port of 127.0.0.1 on which nobody listens.
uint16_t closed_port();
// A listening socket whose queue is full: connections to it hang.
class SilentPort {
 public:
  SilentPort();
  ~SilentPort();
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  uint16_t port() const { return port_; }

 private:
  uint16_t port_ = 0;  // set by what makes the listener
  int listener_ = -1;
  std::vector<int> fillers_;
};

// Open descriptors of this process.
size_t open_descriptors();

}  // namespace holdfast::provision
