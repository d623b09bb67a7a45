// SPDX-License-Identifier: Apache-2.0
// One connection: one request, its gate, one response, the end. Admin thread only.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "control/admin/gate.hh"
#include "control/admin/server.hh"

namespace holdfast::admin {

struct Context {
  Api& api;
  const ServerTimes& times;
  bool any_host = false;
  std::function<void(const char* counter)> count;
  size_t open = 0;  // connections
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  Connection(Socket socket, Door door, Context& context);
  ~Connection();

  void start();

 private:
  using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;

  void on_header(const boost::beast::error_code& error);
  void handle();
  void refuse(Refusal refusal);
  void respond(const ApiResponse& response);
  void close();

  Stream stream_;
  Door door_;
  Context& context_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::empty_body>> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  boost::asio::steady_timer deadline_;
  bool responded_ = false;
};

}  // namespace holdfast::admin
