// SPDX-License-Identifier: Apache-2.0
// Transfers to one origin: a bounded number at a time, none while it is known to be away.
//
// Asio thread. Everything that it stands on - loop, throttle, names - must outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hh"
#include "provision-proxy/upstream/origin_config.hh"
#include "provision-proxy/upstream/origin_health.hh"
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {

class CurlLoop;
class OriginNames;
class Throttle;

struct UpstreamStatus {
  size_t running = 0, queued = 0;
  uint64_t started = 0;  // start() was called
  std::array<uint64_t, static_cast<size_t>(UpstreamEnd::count)> ends{};
  uint64_t reused = 0, retried = 0;
  uint64_t body_bytes = 0, sent_bytes = 0;
  uint64_t dropped = 0;  // cancel() of what had not ended; counted as `cancelled` too
};

class Upstream {
 public:
  using Id = uint64_t;  // never 0, never twice

  // Why it cannot work, in one line: a name that is none, a file that cannot be read. Or empty.
  static std::string problem_of(const OriginConfig& config);

  // `names` may be null if the origin's host is a literal.
  Upstream(CurlLoop& loop, Throttle& throttle, OriginNames* names, OriginConfig config,
           Logger logger);
  // Drops what is under way without a word.
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // The handler hears of every end, of those too that come before the first byte is sent.
  Id start(UpstreamRequest request, UpstreamHandler& handler);
  // The handler hears nothing more. Unknown ids are ignored, here and below.
  void cancel(Id id);
  // Ends all with `cancelled`, and tells their handlers.
  void cancel_all();
  void pause(Id id);
  void resume(Id id);
  // The body source that had to wait has more.
  void resume_upload(Id id);

  const OriginConfig& config() const;
  const OriginHealth& health() const;
  // Called soon after each change, never from within a handler. Handlers stay for good.
  void on_health(std::function<void(const OriginTransition&)> handler);
  UpstreamStatus status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
