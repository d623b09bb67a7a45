// SPDX-License-Identifier: Apache-2.0
// What an operator can see and do.
#include "provision-proxy/daemon/operator_api.hh"

#include <algorithm>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "provision-proxy/daemon/warming.hh"

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

// "0004f2000010", "at 198.18.1.10"; a mark of credentials stands after a '+'.
std::string phone_in(const std::string& identity) {
  return identity.substr(0, identity.find('+'));
}
bool has_credentials(const std::string& identity) {
  return identity.find('+') != std::string::npos;
}

// Names and values of a query, percent-escapes read.
OperatorApi::Query query_of(std::string_view target) {
  OperatorApi::Query found;
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
          {"phone", phone_in(entry.key.identity)},
          {"credentials", has_credentials(entry.key.identity)},
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
    json verdicts = json::object();
    if (port.owner_check != nullptr)
      for (size_t i = 0; i < static_cast<size_t>(OwnerVerdict::count); ++i)
        if (const auto verdict = static_cast<OwnerVerdict>(i); port.owner_check->count(verdict) > 0)
          verdicts[std::string(name_of(verdict))] = port.owner_check->count(verdict);
    const auto of_phones = [&](std::string_view word) { return port.by_rfc() ? "-" : word; };
    origins.push_back({{"name", port.config->name},
                       {"url", port.config->url.to_string()},
                       {"profile", config::to_string(port.config->profile)},
                       {"store", of_phones(config::to_string(port.config->store))},
                       {"serve_stale", of_phones(config::to_string(port.config->serve_stale))},
                       {"owner_check", of_phones(config::to_string(port.config->owner_check))},
                       {"state", name_of(health.state())},
                       {"reason", health.reason() ? json(text_of(*health.reason())) : json()},
                       {"running", upstream.running},
                       {"queued", upstream.queued},
                       {"body_bytes", upstream.body_bytes},
                       {"ends", std::move(ends)},
                       {"owner_verdicts", std::move(verdicts)}});
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
                      {"ended", iso_time(alarm.ended_ms)},
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
std::string OperatorApi::files_document(std::string_view path, std::string_view origin) const {
  std::vector<EntryPtr> entries;
  sources_.store.for_each([&](const EntryPtr& entry) {
    if ((path.empty() || entry->key.target == path) &&
        (origin.empty() || entry->key.origin == origin))
      entries.push_back(entry);
  });
  const auto order = [](const EntryPtr& entry) {
    return std::tie(entry->key.target, entry->key.origin, entry->key.identity);
  };
  std::sort(entries.begin(), entries.end(), [&](const EntryPtr& one, const EntryPtr& other) {
    if (one->key == other->key) return one->id > other->id;
    return order(one) < order(other);
  });
  const bool more = entries.size() > kMaxFiles;
  if (more) entries.resize(kMaxFiles);
  json files = json::array();
  const Key* last = nullptr;
  for (const auto& entry : entries) {
    json file = entry_json(*entry);
    json fetches = json::array();  // of a copy, with its newest generation
    if (!path.empty() && (last == nullptr || *last != entry->key))
      for (const auto& fetch : sources_.store.fetch_log().of(entry->key))
        fetches.push_back({{"phone", fetch.identity},
                           {"user_agent", fetch.user_agent},
                           {"last", iso_time(fetch.at_ms)},
                           {"status", fetch.status},
                           {"count", fetch.count}});
    last = &entry->key;
    if (!path.empty()) file["fetches"] = std::move(fetches);
    files.push_back(std::move(file));
  }
  return dump({{"files", std::move(files)}, {"more", more}});
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
                       {"phone", phone_in(item.phone)},
                       {"credentials", has_credentials(item.phone)},
                       {"method", item.method},
                       {"path", item.target},
                       {"bytes", item.body_bytes},
                       {"file_bytes", item.bytes},
                       {"at", iso_time(item.at_ms)}});
  return dump({{"uploads", std::move(uploads)}});
}

void OperatorApi::purge(const std::string& path, const std::string& origin, const Reply& reply) {
  auto count = std::make_shared<size_t>(0);
  *count = sources_.store.purge(
      [&](const Entry& entry) {
        return entry.key.target == path && (origin.empty() || entry.key.origin == origin);
      },
      [count, path, reply](StoreError error) {
        const bool good = error == StoreError::kNone;
        if (good && *count == 0) return reply(problem(404, "nothing is kept of " + path));
        reply({200, dump({{"purged", *count}, {"trouble", good ? "" : text_of(error)}})});
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
      const std::string result = error != StoreError::kNotFound ? std::string(text_of(error))
                                 : trust ? "no body of it is refused: there is nothing to take back"
                                         : "no copy has an older one to go back to";
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
    if (trust && !sources_.store.refuses_some(file)) {
      gather->rows[i]["bodies"] = 0;
      settle(StoreError::kNotFound);
      continue;
    }
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

// The first listener of the origin; without a name, of the only one.
std::string OperatorApi::find_listener(const std::string& origin, WarmOrder& order) const {
  const auto& sections = sources_.sections;
  if (origin.empty() && sections.origins.size() != 1)
    return "there are several origins, and none is named";
  order.origin = origin.empty() ? sections.origins.front().name : origin;
  for (size_t i = 0; i < sections.listeners.size(); ++i) {
    order.listener = i;
    if (sections.listeners[i].origin == order.origin) return "";
  }
  for (size_t i = 0; i < sections.tftps.size(); ++i) {
    order.listener = sections.listeners.size() + i;
    if (sections.tftps[i].origin == order.origin) return "";
  }
  return "no listener has an origin of the name " + order.origin;
}

void OperatorApi::warm(const std::string& path, Query& query, const Reply& reply) {
  WarmOrder order;
  order.path = path;
  order.user_agent = query["user-agent"];
  if (const auto& phone = query["phone"]; !phone.empty()) {
    std::string digits = phone;
    std::erase_if(digits, [](char c) { return c == ':' || c == '-' || c == '.'; });
    order.phone = mac_of(digits);
    if (!order.phone) return reply(problem(400, phone + " is no MAC"));
  }
  if (const auto wrong = find_listener(query["origin"], order); !wrong.empty())
    return reply(problem(query["origin"].empty() ? 400 : 404, wrong));
  auto [copies, need_credentials] = copies_to_warm(sources_.store, sources_.flow, order);
  if (copies.empty())
    return reply(problem(
        409, need_credentials > 0
                 ? "the copies that are known were given for credentials, which only phones have"
                 : "no phone is known that has " + path + ", and none is named"));
  provision::warm(
      sources_.flow, order, std::move(copies),
      [reply, left_out = need_credentials](const json& rows) {
        size_t bad = 0;
        for (const auto& row : rows) bad += row["good"].get<bool>() ? 0U : 1U;
        const std::string trouble = bad > 0
                                        ? std::to_string(bad) + " of " +
                                              std::to_string(rows.size()) + " could not be fetched"
                                        : "";
        reply({200, dump({{"files", rows}, {"need_credentials", left_out}, {"trouble", trouble}})});
      });
}

void OperatorApi::handle(std::string_view method, std::string_view target, const Reply& reply) {
  const auto path = target.substr(0, target.find('?'));
  auto query = query_of(target);
  if (method == "GET") {
    if (path == "/status") return reply({200, status_document()});
    if (path == "/files") return reply({200, files_document(query["path"], query["origin"])});
    if (path == "/uploads") return reply({200, uploads_document()});
    if (path == "/phones") return reply({200, phones_document()});
    return reply(problem(404, "no such document"));
  }
  if (method != "POST") return reply(problem(405, "GET and POST are known"));
  const auto& file = query["path"];
  if (file.empty()) return reply(problem(400, "no file is named"));
  if (file.front() != '/')
    return reply(problem(400, file + " is no file's path: it begins with /, as phones ask for it"));
  if (path == "/purge") return purge(file, query["origin"], reply);
  if (path == "/rollback") return rollback(file, query["origin"], false, reply);
  if (path == "/trust") return rollback(file, query["origin"], true, reply);
  if (path == "/warm") return warm(file, query, reply);
  reply(problem(404, "no such command"));
}

}  // namespace holdfast::provision
