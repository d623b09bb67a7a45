// SPDX-License-Identifier: Apache-2.0
// What calls ask of the dataplane, and what it says of itself.
#include "sip/anchor/stream_table.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "sip/anchor/srtp_legs.hh"

namespace holdfast::sip {
namespace {

using control::CallReport;
using control::LegReport;
using control::LegSpec;
using control::LegUpdate;
using media::Side;

// Streams that are gone for us while the dataplane is away; beyond it their silence ends them.
constexpr size_t kMaxBuried = 8192;
// How long a dataplane that went away is worth waiting for: it is restarted within a second.
constexpr uint64_t kWorthWaitingMs = 1500;
constexpr size_t kMaxWaiters = 1024;

control::AsyncOptions options_of(const TableConfig& config) {
  control::AsyncOptions options;
  options.answer_timeout_ms = config.answer_timeout_ms;
  return options;
}

bool same_clocks(const LegSpec& a, const LegSpec& b) {
  return std::equal(a.clock_rates.begin(), a.clock_rates.end(), b.clock_rates.begin(),
                    b.clock_rates.end(), [](const auto& one, const auto& other) {
                      return one.payload_type == other.payload_type && one.hz == other.hz;
                    });
}

// What to tell a leg, beyond its id, and to remember as told; false: nothing. Without a remote it
// keeps the one that it had, and one of another family is learned from its packets.
bool follow(LegSpec& told, const LegSpec& wanted, const IpAddress& local, LegUpdate& out) {
  bool any = false;
  const bool other_remote = told.remote != wanted.remote || told.remote_rtcp != wanted.remote_rtcp;
  if (wanted.remote && wanted.remote->ip.family == local.family && other_remote) {
    out.remote = told.remote = wanted.remote;
    out.remote_rtcp = told.remote_rtcp = wanted.remote_rtcp;
    any = true;
  }
  if (told.rtcp_mux != wanted.rtcp_mux) {
    out.rtcp_mux = told.rtcp_mux = wanted.rtcp_mux;
    any = true;
  }
  // Only while there is a remote to be strict about; one of another family is learned.
  const bool reachable = wanted.remote && wanted.remote->ip.family == local.family;
  const auto learn = reachable ? wanted.learn : control::Learn::kLock;
  if (wanted.remote && told.learn != learn) {
    out.learn = told.learn = learn;
    any = true;
  }
  if (told.sealed != wanted.sealed) {
    out.sealed = told.sealed = wanted.sealed;
    any = true;
  }
  if (!same_clocks(told, wanted)) {
    out.clock_rates = told.clock_rates = wanted.clock_rates;
    any = true;
  }
  return any;
}

// The same of its SRTP. Keys that only the dataplane has stay there.
bool follow_srtp(media::SrtpEnd& told, const media::SrtpEnd& wanted, LegUpdate& out) {
  if (wanted.mode == media::SrtpEnd::Mode::kept || told == wanted) return false;
  told = wanted;
  tell_srtp(wanted, out);
  return true;
}

}  // namespace

StreamTable::StreamTable(Loop& loop, TableConfig config, AnchorCounts& counts, Logger logger)
    : loop_(loop),
      config_(std::move(config)),
      counts_(counts),
      logger_(std::move(logger)),
      away_since_ms_(loop.now_ms()),
      link_(loop, config_.socket_path, options_of(config_)) {
  client().start([this] { came_up(); }, [this](const Error& why) { went_down(why); });
}

StreamTable::~StreamTable() {
  if (poll_timer_ != 0) loop_.cancel(poll_timer_);
  if (checkpoint_timer_ != 0) loop_.cancel(checkpoint_timer_);
  for (auto& [id, waiter] : waiters_)
    if (waiter.timer != 0) loop_.cancel(waiter.timer);
}

void StreamTable::came_up() {
  counts_.add(AnchorCounter::dataplane_back);
  logger_(LogLevel::info, "media: holdfast-dataplane " + client().server_version() + " is there");
  state_ = AnchorState::syncing;
  reconnected_ = true;
  for (auto& [key, entry] : streams_) expect(entry);  // nobody listened meanwhile
  begin_pass();
}

void StreamTable::went_down(const Error& why) {
  counts_.add(AnchorCounter::dataplane_lost);
  logger_(LogLevel::error, "media: calls go unanchored: " + why.message);
  state_ = AnchorState::away;
  away_since_ms_ = now();
  passing_ = false;
  to_restore_.clear();
  if (poll_timer_ != 0) loop_.cancel(std::exchange(poll_timer_, 0));
}

void StreamTable::when_up(std::function<void(bool)> done) {
  if (state_ == AnchorState::up) return done(true);
  const bool just_gone = now() - away_since_ms_ < kWorthWaitingMs;
  const bool coming = state_ == AnchorState::syncing || just_gone;
  if (!coming || waiters_.size() >= kMaxWaiters) return done(false);
  const uint64_t id = ++last_waiter_;
  Waiter& waiter = waiters_[id];
  waiter.done = std::move(done);
  waiter.timer = loop_.after(config_.answer_timeout_ms, [this, id] {
    auto found = waiters_.extract(id);
    if (!found.empty()) found.mapped().done(false);
  });
}

void StreamTable::release_waiters(bool up) {
  auto waiters = std::exchange(waiters_, {});
  for (auto& [id, waiter] : waiters) loop_.cancel(waiter.timer);
  for (auto& [id, waiter] : waiters) waiter.done(up);
}

control::CallAdd StreamTable::request_for(StreamEntry& entry, bool same_ports) {
  control::CallAdd request;
  request.call = to_string(entry.plan.name);
  request.legs = entry.plan.legs;
  request.emergency = entry.plan.emergency;
  request.resume = same_ports;  // one that went on with the calls of another has it already
  for (size_t i = 0; i < request.legs.size(); ++i) {
    request.legs[i].srtp = leg_srtp_of(entry.plan.srtp[i]);
    if (!same_ports) continue;
    request.legs[i].local_port = entry.places[i].local.port;
    request.legs[i].local_address = entry.places[i].local.ip;
    request.legs[i].family = entry.places[i].local.ip.family;
  }
  return request;
}

void StreamTable::place(StreamEntry& entry, const CallReport& report) {
  for (size_t i = 0; i < std::min<size_t>(report.legs.size(), 2); ++i) {
    const LegReport& leg = report.legs[i];
    entry.places[i] = {leg.leg, leg.local, leg.local_rtcp};
    addresses_[{leg.interface, leg.local.ip.family}] = leg.local.ip;
  }
}

void StreamTable::add(StreamPlan plan, const std::array<LegPlace, 2>* former, AddDone done) {
  const Key key = to_string(plan.name);
  StreamEntry& entry = streams_[key];
  entry.plan = std::move(plan);
  entry.state = StreamEntry::State::adding;
  entry.touched = pass_;
  expect(entry);
  if (former) entry.places = *former;
  buried_.erase(key);
  watch_checkpoints(entry);
  client().add(request_for(entry, former != nullptr),
               [this, key, done = std::move(done)](Result<CallReport, Error> answer) {
                 const auto found = streams_.find(key);
                 if (!answer || found == streams_.end() || answer->legs.size() != 2) {
                   const Error why = answer ? control::senseless_answer("a call without two legs")
                                            : answer.error();
                   counts_.add(why);
                   if (found != streams_.end()) streams_.erase(found);
                   // One that is late may have been carried out.
                   if (why.kind != Error::Kind::kRefused) bury(key, false);
                   return done(why);
                 }
                 counts_.add(AnchorCounter::streams_added);
                 found->second.state = StreamEntry::State::there;
                 found->second.touched = pass_;
                 place(found->second, *answer);
                 done(std::nullopt);
               });
}

void StreamTable::update(const StreamPlan& plan, const std::function<void()>& done) {
  const auto found = streams_.find(to_string(plan.name));
  if (found == streams_.end()) return done();
  StreamEntry& entry = found->second;
  note(plan);
  std::array<LegUpdate, 2> updates;
  for (size_t i = 0; i < 2; ++i) {
    const LegPlace& place = entry.places[i];
    const bool moves = follow(entry.plan.legs[i], plan.legs[i], place.local.ip, updates[i]);
    const bool rekeys = follow_srtp(entry.plan.srtp[i], plan.srtp[i], updates[i]);
    if (rekeys) entry.untold_keys[i] = ++last_keys_;
    if (moves || rekeys) updates[i].leg = place.leg;
  }
  if (entry.plan.learning != plan.learning) {
    LegUpdate& callee = updates[media::index_of(Side::callee)];
    callee.leg = entry.places[media::index_of(Side::callee)].leg;
    callee.relearn = true;
    entry.plan.learning = plan.learning;
  }
  for (size_t i = 0; entry.plan.renewals != plan.renewals && i < updates.size(); ++i) {
    updates[i].leg = entry.places[i].leg;
    updates[i].relearn = true;
  }
  entry.plan.renewals = plan.renewals;
  watch_checkpoints(entry);
  if (!tell(entry, updates, done)) done();
}

// False: there is nothing to tell, or nobody. `done` is called when all has been answered.
bool StreamTable::tell(StreamEntry& entry, const std::array<LegUpdate, 2>& updates,
                       const std::function<void()>& done) {
  if (entry.state != StreamEntry::State::there || !client().is_up()) return false;
  // Its legs may have other numbers now; it is told when the list has come to it.
  const bool known_again = entry.seen == pass_ || entry.touched == pass_;
  if (state_ == AnchorState::syncing && !known_again) return false;
  const auto open = std::make_shared<size_t>(0);
  for (const LegUpdate& update : updates) *open += update.leg != 0;
  if (*open == 0) return false;
  entry.touched = pass_;
  const Key key = to_string(entry.plan.name);
  const std::array<uint64_t, 2> changes = entry.untold_keys;
  for (size_t i = 0; i < updates.size(); ++i) {
    const LegUpdate& update = updates[i];
    if (update.leg == 0) continue;
    counts_.add(AnchorCounter::legs_updated);
    const uint64_t change = update.srtp || update.clear_srtp ? changes[i] : 0;
    client().update(update, [this, key, i, change, open, done](const auto& answer) {
      if (answer) {
        keys_told(key, i, change);
      } else {
        counts_.add(AnchorCounter::updates_failed);
        counts_.add(answer.error());
      }
      if (--*open == 0) done();
    });
  }
  return true;
}

void StreamTable::keys_told(const Key& key, size_t leg, uint64_t change) {
  const auto found = streams_.find(key);
  if (found == streams_.end()) return;
  uint64_t& untold = found->second.untold_keys[leg];
  if (untold == change) untold = 0;
}

void StreamTable::remove(const StreamName& name, RemoveDone done) {
  const Key key = to_string(name);
  const auto found = streams_.find(key);
  if (found == streams_.end()) return done(std::nullopt);
  for (const Side side : {Side::caller, Side::callee}) tell_missing(found->second, side, false);
  streams_.erase(found);
  counts_.add(AnchorCounter::streams_removed);
  bury(key, client().is_up());
  if (!client().is_up()) return done(std::nullopt);
  client().remove({key}, [this, key, done = std::move(done)](Result<CallReport, Error> answer) {
    const auto grave = buried_.find(key);
    if (grave != buried_.end()) grave->second = {false, pass_};
    if (!answer) {
      counts_.add(answer.error());
      return done(std::nullopt);
    }
    done(std::move(answer).value());
  });
}

void StreamTable::bury(const Key& key, bool asked) {
  if (buried_.size() < kMaxBuried) buried_[key] = {asked, pass_};
}

void StreamTable::note(const StreamPlan& plan) {
  const auto found = streams_.find(to_string(plan.name));
  if (found == streams_.end()) return;
  StreamEntry& entry = found->second;
  if (entry.plan.agreed != plan.agreed || entry.plan.held != plan.held ||
      entry.plan.talking != plan.talking)
    expect(entry);
  entry.plan.agreed = plan.agreed;
  entry.plan.held = plan.held;
  entry.plan.talking = plan.talking;
  entry.plan.emergency = plan.emergency;
}

// From now on media is waited for, or not.
void StreamTable::expect(StreamEntry& entry) {
  entry.expected_ms = entry.active_ms = now();
}

const StreamEntry* StreamTable::find(const StreamName& name) const {
  const auto found = streams_.find(to_string(name));
  return found == streams_.end() ? nullptr : &found->second;
}

std::vector<const StreamEntry*> StreamTable::of_call(uint64_t call_key) const {
  std::vector<const StreamEntry*> list;
  for (auto each = streams_.lower_bound(to_string(StreamName{call_key, 0, 0, "", true}));
       each != streams_.end() && each->second.plan.name.call_key == call_key; ++each)
    list.push_back(&each->second);
  return list;
}

void StreamTable::claim(const StreamName& name) {
  const auto found = streams_.find(to_string(name));
  if (found == streams_.end() || !std::exchange(found->second.adopted, false)) return;
  counts_.add(AnchorCounter::streams_claimed);
  told_silent_.erase(name.call_key);
}

IpAddress StreamTable::address_at(const std::string& interface, uint8_t family) const {
  for (const uint8_t each : {family, uint8_t{4}, uint8_t{6}}) {
    const auto found = addresses_.find({interface, each});
    if (found != addresses_.end()) return found->second;
  }
  return {};
}

void StreamTable::describe(AnchorSnapshot& out) const {
  out.state = state_;
  out.dataplane_version = client().server_version();
  if (client().last_error()) out.last_failure = client().last_error()->message;
  out.streams = streams_.size();
  std::set<SocketAddress> ours;
  for (const auto& [key, entry] : streams_)
    for (const LegPlace& each : entry.places) ours.insert(each.local);
  for (const auto& [name, entry] : streams_) {
    const auto joined = [&](const LegSpec& leg) {
      return leg.remote && ours.contains(*leg.remote);
    };
    out.streams_joined += std::any_of(entry.plan.legs.begin(), entry.plan.legs.end(), joined);
    const uint64_t key = entry.plan.name.call_key;
    if (entry.adopted && (out.adopted.empty() || out.adopted.back() != key))
      out.adopted.push_back(key);
  }
}

}  // namespace holdfast::sip
