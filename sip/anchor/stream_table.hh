// SPDX-License-Identifier: Apache-2.0
// The streams that the dataplane relays for calls: asks for them, finds them again, gives them back
// to a dataplane that has lost them, and notices their silence.
//
// SIP loop only. Whenever the dataplane comes back, and every few seconds, its list is read. A
// stream of a call that we do not know is adopted; one of ours that is not in the list is given
// again with the ports that it had; one that differs is told again. Until this is done after a
// return, nothing new is asked for: it could get a port that an old stream needs.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hh"
#include "dataplane/control/messages.hh"
#include "media/media_stream.hh"
#include "sip/anchor/anchor_counts.hh"
#include "sip/anchor/anchor_snapshot.hh"
#include "sip/anchor/dataplane_link.hh"
#include "sip/anchor/stream_name.hh"
#include "sip/loop.hh"
#include "sip/media_filter.hh"

namespace holdfast::sip {

// What the dataplane is to have; legs by media::Side.
struct StreamPlan {
  StreamName name;
  std::array<control::LegSpec, 2> legs;  // local_port and _address are the table's, and srtp
  std::array<media::SrtpEnd, 2> srtp;    // becomes the legs'
  uint32_t learning = 0;                 // rises when the callee's source is to be learned anew
  uint32_t renewals = 0;                 // rises when both sides' sources are
  bool agreed = false;                   // by an answer: media is to be expected
  bool talking = false;                  // its call has been answered
  bool held = false;
  bool emergency = false;  // of a call for help
};

// Where a leg listens.
struct LegPlace {
  uint32_t leg = 0;
  SocketAddress local;
  SocketAddress local_rtcp;
};

// What one end of a stream does, as the lists tell it.
struct EndHeard {
  uint64_t packets = 0;     // RTP and RTCP, as listed last
  uint64_t rtp = 0;         // of these
  uint64_t heard_ms = 0;    // when `packets` last rose
  bool is_sending = false;  // RTP rose from the list before to the last
  bool is_missing = false;  // and this was told
};

struct StreamEntry {
  // missing: not in the dataplane, to be given again. adding: asked for and not answered yet.
  enum class State : uint8_t { adding, there, missing };

  StreamPlan plan;
  State state = State::adding;
  bool adopted = false;  // of a call that has not said anything since we started
  bool heard = false;    // media came since we know it
  std::array<LegPlace, 2> places;
  uint64_t touched = 0;  // the pass in which it was last asked for something
  uint64_t seen = 0;     // the pass in which it was last listed
  std::array<EndHeard, 2> ends;
  uint64_t expected_ms = 0;  // since when media is to be expected: agreed, answered, held, resumed
  uint64_t active_ms = 0;    // that, or when the packets of either end last rose
  std::array<std::string, 2> checkpoints;  // of legs with SRTP, the newest; empty: none yet
  // The change of a leg's keys that the dataplane has not acknowledged; 0: none. Polls tell them
  // again, since a leg's report names suites and no keys.
  std::array<uint64_t, 2> untold_keys{};
};

struct TableConfig {
  std::string socket_path;
  uint32_t answer_timeout_ms = 400;
  uint32_t media_timeout_ms = 90'000;
  uint32_t hold_timeout_ms = 7'200'000;  // 0: never, as the others
  uint32_t one_way_ms = 10'000;
  uint32_t poll_ms = 5'000;
};

class StreamTable {
 public:
  using Error = control::ClientError;
  using AddDone = std::function<void(std::optional<Error>)>;
  using RemoveDone = std::function<void(std::optional<control::CallReport>)>;

  StreamTable(Loop& loop, TableConfig config, AnchorCounts& counts, Logger logger);
  ~StreamTable();
  StreamTable(const StreamTable&) = delete;
  StreamTable& operator=(const StreamTable&) = delete;

  AnchorState state() const { return state_; }
  // Calls back with true when streams can be added, at once if they can be, and with false when
  // this takes longer than it is worth waiting: once the dataplane has been away for a while, at
  // once.
  void when_up(std::function<void(bool)> done);

  // Only while up. `former` asks for ports that it had before.
  void add(StreamPlan plan, const std::array<LegPlace, 2>* former, AddDone done);
  // What cannot be done now is done when the dataplane is back; `done` only says when to go on.
  void update(const StreamPlan& plan, const std::function<void()>& done);
  // No report: there was none, or the dataplane is away and the stream goes when it is back.
  void remove(const StreamName& name, RemoveDone done);
  // A change that the dataplane need not know of.
  void note(const StreamPlan& plan);

  const StreamEntry* find(const StreamName& name) const;
  std::vector<const StreamEntry*> of_call(uint64_t call_key) const;
  // The streams of the call's branch are its own from now on.
  void claim(const StreamName& name);

  // An address of ours at the interface, of the family if there is one; none: not known yet.
  IpAddress address_at(const std::string& interface, uint8_t family) const;

  // From a poll: a call has fallen silent. And: it still is, long after it was told, and nobody
  // has ended it.
  void on_silence(std::function<void(uint64_t)> silent) { silent_ = std::move(silent); }
  // One end is missing, or is not any more.
  void on_one_way(MediaFilter::OneWay one_way) { one_way_ = std::move(one_way); }
  void on_abandoned(std::function<void(uint64_t)> abandoned) { abandoned_ = std::move(abandoned); }

  control::AsyncClient& client() { return link_.client(); }
  const control::AsyncClient& client() const { return link_.client(); }
  const std::vector<control::CallReport>& last_list() const { return listed_; }
  void describe(AnchorSnapshot& out) const;

 private:
  using Key = std::string;  // the name as the dataplane has it
  struct Tombstone {
    bool asked = false;  // to be deleted, and not answered yet
    uint64_t pass = 0;
  };
  struct Waiter {
    std::function<void(bool)> done;
    Loop::Handle timer = 0;
  };

  // stream_table.cc
  void came_up();
  void went_down(const Error& why);
  void release_waiters(bool up);
  control::CallAdd request_for(StreamEntry& entry, bool same_ports);
  void place(StreamEntry& entry, const control::CallReport& report);
  bool tell(StreamEntry& entry, const std::array<control::LegUpdate, 2>& updates,
            const std::function<void()>& done);
  void keys_told(const Key& key, size_t leg, uint64_t change);
  void bury(const Key& key, bool asked);
  uint64_t now() const { return loop_.now_ms(); }

  // stream_checkpoints.cc: what a dataplane that lost its SRTP is told
  void watch_checkpoints(const StreamEntry& entry);
  void time_checkpoints();
  void ask_checkpoints(uint64_t after);
  void take_checkpoints(const control::CheckpointPage& page);
  static void restore_srtp(StreamEntry& entry, control::CallAdd& request);

  // stream_sync.cc: the passes over the dataplane's list
  void begin_pass();
  void ask_page(uint64_t after);
  void take_page(control::ListedCalls page);
  void take_listed(const control::CallReport& report);
  void adopt(const StreamName& name, const control::CallReport& report);
  void reconcile(StreamEntry& entry, const control::CallReport& report);
  void finish_pass();
  void restore_more();
  void settle();
  void hear(StreamEntry& entry, const control::CallReport& report);
  void expect(StreamEntry& entry);
  void look_for_one_way();
  void tell_missing(StreamEntry& entry, media::Side side, bool missing);
  void look_for_silence();

  Loop& loop_;
  TableConfig config_;
  AnchorCounts& counts_;
  Logger logger_;
  std::function<void(uint64_t)> silent_, abandoned_;
  MediaFilter::OneWay one_way_;
  AnchorState state_ = AnchorState::away;
  uint64_t away_since_ms_ = 0;
  std::map<Key, StreamEntry> streams_;  // in the order of calls: their key begins the name
  std::map<Key, Tombstone> buried_;     // gone for us, not surely for the dataplane
  std::map<std::pair<std::string, uint8_t>, IpAddress> addresses_;  // by interface and family
  std::map<uint64_t, uint64_t> told_silent_;                        // calls, and when
  std::map<uint64_t, Waiter> waiters_;
  uint64_t last_waiter_ = 0;
  uint64_t last_keys_ = 0;  // the number of the last change of keys of any leg

  uint64_t pass_ = 0;
  bool passing_ = false;
  bool reconnected_ = false;  // the pass is the first since the dataplane came up
  std::vector<control::CallReport> listing_;
  std::vector<control::CallReport> listed_;
  std::deque<Key> to_restore_;
  size_t restoring_ = 0;  // under way
  Loop::Handle poll_timer_ = 0;
  Loop::Handle checkpoint_timer_ = 0;
  bool asking_checkpoints_ = false;
  DataplaneLink link_;  // last: its callbacks come here
};

}  // namespace holdfast::sip
