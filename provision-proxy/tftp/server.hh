// SPDX-License-Identifier: Apache-2.0
// A TFTP server that only reads: RFC 1350, 1123 section 4.2, 2347, 2348, 2349, 7440; IPv4 and IPv6.
//
// Each transfer has a socket of its own, at the address that the request came to. A write is
// answered with error 2. netascii is served as RFC 1350 has it: whoever asks for it undoes it, so
// that the file arrives byte for byte; it is not passed on as it is, since a client would then take
// CR LF pairs and lone CRs out of an image. How many transfers there are is bounded, overall and
// for each address; one more is answered with error 0.
//
// One Asio thread: that which runs the context. Destroy it there, or when nobody runs the context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/address.hh"
#include "provision-proxy/tftp/counters.hh"
#include "provision-proxy/tftp/source.hh"

namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

struct TftpConfig {
  std::vector<SocketAddress> listen;  // port 0: any
  std::string device;                 // of the kernel, where requests come in; empty: any
  TftpPolicy policy;                  // IPv6 gives blocks 20 bytes less than max_block_bytes
  TftpTimes times;
  uint32_t open_timeout_ms = 30'000;
  size_t max_transfers = 64;
  size_t max_transfers_per_source = 8;
  // Ports that no transfer takes: the kernel does not see what comes to them. Last below first:
  // none.
  uint16_t first_forbidden_port = 1, last_forbidden_port = 0;
  uint8_t dscp = 8;  // CS1 (RFC 3662): below voice, below signalling
};

class TftpServer {
 public:
  // `source` must outlive it.
  TftpServer(boost::asio::io_context& context, TftpConfig config, TftpSource& source);
  ~TftpServer();
  TftpServer(const TftpServer&) = delete;
  TftpServer& operator=(const TftpServer&) = delete;

  // Takes the ports. Empty, or why one could not be taken: then none is.
  std::string open();
  void stop();  // ends transfers too, without a word

  std::vector<SocketAddress> addresses() const;  // in the order of the configuration
  size_t transfers() const;                      // under way
  const TftpCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
