// SPDX-License-Identifier: Apache-2.0
// The memory file in which the lcores keep their legs and streams, so that the calls of a process
// that was killed go on in the next one with their sums whole.
//
// The file is mapped and written by plain stores: what was stored is there for the successor,
// whatever ended the process. Nothing in it is trusted further than its bounds: a process dies
// between any two stores. It lies on a memory file system, root only (0600): it has the addresses
// and counters of the live calls. The keys of those with SRTP lie in a file beside it
// (srtp_file.hh), which the next process goes on with where it lies.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/relay/core_memory.hh"
#include "dataplane/state/own_file.hh"
#include "dataplane/state/port_mark.hh"
#include "dataplane/state/srtp_file.hh"
#include "media/result.hh"

namespace holdfast::dataplane {

// The media ports of an address.
struct MarkedPorts {
  IpAddress ip;
  uint16_t first_port = 0;  // even
  uint32_t pairs = 0;
  friend bool operator==(const MarkedPorts&, const MarkedPorts&) = default;
};

// How the tables are divided.
struct StateShape {
  uint32_t cores = 1;
  uint32_t legs_per_core = 0;
  std::vector<std::string> interfaces;  // names, by index of the port
  std::vector<MarkedPorts> ports = {};
  friend bool operator==(const StateShape&, const StateShape&) = default;
};

// A call has two legs that lie side by side, so that either names the call.
using CallNumber = uint32_t;
constexpr CallNumber call_of(LegIndex leg) {
  return (leg - 1) / 2;
}
constexpr std::array<LegIndex, 2> legs_of(CallNumber call) {
  return {2 * call + 1, 2 * call + 2};
}

// What the slow thread knows of a call and the lcore does not.
struct SavedCall {
  static constexpr size_t kMaxKey = 64;
  static constexpr uint64_t kLastMs = (uint64_t{1} << 48) - 1;
  uint64_t started_ms : 48 = 0;     // Unix time
  uint64_t valid : 16 = 0;          // stored last; cleared before anything else is taken away
  std::array<char, kMaxKey> key{};  // without an end when it is full

  std::string_view name() const;
};

class LeftState;

// The file that this process writes. Created under another name; publish() puts it in the place of
// the one before.
class StateFile {
 public:
  // One line on an error. `path` should be on a memory file system. `left`: what is there of a
  // process that lives no more, if it can be used. Where its tables are divided in the same way its
  // SRTP is gone on with in place, else it stays as it is until publish().
  static Result<StateFile, std::string> create(const std::string& path, const StateShape& shape,
                                               const LeftState* left);
  StateFile(StateFile&& other) noexcept;
  StateFile& operator=(StateFile&&) = delete;
  ~StateFile();  // the file stays; one that was not published goes

  CoreMemory core(uint32_t core);
  // Before a leg gets keys: memory for its SRTP, which stays. False: there is none. Slow thread.
  bool reserve_srtp(LegIndex leg);
  // Whether SRTP is gone on with in place. Then each call of `left` has to keep its number.
  bool is_in_place() const { return in_place_; }
  // In place: makes the SRTP of the legs of `left` ready to be touched, which takes the kernel long
  // for thousands, and gives back what others had. Of any thread, while no other uses the file's
  // SRTP.
  void bring_srtp(const LeftState& left);
  // What the process before left there; null: nothing.
  const SrtpLeg* brought_srtp(LegIndex leg) const;
  // What was brought is wiped where `is_kept` says no. Slow thread, after publish(): until then a
  // successor may still need it, and before the lcores run.
  void wipe_brought_srtp(const std::function<bool(LegIndex)>& is_kept);
  std::span<SavedCall> calls();      // by number, as many as there are pairs of legs
  std::span<PortMark> port_marks();  // of each range's pairs, range after range
  // Says that the process lives, and what the steady clock shows; a successor measures from there
  // how long nobody counted.
  void beat(uint64_t now_ns);
  // Before the first packet: from here on this file is the one that a successor goes on from. After
  // an error, in one line, there is none.
  std::string publish();

 private:
  StateFile(std::string path, Mapping memory, SrtpFile srtp, uint32_t srtp_name, bool in_place,
            const StateShape& shape);
  bool bring_srtp(LegIndex first, uint32_t count);

  std::string path_;
  Mapping memory_;
  SrtpFile srtp_;
  uint32_t srtp_name_;
  bool in_place_;
  StateShape shape_;
  std::vector<bool> srtp_reserved_;  // by leg
  std::vector<bool> srtp_brought_;
  bool published_ = false;
};

// Takes away what a dataplane left at `path` and beside it.
void remove_state(const std::string& path);

// A call of the process before, as it was left.
struct LeftCall {
  std::string key;
  uint64_t started_ms = 0;
  std::array<std::string, 2> interfaces;
  std::array<LegSnapshot, 2> legs;  // `index` as it was there
  // Of those with SRTP, unchecked, in the file; null where that is lost, and of others.
  std::array<const SrtpLeg*, 2> srtp{};
};

// The file of the process before, read only.
class LeftState {
 public:
  // After so long the calls are over: endpoints hang up without media.
  static constexpr uint64_t kMaxSilenceNs = 120'000'000'000;

  // None when there is no file, or one that cannot be used. `why` says so, or that its SRTP is lost
  // or its calls are over, if that is worth saying. `now_ns`: the steady clock, which runs from
  // boot to boot; a file of another boot is not used.
  static std::optional<LeftState> open(const std::string& path, uint64_t now_ns, std::string& why);
  uint64_t silent_ns() const { return silent_ns_; }  // since the process before gave its last sign
  bool calls_are_over() const { return silent_ns_ > kMaxSilenceNs; }
  // Each call whose two legs are whole. The reference is good until the next one.
  void for_each(const std::function<void(const LeftCall&)>& on_call) const;
  // Each pair of ports that had a call.
  std::vector<LeftPort> ports() const;
  // Runs of legs with SRTP, of at most `most`.
  using OnSrtp = std::function<void(LegIndex first, uint32_t count)>;
  void for_each_srtp(uint32_t most, const OnSrtp& on_srtp) const;
  const StateShape& shape() const { return shape_; }
  uint32_t srtp_name() const { return srtp_name_; }

 private:
  LeftState(Mapping memory, uint64_t alive_ns, uint64_t silent_ns);
  bool read(CallNumber number, const SavedCall& saved, LeftCall& call) const;
  bool read_leg(LegIndex index, LegSnapshot& out) const;
  bool has_srtp(LegIndex leg) const;
  const void* memory() const { return memory_.memory(); }

  Mapping memory_;
  std::optional<LeftSrtp> srtp_;
  uint32_t srtp_name_ = 0;
  StateShape shape_;
  uint64_t alive_ns_;
  uint64_t silent_ns_;
};

}  // namespace holdfast::dataplane
