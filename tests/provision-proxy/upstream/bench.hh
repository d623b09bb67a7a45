// SPDX-License-Identifier: Apache-2.0
// What an Upstream stands on, for tests, and a handler that remembers all that it hears.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provision-proxy/upstream/curl_loop.hh"
#include "provision-proxy/upstream/origin_names.hh"
#include "provision-proxy/upstream/throttle.hh"
#include "provision-proxy/upstream/upstream.hh"

namespace holdfast::provision {

struct Recorder : UpstreamHandler {
  void on_interim(const ResponseHead& got) override { interims.push_back(got); }
  void on_head(ResponseHead got, BodyFraming how) override {
    head = std::move(got);
    framing = how;
    ++heads;
    if (at_head) at_head();
  }
  void on_body(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    largest = std::max(largest, bytes.size());
    if (at_body) at_body();
  }
  void on_end(const UpstreamOutcome& got) override {
    outcome = got;
    ++ends;
    if (at_end) at_end();
  }
  bool ended() const { return ends > 0; }
  UpstreamEnd end() const { return outcome.end; }

  std::vector<ResponseHead> interims;
  ResponseHead head;
  BodyFraming framing = BodyFraming::none;
  std::string body;
  UpstreamOutcome outcome;
  int heads = 0, ends = 0;
  size_t largest = 0;
  std::function<void()> at_head, at_body, at_end;
};

// An io_context with loop, throttle and one upstream.
class Bench {
 public:
  explicit Bench(OriginConfig config, uint64_t bytes_per_s = 0,
                 std::optional<NamesConfig> names = {});
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // Runs the loop until it holds, or 20 s have passed: then false.
  bool run_until(const std::function<bool()>& holds,
                 std::chrono::milliseconds limit = std::chrono::seconds(20));
  void run_for(std::chrono::milliseconds time);
  // Starts it and runs to its end.
  Upstream::Id fetch(UpstreamRequest request, Recorder& into);
  void drop_upstream();  // destroys it while its loop lives on

  Upstream& upstream() { return *upstream_; }
  CurlLoop& loop() { return *loop_; }
  Throttle& throttle() { return *throttle_; }
  OriginNames& names() { return *names_; }
  const std::vector<std::string>& log() const { return log_; }

 private:
  struct Io;
  std::unique_ptr<Io> io_;
  std::unique_ptr<CurlLoop> loop_;
  std::unique_ptr<Throttle> throttle_;
  std::unique_ptr<OriginNames> names_;
  std::unique_ptr<Upstream> upstream_;
  std::vector<std::string> log_;
};

OriginConfig loopback(uint16_t port);
UpstreamRequest get(std::string target = "/");
// The answer "200 OK" with that body and its length.
std::string ok(std::string_view body, std::string_view more_fields = "");

}  // namespace holdfast::provision
