// SPDX-License-Identifier: Apache-2.0
// The SQL of the writer.
#include "control/store/statements.hh"

#include <nlohmann/json.hpp>

namespace holdfast::store {
namespace {

// A refresh alone is written down seldom: what is left of a binding need not be exact.
constexpr uint64_t kRemainingStepMs = 120'000;
constexpr int kPurgeStep = 500;  // calls at a time, so that a purge holds nothing up

std::string address_of(const sip::Origin& origin) {
  return origin.address.is_none() ? "" : origin.address.to_string();
}

bool same_but_time(const sip::SavedBinding& a, const sip::SavedBinding& b) {
  const uint64_t apart = a.remaining_ms > b.remaining_ms ? a.remaining_ms - b.remaining_ms
                                                         : b.remaining_ms - a.remaining_ms;
  return apart < kRemainingStepMs && a.instance == b.instance && a.call_id == b.call_id &&
         a.interface == b.interface && a.transport == b.transport && a.source == b.source &&
         a.path == b.path && a.reg_id == b.reg_id && a.q_milli == b.q_milli;
}

std::string runs_json(const control::StreamReport& stream) {
  auto runs = nlohmann::json::object();
  for (const auto& run : stream.loss_runs) runs[run.name] = run.count;
  return runs.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Statements::Statements(Database& database, int64_t run) : database_(database), run_(run) {
  const auto prepare = [&](std::string_view sql) { return database_.prepare(sql); };
  // An end may come before, or without, its beginning: each item makes the row if there is none.
  began_ = prepare(
      "INSERT INTO calls(call_key, run, began_ms, call_id, from_uri, to_uri, dialled, caller, "
      "source, transport, interface, decision, survival, emergency, user_agent) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(call_key) DO UPDATE SET "
      "began_ms=excluded.began_ms, call_id=excluded.call_id, from_uri=excluded.from_uri, "
      "to_uri=excluded.to_uri, dialled=excluded.dialled, caller=excluded.caller, "
      "source=excluded.source, transport=excluded.transport, interface=excluded.interface, "
      "decision=excluded.decision, survival=excluded.survival, emergency=excluded.emergency, "
      "user_agent=excluded.user_agent");
  // The process before may have died before it wrote any of it; nothing that it wrote is touched.
  found_ = prepare(
      "INSERT INTO calls(call_key, run, began_ms, answered_ms, call_id, from_uri, to_uri, dialled, "
      "caller, source, transport, interface, decision, survival, emergency, user_agent) "
      "VALUES(?1,?2,?3,?3,?4,?5,?6,'',?7,?8,?9,?10,'',0,0,'') ON CONFLICT(call_key) DO UPDATE SET "
      "answered_ms=coalesce(answered_ms, excluded.answered_ms), "
      "call_id=coalesce(call_id, excluded.call_id), from_uri=coalesce(from_uri, excluded.from_uri),"
      "to_uri=coalesce(to_uri, excluded.to_uri), dialled=coalesce(dialled, ''), "
      "caller=coalesce(caller, excluded.caller), source=coalesce(source, excluded.source), "
      "transport=coalesce(transport, excluded.transport), "
      "interface=coalesce(interface, excluded.interface), decision=coalesce(decision, ''), "
      "survival=coalesce(survival, 0), emergency=coalesce(emergency, 0), "
      "user_agent=coalesce(user_agent, ''), began_ms=coalesce(began_ms, excluded.began_ms)");
  answered_ = prepare(
      "INSERT INTO calls(call_key, run, answered_ms, callee, hop, hop_transport, hop_interface, "
      "answered_decision) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT(call_key) DO UPDATE SET "
      "answered_ms=excluded.answered_ms, callee=excluded.callee, hop=excluded.hop, "
      "hop_transport=excluded.hop_transport, hop_interface=excluded.hop_interface, "
      "answered_decision=excluded.answered_decision");
  remark_ = prepare(
      "INSERT INTO calls(call_key, run, remarks) VALUES(?,?,?) ON CONFLICT(call_key) DO UPDATE SET "
      "remarks=CASE WHEN calls.remarks='' THEN excluded.remarks "
      "WHEN instr(' '||calls.remarks||' ', ' '||excluded.remarks||' ') > 0 THEN calls.remarks "
      "ELSE calls.remarks||' '||excluded.remarks END");
  // A real end overrules that we had lost track; nothing overrules a real end.
  ended_ = prepare(
      "INSERT INTO calls(call_key, run, ended_ms, talk_ms, end, status, detail) "
      "VALUES(?,?,?,?,?,?,?) ON CONFLICT(call_key) DO UPDATE SET ended_ms=excluded.ended_ms, "
      "talk_ms=excluded.talk_ms, end=excluded.end, status=excluded.status, "
      "detail=excluded.detail WHERE calls.end IS NULL OR calls.end='lost_track'");
  leg_ = prepare("INSERT OR REPLACE INTO legs VALUES(?,?,?,?,?,?)");
  stream_ =
      prepare("INSERT OR REPLACE INTO streams VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  minute_ = prepare(
      "INSERT INTO minutes VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT(call_key, stream, leg, ssrc, minute) DO UPDATE SET "
      "expected=expected+excluded.expected, received=received+excluded.received, "
      "lost=lost+excluded.lost, duplicates=duplicates+excluded.duplicates, "
      "jitter_max=max(jitter_max, excluded.jitter_max), clock_hz=excluded.clock_hz, "
      "longest_loss_run=max(longest_loss_run, excluded.longest_loss_run), "
      "lost_by_us=lost_by_us+excluded.lost_by_us");
  fact_ = prepare("INSERT OR REPLACE INTO meta VALUES(?,?)");
  binding_ = prepare("INSERT OR REPLACE INTO bindings VALUES(?,?,?,?,?,?,?,?,?,?,?,?)");
  remove_binding_ = prepare("DELETE FROM bindings WHERE aor=? AND contact=?");
  clear_bindings_ = prepare("DELETE FROM bindings");
  clear_live_ = prepare("DELETE FROM temp.live");
  live_ = prepare("INSERT OR IGNORE INTO temp.live VALUES(?)");
  close_lost_ = prepare(
      "UPDATE calls SET end='lost_track', status=0 WHERE end IS NULL AND run < ? AND "
      "call_key NOT IN (SELECT call_key FROM temp.live)");
  purge_old_ = prepare(
      "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE began_ms < ? AND end IS NOT "
      "NULL ORDER BY began_ms LIMIT ?)");
  purge_beyond_ = prepare(
      "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE seq <= (SELECT max(seq) FROM "
      "calls) - ? ORDER BY seq LIMIT ?)");
  purge_legs_ = prepare("DELETE FROM legs WHERE call_key NOT IN (SELECT call_key FROM calls)");
  purge_streams_ =
      prepare("DELETE FROM streams WHERE call_key NOT IN (SELECT call_key FROM calls)");
  purge_minutes_ =
      prepare("DELETE FROM minutes WHERE call_key NOT IN (SELECT call_key FROM calls)");
}

Result<std::unique_ptr<Statements>, DbError> Statements::make(Database& database, int64_t run) {
  if (!database.execute("CREATE TEMP TABLE IF NOT EXISTS live(call_key INTEGER PRIMARY KEY)"))
    return database.error();
  std::unique_ptr<Statements> made(new Statements(database, run));
  for (const Statement* statement :
       {&made->began_,        &made->found_,      &made->answered_,       &made->remark_,
        &made->ended_,        &made->leg_,        &made->stream_,         &made->minute_,
        &made->fact_,         &made->binding_,    &made->remove_binding_, &made->clear_bindings_,
        &made->clear_live_,   &made->live_,       &made->close_lost_,     &made->purge_old_,
        &made->purge_beyond_, &made->purge_legs_, &made->purge_streams_,  &made->purge_minutes_}) {
    if (*statement) continue;
    // Tables of that version that lack a column: not what we wrote.
    return DbError{Trouble::kCorrupt, "its tables are not those of this version"};
  }
  return made;
}

DbError Statements::error_unless(bool good) {
  if (good) return {};
  DbError error = database_.error();
  if (error.trouble == Trouble::kNone) error.trouble = Trouble::kOther;
  return error;
}

DbError Statements::apply(const Item& item) {
  return std::visit([this](const auto& one) { return put(one); }, item);
}

DbError Statements::put(const BeganItem& item) {
  const auto& c = item.call;
  return error_unless(began_
                          .with(c.call_key, run_, item.at_ms, c.call_id, c.from, c.to, c.dialled,
                                sip::name_of(c.caller), address_of(c.origin),
                                sip::name_of(c.origin.transport), c.origin.interface, c.decision,
                                c.survival, c.emergency, c.user_agent)
                          .run());
}

DbError Statements::put(const FoundItem& item) {
  const auto& c = item.call;
  return error_unless(found_
                          .with(c.call_key, run_, item.at_ms, c.call_id, c.from, c.to,
                                sip::name_of(c.caller), address_of(c.origin),
                                sip::name_of(c.origin.transport), c.origin.interface)
                          .run());
}

DbError Statements::put(const AnsweredItem& item) {
  const auto& c = item.call;
  return error_unless(answered_
                          .with(c.call_key, run_, item.at_ms, sip::name_of(c.callee),
                                address_of(c.hop), sip::name_of(c.hop.transport), c.hop.interface,
                                c.decision)
                          .run());
}

DbError Statements::put(const RemarkItem& item) {
  return error_unless(remark_.with(item.call_key, run_, sip::name_of(item.remark)).run());
}

DbError Statements::put(const EndedItem& item) {
  const auto& c = item.call;
  bool good =
      ended_
          .with(c.call_key, run_, item.at_ms, item.talk_ms, sip::name_of(c.end), c.status, c.detail)
          .run();
  for (const auto& report : c.media) good = good && put_media(c.call_key, report);
  return error_unless(good);
}

bool Statements::put_media(uint64_t call_key, const control::CallReport& report) {
  uint32_t place = 0;
  for (const auto& leg : report.legs) {
    const auto text =
        control::to_json(leg).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!leg_.with(call_key, report.call, leg.leg, place++, leg.interface, text).run())
      return false;
    for (const auto& s : leg.streams) {
      if (!stream_
               .with(call_key, report.call, leg.leg, s.ssrc, leg.interface, s.payload_type,
                     s.clock_hz, s.expected, s.received, s.lost, s.duplicates, s.reordered,
                     s.restarts, s.strays, s.jitter_mean, s.jitter_max, runs_json(s), s.dscp_in,
                     s.lost_by_us, s.dscp_in_first, s.unmarked, s.remarked)
               .run())
        return false;
    }
  }
  return true;
}

DbError Statements::put(const MinutesItem& item) {
  for (const auto& m : item.rows) {
    const int64_t ssrc = m.ssrc ? int64_t{*m.ssrc} : -1;
    if (!minute_
             .with(m.call_key, m.stream, m.leg, ssrc, m.minute, m.interface, m.expected, m.received,
                   m.lost, m.duplicates, m.jitter_max, m.clock_hz, m.longest_loss_run, m.lost_by_us)
             .run())
      return error_unless(false);
  }
  if (!item.cursor) return {};
  return error_unless(fact_.with("minute_epoch", item.cursor->epoch).run() &&
                      fact_.with("minute_next", item.cursor->next).run());
}

bool Statements::put_binding(const sip::SavedBinding& b) {
  std::string path;
  for (const auto& uri : b.path) path += uri + "\n";
  return binding_
      .with(b.aor, b.contact, b.instance, b.call_id, b.interface, b.transport, b.source, path,
            b.remaining_ms, b.reg_id, b.cseq, b.q_milli)
      .run();
}

DbError Statements::put(const BindingsItem& item) {
  if (!written_) {
    if (!clear_bindings_.with().run()) return error_unless(false);
    written_.emplace();
  }
  std::map<BindingKey, sip::SavedBinding> live;
  for (const auto& binding : item.bindings) {
    const BindingKey key{binding.aor, binding.contact};
    const auto before = written_->find(key);
    if (before != written_->end() && same_but_time(before->second, binding)) {
      live.insert(written_->extract(before));
      continue;
    }
    if (!put_binding(binding)) return error_unless(false);
    if (before != written_->end()) written_->erase(before);
    live.emplace(key, binding);
  }
  for (const auto& [key, gone] : *written_) {
    if (!remove_binding_.with(key.first, key.second).run()) return error_unless(false);
  }
  written_ = std::move(live);
  return {};
}

DbError Statements::put(const CloseLostItem& item) {
  bool good = clear_live_.with().run();
  for (const uint64_t key : item.live) good = good && live_.with(key).run();
  return error_unless(good && close_lost_.with(item.this_run_too ? run_ + 1 : run_).run());
}

bool Statements::purge(int64_t before_ms, int64_t max_calls, DbError& error) {
  int64_t deleted = 0;
  if (before_ms > 0) {
    error = error_unless(purge_old_.with(before_ms, kPurgeStep).run());
    if (error.trouble != Trouble::kNone) return false;
    deleted += database_.changes();
  }
  error = error_unless(purge_beyond_.with(max_calls, kPurgeStep).run());
  if (error.trouble != Trouble::kNone) return false;
  deleted += database_.changes();
  if (deleted > 0) return true;
  error = error_unless(purge_legs_.with().run() && purge_streams_.with().run() &&
                       purge_minutes_.with().run());
  return false;
}

}  // namespace holdfast::store
