// SPDX-License-Identifier: Apache-2.0
// Reads a request, lets it through the gate, writes the response.
#include "control/admin/connection.hh"

#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

namespace holdfast::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::milliseconds;

std::string_view plain(beast::string_view text) {
  return {text.data(), text.size()};
}

Refusal refusal_of(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return Refusal::header_too_large;
  if (error == http::error::bad_version) return Refusal::bad_version;
  if (error == http::error::body_limit) return Refusal::has_body;
  if (error == http::error::bad_transfer_encoding) return Refusal::transfer_encoding;
  return Refusal::malformed;
}

}  // namespace

Connection::Connection(Socket socket, Door door, Context& context)
    : stream_(std::move(socket)),
      door_(door),
      context_(context),
      buffer_(kMaxHeaderBytes),
      deadline_(stream_.get_executor()) {
  ++context_.open;
}

Connection::~Connection() {
  --context_.open;
}

void Connection::start() {
  parser_.emplace();
  parser_->header_limit(kMaxHeaderBytes);
  parser_->body_limit(0);
  stream_.expires_after(milliseconds(context_.times.request_ms));
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](const beast::error_code& error, size_t) {
                            self->on_header(error);
                          });
}

void Connection::on_header(const beast::error_code& error) {
  if (error == beast::error::timeout) {
    context_.count("refused_too_slow");
    return close();  // the stream has been shut by its time-out
  }
  if (error == http::error::end_of_stream) return close();
  if (error && error.category() != http::make_error_code(http::error::bad_version).category()) {
    context_.count("lost");
    return close();
  }
  if (error) return refuse(refusal_of(error));
  const auto& request = parser_->get();
  const HttpHead head = [&] {
    HttpHead made{plain(request.method_string()), plain(request.target()), request.version(), {}};
    for (const auto& field : request)
      made.fields.push_back({plain(field.name_string()), plain(field.value())});
    return made;
  }();
  const bool any_host = context_.any_host || door_ == Door::kSocket;
  if (const auto refusal = check_head(head, door_, any_host)) return refuse(*refusal);
  handle();
}

void Connection::handle() {
  const auto& request = parser_->get();
  const ApiRequest asked{door_, request.method() == http::verb::post,
                         std::string(plain(request.target()))};
  deadline_.expires_after(milliseconds(context_.times.answer_ms));
  deadline_.async_wait([self = shared_from_this()](const beast::error_code& cancelled) {
    if (!cancelled && !self->responded_) self->refuse(Refusal::no_answer);
  });
  context_.count("requests");
  context_.api.handle(asked, [self = shared_from_this()](const ApiResponse& response) {
    if (!self->responded_) self->respond(response);
  });
}

void Connection::refuse(Refusal refusal) {
  context_.count(("refused_" + std::string(name_of(refusal))).c_str());
  const nlohmann::json document = {{"error", text_of(refusal)}, {"reason", name_of(refusal)}};
  respond({status_of(refusal), "application/json", document.dump() + "\n"});
}

void Connection::respond(const ApiResponse& response) {
  responded_ = true;
  deadline_.cancel();
  response_.version(11);
  response_.result(response.status);
  response_.set(http::field::content_type, response.content_type);
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  response_.set("Referrer-Policy", "no-referrer");
  response_.set("Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                "frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
  if (response.status == 405) response_.set(http::field::allow, "GET");
  response_.keep_alive(false);
  response_.body() = response.body;
  response_.prepare_payload();
  stream_.expires_after(milliseconds(context_.times.response_ms));
  http::async_write(stream_, response_,
                    [self = shared_from_this()](const beast::error_code& error, size_t) {
                      if (error) self->context_.count("not_taken");
                      self->close();
                    });
}

void Connection::close() {
  beast::error_code ignored;
  stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
  stream_.close();
}

}  // namespace holdfast::admin
