// SPDX-License-Identifier: Apache-2.0
// The API's paths.
#include "control/admin/api.hh"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "control/admin/documents.hh"
#include "control/admin/page.hh"

namespace holdfast::admin {
namespace {

using nlohmann::json;

constexpr size_t kDefaultCalls = 100;
constexpr size_t kMostOpenRecords = 2 * size_t{65536};  // more than calls that can live
constexpr std::chrono::milliseconds kSnapshotLife{500};
// Those that take no parameters.
constexpr std::string_view kPlainDocuments[] = {"/api/status", "/api/registrations",
                                                "/api/upstreams", "/api/events"};

int64_t unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

ApiResponse json_response(const json& document) {
  return {200, "application/json",
          document.dump(1, ' ', false, json::error_handler_t::replace) + "\n"};
}

ApiResponse error_response(unsigned status, const std::string& text) {
  auto response = json_response({{"error", text}});
  response.status = status;
  return response;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The query's options of calls and of the loss report; the error, or empty.
std::string read_query(std::string_view target, store::CallQuery& query) {
  query.limit = kDefaultCalls;
  const auto read = [&](std::string_view name, auto& out, int base) -> bool {
    const auto text = query_value(target, name);
    if (!text) return true;
    const auto number = number_of<typename std::decay_t<decltype(out)>::value_type>(*text, base);
    out = number;
    return number.has_value();
  };
  std::optional<uint32_t> limit;
  if (!read("limit", limit, 10) || limit.value_or(1) > kMaxCallsPerAnswer || limit == 0U)
    return "limit is a number from 1 to " + std::to_string(kMaxCallsPerAnswer);
  if (limit) query.limit = *limit;
  if (!read("before", query.before_seq, 10)) return "before is the next of an answer before";
  if (!read("since", query.since_ms, 10)) return "since is a time in Unix milliseconds";
  if (!read("until", query.until_ms, 10)) return "until is a time in Unix milliseconds";
  if (!read("call", query.call_key, 16)) return "call is a key of 16 hex digits";
  return "";
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
    if (low) {
      out += static_cast<char>(*high * 16 + *low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "name=value" of each parameter of the query.
std::vector<std::string_view> pairs_of(std::string_view target) {
  std::vector<std::string_view> pairs;
  const auto mark = target.find('?');
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    if (end != 0) pairs.push_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return pairs;
}

// What to say of a parameter that is none of the path's, or that comes twice; empty: all is well.
std::string unknown_parameter(std::string_view target,
                              std::initializer_list<std::string_view> known) {
  std::vector<std::string_view> seen;
  for (const std::string_view pair : pairs_of(target)) {
    const auto name = pair.substr(0, pair.find('='));
    if (std::find(known.begin(), known.end(), name) == known.end())
      return std::string(name) + " is no parameter of " +
             std::string(target.substr(0, target.find('?')));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return std::string(name) + " comes twice";
    seen.push_back(name);
  }
  return "";
}

// Records of calls that have not ended are read only for those that the SIP loop cannot tell of.
ApiResponse calls_response(const std::string& database, const store::CallQuery& query,
                           const SipSnapshot& sip, const json& waiting, const Now& now) {
  const store::Reader reader(database);
  const auto records = reader.calls(query);
  if (!records) return error_response(503, "the records cannot be read: " + records.error().text);
  store::CallQuery open;
  open.limit = kMostOpenRecords;
  open.open_only = true;
  std::vector<store::CallRecord> of_before;
  if (!silent_calls(sip).empty()) {
    auto found = reader.calls(open);
    if (found) of_before = std::move(found).value();
  }
  json document = calls_document(sip, *records, of_before, query.limit, now);
  document["waiting"] = waiting;
  return json_response(document);
}

ApiResponse loss_response(const std::string& database, const store::CallQuery& query,
                          const SipSnapshot& sip, const json& waiting) {
  const store::Reader reader(database);
  auto calls = reader.calls(query);
  if (!calls) return error_response(503, "the records cannot be read: " + calls.error().text);
  std::vector<uint64_t> keys;
  for (const auto& call : *calls) keys.push_back(call.call_key);
  auto legs = reader.legs(keys);
  auto minutes = reader.minutes(keys);
  auto ends = reader.ends(query);
  if (!legs || !minutes || !ends) return error_response(503, "the records cannot be read");
  json document = loss_document(sip,
                                {std::move(calls).value(), std::move(legs).value(),
                                 std::move(minutes).value(), std::move(ends).value()},
                                query.limit);
  document["waiting"] = waiting;
  return json_response(document);
}

}  // namespace

std::optional<std::string> query_value(std::string_view target, std::string_view name) {
  for (const std::string_view pair : pairs_of(target)) {
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) == name)
      return equals == std::string_view::npos ? "" : unescaped(pair.substr(equals + 1));
  }
  return std::nullopt;
}

Api::Api(Sources sources, Post post) : sources_(std::move(sources)), post_(std::move(post)) {}

void Api::with_sip(Door door, const Done& done,
                   const std::function<ApiResponse(const SipSnapshot&)>& make) {
  if (door == Door::kPage && last_ && std::chrono::steady_clock::now() - last_at_ < kSnapshotLife)
    return done(make(*last_));
  const bool taken = sources_.sip([this, done, make](auto snapshot) {
    post_([this, done, make, snapshot] {
      last_ = snapshot;
      last_at_ = std::chrono::steady_clock::now();
      done(make(*snapshot));
    });
  });
  if (!taken) done(error_response(503, "the SIP loop is too busy"));
}

void Api::handle(const ApiRequest& request, const Done& done) {
  const auto path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (request.post) {
    if (request.door != Door::kSocket)
      return done(error_response(405, "this port only reads; use the holdfast command"));
    if (path != "/api/drain") return done(error_response(404, "there is no such command"));
    if (auto wrong = unknown_parameter(request.target, {"on"}); !wrong.empty())
      return done(error_response(400, wrong));
    const auto asked = query_value(request.target, "on");
    if (asked != "0" && asked != "1") return done(error_response(400, "on is 1, or 0 to end it"));
    const bool on = asked == "1";
    if (!sources_.drain(on)) return done(error_response(503, "the SIP loop is too busy"));
    return done(json_response({{"draining", on}}));
  }
  if (const auto* file = page_file(path)) return done({200, file->content_type, file->body});
  const bool calls = path == "/api/calls";
  const bool of_calls = calls || path == "/api/report/loss";
  if (!of_calls && std::find(std::begin(kPlainDocuments), std::end(kPlainDocuments), path) ==
                       std::end(kPlainDocuments))
    return done(error_response(404, "there is no such page"));
  if (auto wrong = of_calls ? unknown_parameter(request.target,
                                                {"limit", "before", "since", "until", "call"})
                            : unknown_parameter(request.target, {});
      !wrong.empty())
    return done(error_response(400, wrong));
  const Now now{unix_ms(), sources_.started_ms};
  if (path == "/api/status") {
    return with_sip(request.door, done, [this, now](const SipSnapshot& sip) {
      return json_response(
          status_document(sip, sources_.store(), sources_.minutes(), sources_.names(), now));
    });
  }
  if (path == "/api/registrations") {
    return with_sip(request.door, done, [](const SipSnapshot& sip) {
      return json_response(registrations_document(sip));
    });
  }
  if (path == "/api/upstreams") {
    return with_sip(request.door, done, [this, now](const SipSnapshot& sip) {
      return json_response(upstreams_document(sip, sources_.names(), now));
    });
  }
  if (path == "/api/events") {
    return with_sip(request.door, done, [now](const SipSnapshot& sip) {
      return json_response(events_document(sip, now));
    });
  }
  store::CallQuery query;
  if (const auto wrong = read_query(request.target, query); !wrong.empty())
    return done(error_response(400, wrong));
  with_sip(request.door, done, [this, query, calls, now](const SipSnapshot& sip) {
    const json waiting = waiting_json(sources_.store());
    return calls ? calls_response(sources_.database, query, sip, waiting, now)
                 : loss_response(sources_.database, query, sip, waiting);
  });
}

}  // namespace holdfast::admin
