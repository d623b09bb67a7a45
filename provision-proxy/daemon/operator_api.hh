// SPDX-License-Identifier: Apache-2.0
// What an operator can see and do: status, files and their generations, phones, alarms; purge,
// rollback, warm.
//
// Asio thread. Documents are JSON; docs/provisioning.md names their members.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/config/provision_config.hh"
#include "provision-proxy/daemon/tftp_fronts.hh"
#include "provision-proxy/proxy/flow.hh"
#include "provision-proxy/server/server.hh"
#include "provision-proxy/spool/spool_worker.hh"

namespace holdfast::provision {

struct WarmOrder;

struct OperatorAnswer {
  unsigned status = 200;
  std::string body;
};

// All outlive the API.
struct OperatorSources {
  Store& store;
  const SpoolWorker& spool;
  Flow& flow;
  const Alarms& alarms;
  const FlowCounters& counters;
  const Server& server;
  const TftpFronts& tftp;
  const config::ProvisionSections& sections;
  std::function<int64_t()> unix_ms;
};

class OperatorApi {
 public:
  static constexpr size_t kMaxFiles = 10'000;  // of one answer

  explicit OperatorApi(OperatorSources sources) : sources_(std::move(sources)) {}

  using Query = std::map<std::string, std::string>;
  using Reply = std::function<void(OperatorAnswer)>;
  // `reply` once: at once, or when the store has done it.
  void handle(std::string_view method, std::string_view target, const Reply& reply);

 private:
  std::string status_document() const;
  std::string files_document(std::string_view path, std::string_view origin) const;
  std::string phones_document() const;
  std::string uploads_document() const;
  void purge(const std::string& path, const std::string& origin, const Reply& reply);
  std::vector<Key> files_of(const std::string& path, const std::string& origin) const;
  void rollback(const std::string& path, const std::string& origin, bool trust, const Reply& reply);
  std::string find_listener(const std::string& origin, WarmOrder& order) const;
  void warm(const std::string& path, Query& query, const Reply& reply);

  OperatorSources sources_;
};

}  // namespace holdfast::provision
