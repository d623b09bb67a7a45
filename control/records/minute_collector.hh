// SPDX-License-Identifier: Apache-2.0
// Fetches the dataplane's minute records and hands them to the writer, on a thread of its own.
//
// They wait in the dataplane, bounded, while we are away; how far we have read is committed with
// the rows, so that a restart of either side neither loses nor doubles any.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hh"
#include "control/store/rows.hh"

namespace holdfast::records {

struct MinuteStatus {
  uint64_t rows = 0;          // taken over
  uint64_t not_of_calls = 0;  // of relayed calls that holdfastd did not make
  uint64_t missed = 0;        // the dataplane had dropped them before they were asked for
  std::string last_error;     // of the last try; empty: it was good
};

class MinuteCollector {
 public:
  // False: not taken, ask again later.
  using Sink = std::function<bool(store::Item)>;

  MinuteCollector(std::string dataplane_socket, std::optional<store::MinuteCursor> cursor,
                  Sink sink, Logger logger,
                  std::chrono::milliseconds every = std::chrono::seconds(5));
  // Ends within a second, whatever the dataplane does.
  ~MinuteCollector();
  MinuteCollector(const MinuteCollector&) = delete;
  MinuteCollector& operator=(const MinuteCollector&) = delete;

  MinuteStatus status() const;  // any thread

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::records
