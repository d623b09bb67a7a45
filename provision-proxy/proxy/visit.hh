// SPDX-License-Identifier: Apache-2.0
// One request on its way through the flow: who asks for what, and how to answer.
//
// Asio thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "provision-proxy/cache/stored_response.hh"
#include "provision-proxy/config/provision_config.hh"
#include "provision-proxy/phone/file_class.hh"
#include "provision-proxy/phone/identity.hh"
#include "provision-proxy/phone/owner.hh"
#include "provision-proxy/proxy/alarms.hh"
#include "provision-proxy/proxy/credentials.hh"
#include "provision-proxy/proxy/exchange.hh"
#include "provision-proxy/proxy/flow_counters.hh"
#include "provision-proxy/store/store.hh"
#include "provision-proxy/upstream/upstream.hh"

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

// A configured origin and the way there. Outlives the flow.
struct OriginPort {
  const config::ProvisionOriginConfig* config = nullptr;
  Upstream* upstream = nullptr;
  OwnerCheck* owner_check = nullptr;  // null: anyone may have any file

  bool by_rfc() const { return config->profile == config::CacheProfile::kRfc; }
  bool stores_always() const { return config->store == config::StoreContract::kAlways; }
  bool serves_stale() const { return config->serve_stale == config::StaleContract::kOnUnreachable; }
};

class SpoolWorker;

// What every part of the flow works with. Outlives them.
struct FlowContext {
  boost::asio::io_context& io;
  Store& store;
  Alarms& alarms;
  FlowCounters& counters;
  std::function<int64_t()> unix_ms;
  SpoolWorker* spool = nullptr;  // null: uploads pass or fail

  int64_t now_s() const { return unix_ms() / 1000; }
};

struct Visit {
  Request request;
  RequestHandler::Interim interim;
  RequestHandler::Reply reply;
  const OriginPort* origin = nullptr;
  const FileClass* file = nullptr;
  bool shared = false;  // as its class says, unless its path names a phone
  Identity identity;
  Credentials credentials;
  Key key;
  int attempts = 0;      // how often it was begun anew
  bool warming = false;  // the operator's: no phone asks
  bool refused = false;  // the origin did not take its credentials any more: nothing kept is given

  bool is_head() const { return request.method == "HEAD"; }
  CacheRequest cache_request() const { return {request.method, request.target, request.fields}; }
};
using VisitPtr = std::shared_ptr<Visit>;

// As the policy sees it. Borrows from the entry.
inline StoredResponse as_stored(const Entry& entry) {
  return {entry.meta.status, &entry.meta.fields, &entry.meta.vary_request,
          entry.meta.request_ms / 1000, entry.meta.response_ms / 1000};
}

}  // namespace holdfast::provision
