// SPDX-License-Identifier: Apache-2.0
// The calls of this dataplane: which legs and ports they have, who their next hops are, how they
// ended.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/calls/core_line.hh"
#include "dataplane/calls/leg_plan.hh"
#include "dataplane/calls/minute_book.hh"
#include "dataplane/calls/port_book.hh"
#include "dataplane/calls/srtp_setup.hh"
#include "dataplane/control/messages.hh"
#include "dataplane/kernel/next_hops.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/chain_index.hh"
#include "dataplane/state/state_file.hh"

namespace holdfast::dataplane {

// What the book needs to know of an interface; the index is that of the switchboard's port.
struct BookInterface {
  std::string name;
  unsigned ifindex =
      0;  // of the kernel device whose routes and neighbours count (a shared port's, or the tap)
};

// What is told when an lcore does not answer.
control::Error core_busy();

// Slow thread only.
class CallBook {
 public:
  static constexpr size_t kFinishedCalls =
      4096;  // reports kept for those who ask later; the oldest goes first

  // `saved`: where calls are written down, for a process after this one too, as many as there are
  // pairs of legs; empty: in memory of its own. `legs_beside`: beside max_legs; when those are in
  // use, calls that are left go on, and calls for help alone are added.
  CallBook(Switchboard& board, std::vector<CoreLine*> lines, std::vector<BookInterface> interfaces,
           uint32_t max_legs, std::span<SavedCall> saved = {}, PortRest rest = {},
           uint32_t legs_beside = 0);
  // Before the first call. The book watches next hops through it.
  void set_next_hops(NextHops* next_hops) { next_hops_ = next_hops; }
  // Before the first call; without it legs with SRTP are refused.
  void set_srtp(SrtpSetup* srtp) { srtp_ = srtp; }

  Answer<control::CallReport> add(const control::CallAdd& request);
  Answer<control::LegReport> update(const control::LegUpdate& request);
  Answer<control::CallReport> remove(const std::string& call);
  Answer<control::CallPage> list(const control::CallList& request);
  Answer<control::CheckpointPage> checkpoints(const control::CheckpointList& request);

  // Goes on with a call of the process before, on the same ports: sources, counters and streams are
  // as they were left. Empty, or why it cannot be, in one line. Best before the lcores run, by
  // lines that are served here: of thousands of calls the waiting for lcores would be the longest
  // part. `in_place`: its legs keep their numbers, as all calls' do.
  std::string restore(const LeftCall& left, bool in_place = false);
  // After that: its other ports rest as they would have with it.
  void rest_again(std::span<const LeftPort> ports) { ports_.rest_again(ports); }

  // From NextHops; carried to the lcores by flush().
  void on_next_hop(uint32_t token, const NextHop& hop);
  // From an lcore: a path found a new address to send to.
  void on_path_event(const PathEvent& event);
  void flush();

  uint32_t legs_in_use() const { return legs_in_use_; }
  control::SrtpEngineStatus srtp_status() const;
  bool has_srtp(LegIndex leg) const { return is_there(call_of(leg)) && legs_[leg].srtp; }
  // Pairs of ports of an interface, over all of its media addresses.
  control::MediaPorts media_ports(size_t port) { return ports_.of_interface(port); }
  // Calls that add() refused, by the name of the refusal.
  std::vector<control::NamedCount> refused() const;

  // A leg that is there; `serial` tells its call from a later one on the same leg.
  struct Placed {
    LegIndex leg = kNoLeg;
    uint64_t serial = 0;
    std::string call;
    std::string interface;
    SocketAddress local;  // RTP
  };
  std::optional<Placed> placed(LegIndex leg) const;
  std::optional<std::array<LegIndex, 2>> legs_of_call(const std::string& key) const;

  // Every 100 ms or so, with the wall clock: when a minute has ended, shows all legs to minutes(),
  // spread over a few calls.
  void take_minutes(uint64_t unix_ms);
  const MinuteBook& minutes() const { return minutes_; }

 private:
  struct BookLeg {  // of a call that is there, or in doubt
    uint16_t address_index = 0;
    uint16_t rtp_port = 0;
    uint8_t interface = 0;
    bool srtp = false;
  };
  static_assert(sizeof(BookLeg) == 6 && kMaxPorts <= UINT8_MAX);
  // Null: plain, or one that is left and lies in its place already.
  using SrtpChanges = std::array<std::unique_ptr<SrtpChange>, 2>;
  struct MinuteWalk {  // over the calls at the end of a minute
    uint64_t minute;   // that has ended, in minutes since 1970
    CallNumber next;   // the call that is to be shown next
    uint64_t end;      // serial of the first call that began after the minute
  };

  Answer<control::CallReport> resume(const control::CallAdd& request, CallNumber call);
  std::optional<uint32_t> core_of(CallNumber call) const;
  bool keep_number(uint32_t core, CallNumber call);
  std::string plan_left(const LeftCall& left, std::array<LegSetup, 2>& setups) const;
  std::optional<uint32_t> core_for_left(const std::array<LegSetup, 2>& setups) const;
  std::optional<CallNumber> seat(uint32_t core, std::string_view key, uint64_t started_ms,
                                 std::array<LegSetup, 2>& setups, const LeftCall* left,
                                 SrtpChanges srtp);
  void write_down(CallNumber call, std::string_view key, uint64_t started_ms);
  void set_valid(CallNumber call, bool valid);
  std::optional<CallNumber> find(std::string_view key) const;
  bool is_there(CallNumber call) const { return call < serials_.size() && serials_[call] != 0; }
  Answer<LegSetup> plan_leg(const control::LegSpec& spec) const;
  Answer<std::unique_ptr<SrtpChange>> plan_srtp(LegIndex leg, const SrtpLegSummary& has,
                                                const control::SharedSrtp& wanted,
                                                std::string_view checkpoint);
  std::string plan_left_srtp(const LeftCall& left, CallNumber call, SrtpChanges& srtp);
  Answer<control::LegReport> update(const control::LegUpdate& request,
                                    std::string_view srtp_checkpoint);
  Answer<control::CallReport> try_add(const control::CallAdd& request);
  std::optional<uint32_t> core_asked_for(const control::CallAdd& request,
                                         const std::array<LegSetup, 2>& setups) const;
  Answer<uint32_t> choose_core(const control::CallAdd& request, std::array<LegSetup, 2>& setups);
  static uint32_t token_of(LegIndex leg, PathKind path) {  // of its next hop
    return leg * uint32_t{kPaths} + static_cast<uint32_t>(path);
  }
  // `goes_on`: the lcore has the way that its packets went before.
  void watch(LegIndex leg, PathKind path, const SocketAddress& destination, bool goes_on = false);
  void unwatch(LegIndex leg);
  bool skip_to_call(CallNumber& call) const;
  using OnCall = std::function<void(CallNumber, std::span<const LegSnapshot>)>;
  // Asks the lcores about at most kMaxRequestItems / 2 calls at once; tells of each with both of
  // its legs, not in the order given. False when an lcore does not answer.
  bool ask_about(std::span<const CallNumber> calls, bool begin_interval, const OnCall& on_call);
  std::span<const LegSnapshot> ask_about(CallNumber call) const;
  const std::string& interface_of(LegIndex leg) const {
    return interfaces_[legs_[leg].interface].name;
  }
  NextHop next_hop_of(const LegSnapshot& leg) const;
  control::LegReport report_of(std::span<const LegSnapshot> legs, size_t which) const;
  control::CallReport report_of(CallNumber call, std::span<const LegSnapshot> legs) const;
  void show(std::span<const LegSnapshot> legs, uint64_t minute);
  void show_last(CallNumber call, std::span<const LegSnapshot> legs);
  void free_call(CallNumber call);
  void settle_doubtful();

  Switchboard& board_;
  std::vector<CoreLine*> lines_;
  std::vector<BookInterface> interfaces_;
  uint32_t max_legs_;
  NextHops* next_hops_ = nullptr;
  SrtpSetup* srtp_ = nullptr;
  std::vector<BookLeg> legs_;                       // by LegIndex
  std::vector<uint64_t> serials_;                   // by call; 0: none is there
  std::vector<std::deque<CallNumber>> free_calls_;  // by lcore
  std::vector<SavedCall> own_saved_;
  std::span<SavedCall> saved_;  // by call
  PortBook ports_;
  ChainIndex by_key_;  // of calls that are there
  std::deque<std::pair<uint64_t, control::CallReport>> finished_;
  std::map<uint32_t, NextHopUpdate>
      updates_;  // by token: the newest answer that the lcore has not been told
  // Calls whose legs an lcore may or may not have taken before it stopped answering. Removed, and
  // their places lent again, when it does.
  std::vector<CallNumber> doubtful_;
  std::map<control::ErrorCode, uint64_t> refused_;
  uint64_t next_finished_ = 1;
  uint32_t legs_in_use_ = 0;
  uint64_t next_serial_ = 1;
  MinuteBook minutes_;
  uint64_t minute_ = 0;  // the current one; 0: not known yet
  std::optional<MinuteWalk> minute_walk_;
};

}  // namespace holdfast::dataplane
