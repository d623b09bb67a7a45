// SPDX-License-Identifier: Apache-2.0
// One transfer with its socket, its timer and its file.
//
// Asio thread alone. It keeps itself alive through what it waits for; close() ends that.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "provision-proxy/tftp/counters.hh"
#include "provision-proxy/tftp/server.hh"
#include "provision-proxy/tftp/source.hh"
#include "provision-proxy/tftp/transfer.hh"
#include "provision-proxy/tftp/udp_port.hh"

namespace holdfast::provision {

class TftpSession : public std::enable_shared_from_this<TftpSession> {
 public:
  // What the server lends; it outlives close().
  struct Context {
    boost::asio::io_context& io;
    const TftpConfig& config;
    TftpSource& source;
    TftpCounters& counters;
    std::function<void(const UdpPort::Endpoint&)> ended;  // the session of that client
  };

  TftpSession(Context& context, const TftpRequest& request, const UdpPort::Endpoint& peer);

  // Empty, or why there is no socket. The file is opened by start().
  std::string open(const UdpPort::Endpoint& local);
  void start(std::string path);
  void close();

 private:
  void opened(TftpSource::Opened file);
  void fail(TftpFailure failure, const TftpError& error);
  void listen();
  void receive();
  void stranger(const UdpPort::Datagram& datagram);
  void pump();
  void send();
  void read();
  void got(const TftpPiece& piece);
  void arm();
  void on_timer();
  void end();

  Context& context_;
  TftpRequest request_;  // without its name, which was a view
  const UdpPort::Endpoint peer_;
  UdpPort port_;
  boost::asio::steady_timer timer_;
  uint64_t open_deadline_ms_ = 0;
  uint64_t armed_ms_ = 0;
  std::shared_ptr<TftpFile> file_;
  std::optional<TftpTransfer> transfer_;
  std::optional<std::string> unsent_;  // the kernel had no room
  bool waits_to_send_ = false;
  bool reading_ = false;
  bool pumping_ = false;
  bool again_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::provision
