// SPDX-License-Identifier: Apache-2.0
// A small client of the dataplane's control socket: one request at a time, each with a time-out.
//
// Not for an event loop: a call blocks until its answer or the time-out. A client that has failed
// with kUnreachable, kTimeout or kBadAnswer stays unusable; connect again.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/client/client_error.hh"
#include "dataplane/control/messages.hh"
#include "media/result.hh"

namespace holdfast::control {

class DataplaneClient {
 public:
  static constexpr std::chrono::milliseconds kDefaultTimeout{5000};

  // Connects and says hello. `timeout` holds for this and for each later call.
  static Result<std::unique_ptr<DataplaneClient>, ClientError> connect(
      const std::string& path, std::chrono::milliseconds timeout = kDefaultTimeout);
  ~DataplaneClient();
  DataplaneClient(const DataplaneClient&) = delete;
  DataplaneClient& operator=(const DataplaneClient&) = delete;

  Result<CallReport, ClientError> add(const CallAdd& request);
  Result<LegReport, ClientError> update(const LegUpdate& request);
  Result<CallReport, ClientError> remove(const CallDelete& request);
  Result<StatusReport, ClientError> status();
  Result<MinutePage, ClientError> minutes(const MinuteList& request);  // one page
  Result<CaptureBegun, ClientError> start(const CaptureStart& request);
  Result<CapturePage, ClientError> read(const CaptureRead& request);  // does not wait for frames
  Result<CapturePage, ClientError> stop(const CaptureStop& request);
  Result<CheckpointPage, ClientError> checkpoints(const CheckpointList& request);  // one page
  // Every page of call.list, put together.
  Result<std::vector<CallReport>, ClientError> calls(bool finished);

  // Any operation by name: the answer's members beside id and ok.
  Result<nlohmann::json, ClientError> call(std::string_view op, const nlohmann::json& params);

  const std::string& server_version() const;

 private:
  class Connection;
  explicit DataplaneClient(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace holdfast::control
