// SPDX-License-Identifier: Apache-2.0
// What an operator can see and do.
#include "provision-proxy/daemon/operator_api.hh"

#include <algorithm>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

namespace holdfast::provision {
namespace {

using nlohmann::json;

std::string dump(const json& document) {
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

OperatorAnswer problem(unsigned status, const std::string& what) {
  return {status, dump({{"error", what}})};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Names and values of a query, percent-escapes read.
std::map<std::string, std::string> query_of(std::string_view target) {
  std::map<std::string, std::string> found;
  const auto question = target.find('?');
  if (question == std::string_view::npos) return found;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    std::string text;
    for (size_t i = 0; i < pair.size(); ++i) {
      const bool escaped = pair[i] == '%' && i + 2 < pair.size() && hex_value(pair[i + 1]) >= 0 &&
                           hex_value(pair[i + 2]) >= 0;
      text += escaped ? static_cast<char>(hex_value(pair[i + 1]) * 16 + hex_value(pair[i + 2]))
                      : pair[i];
      if (escaped) i += 2;
    }
    const auto equals = text.find('=');
    found[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return found;
}

// "2026-11-27T18:46:05Z"; empty for never.
std::string iso_time(int64_t unix_ms) {
  if (unix_ms <= 0) return "";
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json entry_json(const Entry& entry) {
  return {{"origin", entry.key.origin},
          {"path", entry.key.target},
          {"phone", entry.key.identity},
          {"status", entry.meta.status},
          {"bytes", entry.body.size},
          {"sha256", entry.body.hash},
          {"generation", entry.generation},
          {"fetched", iso_time(entry.meta.response_ms)},
          {"validated", iso_time(entry.meta.validated_ms)},
          {"stored", iso_time(entry.stored_ms)},
          {"last_good", entry.keep == Keep::kLastGood},
          {"distrusted", entry.distrusted}};
}

json store_json(const StoreStatus& store) {
  return {{"state", text_of(store.state)}, {"trouble", store.trouble},
          {"files", store.entries},        {"bodies", store.bodies},
          {"bytes", store.body_bytes},     {"max_bytes", store.max_bytes},
          {"commits", store.commits},      {"commit_failures", store.commit_failures},
          {"evicted", store.evicted},      {"rollbacks", store.rollbacks},
          {"damaged", store.damaged},      {"missing", store.missing}};
}

json uploads_json(const SpoolStatus& spool) {
  json results = json::object();
  for (size_t i = 0; i < spool.results.size(); ++i)
    if (spool.results[i] > 0)
      results[std::string(name_of(static_cast<SpoolResult>(i)))] = spool.results[i];
  return {{"waiting", spool.uploads},
          {"logs", spool.logs},
          {"bytes", spool.bytes},
          {"results", std::move(results)},
          {"logs_dropped", spool.logs_dropped},
          {"damaged", spool.damaged},
          {"finished", spool.finished}};
}

// Those that have counted; each refusal of the gate has its name among them.
json counts_json(const ListenerCounters& counters) {
  json counts = json::object();
  for_each_counter(counters, [&](std::string_view name, std::string_view, uint64_t count) {
    if (count > 0) counts[std::string(name)] = count;
  });
  return counts;
}

}  // namespace

std::string OperatorApi::status_document() const {
  json counts = json::object();
  for (size_t i = 0; i < std::size(kFlowCountNames); ++i)
    counts[std::string(kFlowCountNames[i])] = sources_.counters.counts[i];
  json origins = json::array();
  for (const auto& port : sources_.flow.origins()) {
    const auto& health = port.upstream->health();
    const auto upstream = port.upstream->status();
    json ends = json::object();
    for (size_t i = 0; i < upstream.ends.size(); ++i)
      if (upstream.ends[i] > 0)
        ends[std::string(name_of(static_cast<UpstreamEnd>(i)))] = upstream.ends[i];
    origins.push_back({{"name", port.config->name},
                       {"url", port.config->url.to_string()},
                       {"profile", config::to_string(port.config->profile)},
                       {"store", config::to_string(port.config->store)},
                       {"serve_stale", config::to_string(port.config->serve_stale)},
                       {"owner_check", config::to_string(port.config->owner_check)},
                       {"state", name_of(health.state())},
                       {"reason", health.reason() ? json(text_of(*health.reason())) : json()},
                       {"running", upstream.running},
                       {"queued", upstream.queued},
                       {"body_bytes", upstream.body_bytes},
                       {"ends", std::move(ends)}});
  }
  json listeners = json::array();
  for (size_t i = 0; i < sources_.sections.listeners.size(); ++i) {
    const auto& config = sources_.sections.listeners[i];
    json addresses = json::array();
    for (const auto& address : sources_.server.addresses(i))
      addresses.push_back(address.to_string());
    listeners.push_back({{"origin", config.origin},
                         {"tls", config.tls},
                         {"addresses", addresses},
                         {"open", sources_.server.counters(i).open},
                         {"counts", counts_json(sources_.server.counters(i))}});
  }
  json alarms = json::array();
  for (const auto& alarm : sources_.alarms.kept())
    alarms.push_back({{"kind", name_of(alarm.kind)},
                      {"text", text_of(alarm.kind)},
                      {"subject", alarm.subject},
                      {"detail", alarm.detail},
                      {"first", iso_time(alarm.first_ms)},
                      {"last", iso_time(alarm.last_ms)},
                      {"times", alarm.times}});
  return dump({{"now", iso_time(sources_.unix_ms())},
               {"connections", sources_.server.open_connections()},
               {"counts", std::move(counts)},
               {"origins", std::move(origins)},
               {"listeners", std::move(listeners)},
               {"tftp", sources_.tftp.document()},
               {"store", store_json(sources_.store.status())},
               {"uploads", uploads_json(sources_.spool.status())},
               {"alarms", std::move(alarms)}});
}

// All files in short; those of one path with their generations and who fetched them.
std::string OperatorApi::files_document(std::string_view path) const {
  json files = json::array();
  sources_.store.for_each([&](const EntryPtr& entry) {
    if ((!path.empty() && entry->key.target != path) || files.size() >= kMaxFiles) return;
    json file = entry_json(*entry);
    if (!path.empty()) {
      json fetches = json::array();
      for (const auto& fetch : sources_.store.fetch_log().of(entry->key))
        fetches.push_back({{"phone", fetch.identity},
                           {"user_agent", fetch.user_agent},
                           {"last", iso_time(fetch.at_ms)},
                           {"status", fetch.status},
                           {"count", fetch.count}});
      file["fetches"] = std::move(fetches);
    }
    files.push_back(std::move(file));
  });
  return dump({{"files", std::move(files)}});
}

std::string OperatorApi::phones_document() const {
  json phones = json::array();
  for (const auto& row : sources_.store.fetch_log().phones())
    phones.push_back({{"phone", row.fetch.identity},
                      {"user_agent", row.fetch.user_agent},
                      {"last_path", row.key.target},
                      {"last", iso_time(row.fetch.at_ms)},
                      {"last_status", row.fetch.status}});
  return dump({{"phones", std::move(phones)}});
}

std::string OperatorApi::uploads_document() const {
  json uploads = json::array();
  for (const auto& [number, item] : sources_.spool.items())
    uploads.push_back({{"number", number},
                       {"kind", name_of(item.kind)},
                       {"origin", item.origin},
                       {"phone", item.phone},
                       {"method", item.method},
                       {"path", item.target},
                       {"bytes", item.bytes},
                       {"at", iso_time(item.at_ms)}});
  return dump({{"uploads", std::move(uploads)}});
}

void OperatorApi::purge(const std::string& path, const Reply& reply) {
  auto count = std::make_shared<size_t>(0);
  *count = sources_.store.purge([&](const Entry& entry) { return entry.key.target == path; },
                                [count, reply](StoreError error) {
                                  reply({error == StoreError::kNone ? 200U : 500U,
                                         dump({{"purged", *count}, {"result", text_of(error)}})});
                                });
}

// One file for each origin that has it: kept, or refused since a rollback.
std::vector<Key> OperatorApi::files_of(const std::string& path, const std::string& origin) const {
  std::vector<Key> files;
  const auto add = [&](const Key& key) {
    if (key.target != path || (!origin.empty() && key.origin != origin)) return;
    const Key file{key.origin, path, {}};
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  };
  for (const auto& port : sources_.flow.origins())
    if (const Key file{port.config->name, path, {}}; sources_.store.refuses_some(file)) add(file);
  sources_.store.for_each([&](const EntryPtr& entry) { add(entry->key); });
  return files;
}

void OperatorApi::rollback(const std::string& path, const std::string& origin, bool trust,
                           const Reply& reply) {
  const auto files = files_of(path, origin);
  if (files.empty()) return reply(problem(404, "nothing is kept of " + path));
  struct Gather {
    size_t left, done = 0;
    json rows = json::array();
    std::string trouble;
  };
  auto gather = std::make_shared<Gather>(Gather{files.size(), 0, json::array(), {}});
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    gather->rows.push_back({{"origin", file.origin}});
    const auto settle = [gather, reply, i, trust](StoreError error) {
      const bool nothing = error == StoreError::kNotFound && !trust;
      const std::string result =
          nothing ? "no copy has an older one to go back to" : std::string(text_of(error));
      gather->rows[i]["result"] = result;
      if (error == StoreError::kNone) {
        ++gather->done;
      } else {
        gather->trouble = result;
      }
      if (--gather->left > 0) return;
      if (gather->done == 0) return reply(problem(409, gather->trouble));
      reply({200, dump({{"files", gather->rows}, {"trouble", gather->trouble}})});
    };
    if (trust) {
      gather->rows[i]["bodies"] = sources_.store.trust(file, settle);
      continue;
    }
    const auto rolled = sources_.store.rollback(file, settle);
    gather->rows[i]["back"] = rolled.back;
    gather->rows[i]["withheld"] = rolled.withheld;
    gather->rows[i]["untouched"] = rolled.untouched;
  }
}

void OperatorApi::warm(const std::string& path, const std::string& listener,
                       const std::string& agent, const Reply& reply) {
  Request request;
  request.method = "GET";
  request.target = path;
  if (!agent.empty()) request.fields.add("User-Agent", agent);
  for (size_t i = 0; i < sources_.sections.listeners.size(); ++i)
    if (sources_.sections.listeners[i].origin == listener) request.listener = i;
  struct Drain : std::enable_shared_from_this<Drain> {
    Answer answer;
    Reply reply;
    uint64_t bytes = 0;
    void go() {
      if (!answer.body) return end(true);
      answer.body->next([self = shared_from_this()](BodyPiece piece) {
        self->bytes += piece.bytes.size();
        if (piece.state == BodyState::kBytes) return self->go();
        self->end(piece.state == BodyState::kEnd);
      });
    }
    void end(bool whole) {
      if (answer.bytes) bytes = answer.bytes->size();
      reply({whole && answer.status < 400 ? 200U : 502U,
             dump({{"status", answer.status},
                   {"bytes", bytes},
                   {"whole", whole},
                   {"cache_status", answer.fields.combined("Cache-Status")}})});
    }
  };
  sources_.flow.handle(std::move(request), nullptr, [reply](Answer answer) {
    auto drain = std::make_shared<Drain>();
    drain->answer = std::move(answer);
    drain->reply = reply;
    drain->go();
  });
}

void OperatorApi::handle(std::string_view method, std::string_view target, const Reply& reply) {
  const auto path = target.substr(0, target.find('?'));
  auto query = query_of(target);
  if (method == "GET") {
    if (path == "/status") return reply({200, status_document()});
    if (path == "/files") return reply({200, files_document(query["path"])});
    if (path == "/uploads") return reply({200, uploads_document()});
    if (path == "/phones") return reply({200, phones_document()});
    return reply(problem(404, "no such document"));
  }
  if (method != "POST") return reply(problem(405, "GET and POST are known"));
  const auto& file = query["path"];
  if (file.empty() || file.front() != '/')
    return reply(problem(400, "path= names a file, beginning with /"));
  if (path == "/purge") return purge(file, reply);
  if (path == "/rollback") return rollback(file, query["origin"], false, reply);
  if (path == "/trust") return rollback(file, query["origin"], true, reply);
  if (path == "/warm") return warm(file, query["origin"], query["user-agent"], reply);
  reply(problem(404, "no such command"));
}

}  // namespace holdfast::provision
