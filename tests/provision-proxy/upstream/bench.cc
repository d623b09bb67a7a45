// SPDX-License-Identifier: Apache-2.0
// The only file of these tests that knows Asio.
#include "tests/provision-proxy/upstream/bench.hh"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace holdfast::provision {

struct Bench::Io {
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
};

Bench::Bench(OriginConfig config, uint64_t bytes_per_s, std::optional<NamesConfig> names)
    : io_(std::make_unique<Io>()) {
  const auto logger = [this](LogLevel, const std::string& text) { log_.push_back(text); };
  const auto quiet = [](LogLevel, const std::string&) {};  // of another thread
  loop_ = std::make_unique<CurlLoop>(io_->context);
  throttle_ = std::make_unique<Throttle>(io_->context, bytes_per_s);
  if (names) names_ = std::make_unique<OriginNames>(io_->context, *names, quiet);
  upstream_ = std::make_unique<Upstream>(*loop_, *throttle_, names_.get(), config, logger);
}

Bench::~Bench() {
  upstream_.reset();
  names_.reset();
  throttle_.reset();
  loop_.reset();
}

bool Bench::run_until(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    io_->context.run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

void Bench::run_for(std::chrono::milliseconds time) {
  run_until([] { return false; }, time);
}

Upstream::Id Bench::fetch(UpstreamRequest request, Recorder& into) {
  const auto id = upstream_->start(std::move(request), into);
  run_until([&] { return into.ended(); });
  return id;
}

void Bench::drop_upstream() {
  upstream_.reset();
}

OriginConfig loopback(uint16_t port) {
  OriginConfig config;
  config.host = "127.0.0.1";
  config.port = port;
  return config;
}

UpstreamRequest get(std::string target) {
  UpstreamRequest request;
  request.target = std::move(target);
  return request;
}

std::string ok(std::string_view body, std::string_view more_fields) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more_fields) + "\r\n" + std::string(body);
}

}  // namespace holdfast::provision
