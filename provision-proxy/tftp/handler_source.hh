// SPDX-License-Identifier: Apache-2.0
// The files of a TFTP server are what a GET for them is answered with: by the same flow, out of the
// same cache, as over HTTP.
//
// The request has no fields: TFTP tells no User-Agent, so a phone is known by a MAC in the path,
// else by the neighbour table. Asio thread.
#pragma once

#include <string>
#include <utility>

#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/tftp/source.hh"

namespace holdfast::provision {

class HandlerSource : public TftpSource {
 public:
  // `listener`: the number that requests carry. `root`: a folder in front of every path, "/folder"
  // or empty. `handler` must outlive this.
  HandlerSource(RequestHandler& handler, size_t listener, std::string root = {})
      : handler_(handler), listener_(listener), root_(std::move(root)) {}

  // 200 is the file; 404 and 410 are error 1, 401 and 403 error 2, all else error 0 with the
  // status. A file with a Content-Encoding is error 0: TFTP cannot say so, and the phone would take
  // it for the image.
  void open(std::string path, SocketAddress peer, std::function<void(Opened)> then) override;

 private:
  RequestHandler& handler_;
  const size_t listener_;
  const std::string root_;
};

}  // namespace holdfast::provision
