// SPDX-License-Identifier: Apache-2.0
// The SQL of the readers.
#include "control/store/reader.hh"

#include <nlohmann/json.hpp>
#include <sstream>

namespace holdfast::store {
namespace {

using DatabasePtr = std::unique_ptr<Database>;

// Runs a prepared query and hands each row over.
template <typename Row, typename... Values>
std::optional<DbError> each(Database& database, std::string_view sql, Row row,
                            const Values&... values) {
  auto statement = database.prepare(sql);
  statement.with(values...);
  while (statement.next()) row(statement);
  if (!statement.failed()) return std::nullopt;
  DbError error = database.error();
  if (error.trouble == Trouble::kNone) error.trouble = Trouble::kOther;
  return error;
}

constexpr std::string_view kCallColumns =
    "SELECT seq, call_key, began_ms, answered_ms, ended_ms, talk_ms, call_id, from_uri, to_uri, "
    "dialled, caller, source, transport, interface, decision, survival, emergency, user_agent, "
    "callee, hop, hop_transport, hop_interface, answered_decision, end, status, detail, "
    "remarks FROM calls ";

constexpr uint64_t kMostEnds = 64;  // more than there are reasons

// Which calls are meant, for a WHERE; ?1 to ?3 are since, until and the key.
std::string chosen(const CallQuery& query) {
  std::string sql;
  if (query.since_ms) sql += " AND began_ms >= ?1";
  if (query.until_ms) sql += " AND began_ms < ?2";
  if (query.call_key) sql += " AND call_key = ?3";
  return sql;
}

CallRecord call_of(const Statement& row) {
  CallRecord c;
  c.seq = row.integer(0);
  c.call_key = static_cast<uint64_t>(row.integer(1));
  c.began_ms = row.maybe_integer(2);
  c.answered_ms = row.maybe_integer(3);
  c.ended_ms = row.maybe_integer(4);
  c.talk_ms = row.maybe_integer(5);
  int column = 6;
  for (std::string* text : {&c.call_id, &c.from, &c.to, &c.dialled, &c.caller, &c.source,
                            &c.transport, &c.interface, &c.decision})
    *text = row.text(column++);
  c.survival = row.integer(15) != 0;
  c.emergency = row.integer(16) != 0;
  column = 17;
  for (std::string* text : {&c.user_agent, &c.callee, &c.hop, &c.hop_transport, &c.hop_interface,
                            &c.answered_decision, &c.end})
    *text = row.text(column++);
  c.status = row.integer(24);
  c.detail = row.text(25);
  std::istringstream remarks(row.text(26));
  for (std::string remark; remarks >> remark;) c.remarks.push_back(remark);
  return c;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

sip::SavedBinding binding_of(const Statement& row) {
  sip::SavedBinding b;
  int column = 0;
  for (std::string* text :
       {&b.aor, &b.contact, &b.instance, &b.call_id, &b.interface, &b.transport, &b.source})
    *text = row.text(column++);
  b.path = lines_of(row.text(7));
  b.remaining_ms = static_cast<uint64_t>(row.integer(8));
  b.reg_id = static_cast<uint32_t>(row.integer(9));
  b.cseq = static_cast<uint32_t>(row.integer(10));
  b.q_milli = static_cast<uint16_t>(row.integer(11));
  return b;
}

MinuteRow minute_of(uint64_t call_key, const Statement& row) {
  MinuteRow m;
  m.call_key = call_key;
  m.stream = row.text(0);
  m.leg = static_cast<uint32_t>(row.integer(1));
  m.interface = row.text(2);
  if (const int64_t ssrc = row.integer(3); ssrc >= 0) m.ssrc = static_cast<uint32_t>(ssrc);
  m.minute = row.integer(4);
  int column = 5;
  for (uint64_t* count : {&m.expected, &m.received, &m.lost, &m.duplicates, &m.lost_by_us})
    *count = static_cast<uint64_t>(row.integer(column++));
  for (uint32_t* count : {&m.jitter_max, &m.clock_hz, &m.longest_loss_run})
    *count = static_cast<uint32_t>(row.integer(column++));
  return m;
}

}  // namespace

Result<std::vector<CallRecord>, DbError> Reader::calls(const CallQuery& query) const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return database.error();
  std::string sql(kCallColumns);
  sql += "WHERE seq < ?4" + chosen(query);
  if (query.open_only) sql += " AND end IS NULL";
  sql += " ORDER BY seq DESC LIMIT ?5";
  std::vector<CallRecord> calls;
  const auto error = each(
      **database, sql, [&](const Statement& row) { calls.push_back(call_of(row)); },
      query.since_ms.value_or(0), query.until_ms.value_or(0), query.call_key.value_or(0),
      query.before_seq.value_or(INT64_MAX), uint64_t{query.limit});
  if (error) return *error;
  return calls;
}

Result<std::vector<LegRecord>, DbError> Reader::legs(const std::vector<uint64_t>& keys) const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return database.error();
  std::vector<LegRecord> legs;
  for (const uint64_t key : keys) {
    const auto error = each(
        **database, "SELECT stream, report FROM legs WHERE call_key = ? ORDER BY stream, place",
        [&](const Statement& row) {
          const auto json = nlohmann::json::parse(row.text(1), nullptr, false);
          if (json.is_discarded()) return;
          auto report = control::leg_report_from(json);
          if (report) legs.push_back({key, row.text(0), std::move(report).value()});
        },
        key);
    if (error) return *error;
  }
  return legs;
}

Result<std::vector<MinuteRow>, DbError> Reader::minutes(const std::vector<uint64_t>& keys) const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return database.error();
  std::vector<MinuteRow> minutes;
  for (const uint64_t key : keys) {
    const auto error = each(
        **database,
        "SELECT stream, leg, interface, ssrc, minute, expected, received, lost, duplicates, "
        "lost_by_us, jitter_max, clock_hz, longest_loss_run FROM minutes "
        "WHERE call_key = ? ORDER BY minute, stream, leg, ssrc",
        [&](const Statement& row) { minutes.push_back(minute_of(key, row)); }, key);
    if (error) return *error;
  }
  return minutes;
}

Result<std::vector<std::pair<std::string, int64_t>>, DbError> Reader::ends(
    const CallQuery& query) const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return database.error();
  std::vector<std::pair<std::string, int64_t>> ends;
  const auto error = each(
      **database,
      "SELECT end, count(*) FROM calls WHERE end IS NOT NULL " + chosen(query) +
          " GROUP BY end ORDER BY count(*) DESC LIMIT ?4",
      [&](const Statement& row) { ends.emplace_back(row.text(0), row.integer(1)); },
      query.since_ms.value_or(0), query.until_ms.value_or(0), query.call_key.value_or(0),
      kMostEnds);
  if (error) return *error;
  return ends;
}

std::optional<MinuteCursor> Reader::minute_cursor() const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return std::nullopt;
  MinuteCursor cursor;
  int found = 0;
  const auto error =
      each(**database, "SELECT name, value FROM meta WHERE name IN ('minute_epoch', 'minute_next')",
           [&](const Statement& row) {
             auto& value = row.text(0) == "minute_next" ? cursor.next : cursor.epoch;
             value = static_cast<uint64_t>(row.integer(1));
             ++found;
           });
  if (error || found != 2) return std::nullopt;
  return cursor;
}

Result<std::vector<sip::SavedBinding>, DbError> Reader::bindings() const {
  auto database = Database::open(path_, Database::Mode::kRead);
  if (!database) return database.error();
  std::vector<sip::SavedBinding> bindings;
  const auto error = each(
      **database,
      "SELECT aor, contact, instance, call_id, interface, transport, source, path, remaining_ms, "
      "reg_id, cseq, q_milli FROM bindings ORDER BY aor, contact",
      [&](const Statement& row) { bindings.push_back(binding_of(row)); });
  if (error) return *error;
  return bindings;
}

}  // namespace holdfast::store
