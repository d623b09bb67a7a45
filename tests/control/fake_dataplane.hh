// SPDX-License-Identifier: Apache-2.0
// A dataplane without packets: a real control server on a real socket with made-up counters.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "dataplane/control/server.hh"

namespace holdfast::control {

// Runs on a thread of its own from construction to destruction.
class FakeDataplane : public ControlHandler {
 public:
  explicit FakeDataplane(const std::string& path);
  ~FakeDataplane() override;
  FakeDataplane(const FakeDataplane&) = delete;
  FakeDataplane& operator=(const FakeDataplane&) = delete;

  void handle(const Request& request, Reply reply) override;
  std::atomic<bool> unbalanced{false};   // status then has a packet too many
  std::atomic<bool> far_end{false};      // new calls' first legs then have RTCP of their endpoint
  std::atomic<bool> crowded{false};      // new legs then had more streams than there was room for
  std::atomic<uint32_t> clock_hz{8000};  // of new streams

 private:
  void add(const CallAdd& request, Reply& reply);
  void update(const LegUpdate& request, Reply& reply);
  void remove(const CallDelete& request, Reply& reply);
  void list(const CallList& request, Reply& reply) const;
  StatusReport status() const;

  std::map<std::string, CallReport> calls_;
  std::map<uint64_t, CallReport> finished_;  // by the first leg's id
  uint32_t next_leg_ = 1;
  std::unique_ptr<ControlServer> server_;
  int wake_ = -1;  // eventfd that ends the thread
  std::thread thread_;
};

// A stream with a loss run of 60 and 8 kHz clock, to compare output with.
StreamReport sample_stream();

}  // namespace holdfast::control
