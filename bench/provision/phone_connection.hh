// SPDX-License-Identifier: Apache-2.0
// One keep-alive connection of the load program: a request at a time, each body compared with what
// it ought to be, byte for byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace holdfast::bench {

// Asks for one file, and knows it.
struct Wanted {
  std::string request;  // head and all
  std::string body;
};

enum class Progress : uint8_t {
  waits,     // for the socket
  answered,  // the whole answer was right
  wrong,     // status, length or a byte of the body was not; the connection is closed
  broken     // the peer has closed, in the middle of an answer or before it
};

class PhoneConnection {
 public:
  ~PhoneConnection() { close(); }

  // Connects and shakes hands, waiting for both. `tls`: null for a plain one. False: it failed.
  bool open(const std::string& address, uint16_t port, ssl_ctx_st* tls);
  void close();
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  // Small enough to be taken by any socket at once. `wanted` stays until it is answered.
  bool ask(const Wanted& wanted);
  // When the socket can be read.
  Progress read();
  // The peer says that this is the last answer.
  bool is_last() const { return last_; }

  std::string_view why() const { return why_; }  // wrong or broken

 private:
  Progress fail(Progress how, std::string_view why);
  Progress take(std::string_view bytes);
  bool take_head();
  long read_some(bool& would_block);

  int fd_ = -1;
  ssl_st* ssl_ = nullptr;
  const Wanted* wanted_ = nullptr;
  std::string head_;
  bool in_body_ = false, last_ = false;
  size_t at_ = 0;  // of the body
  std::string_view why_;
};

}  // namespace holdfast::bench
