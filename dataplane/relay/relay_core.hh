// SPDX-License-Identifier: Apache-2.0
// The packet loop of one lcore: polls its ports, relays media between legs, passes the rest to and
// from the kernel.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/frame/frame_view.hh"
#include "dataplane/relay/core_memory.hh"
#include "dataplane/relay/core_request.hh"
#include "dataplane/relay/counters.hh"
#include "dataplane/relay/stream_pool.hh"
#include "dataplane/relay/switchboard.hh"
#include "dataplane/runtime/spsc_queue.hh"
#include "media/rtcp_packet.hh"
#include "media/rtcp_xr.hh"
#include "media/rtp_packet.hh"
#include "media/srtp/engine.hh"

namespace holdfast::dataplane {

// What one round of a packet loop found to do.
struct Round {
  unsigned frames = 0;    // from ports, from other lcores, from the kernel
  unsigned requests = 0;  // of the slow thread

  bool idle() const { return frames == 0 && requests == 0; }
};

// poll() belongs to one lcore. The queues and counters are the only parts that the slow thread
// touches. Nothing in poll() allocates, locks, logs, or calls the kernel by itself (a driver may,
// once per burst).
class RelayCore {
 public:
  // `memory`: where legs and streams lie; empty: in memory of its own. `engine`: for legs with
  // SRTP, which are not installed without one.
  RelayCore(Switchboard& board, uint32_t core, const CoreMemory& memory = {},
            std::unique_ptr<media::SrtpEngine> engine = nullptr);

  // One round; `now_ns` is a steady clock, read once by the caller.
  Round poll(uint64_t now_ns);
  // Whether poll() would find something that came from another thread; for the last look before
  // sleeping. Not frames of the kernel that a port refused just now: has_refused().
  bool has_messages() const;
  // Whether frames of the kernel wait for a port that takes none, or refuses media on another
  // queue: there is nothing to do but to try again some time later.
  bool has_refused() const;
  // Carries out what the slow thread asked. Within poll(); before the lcore runs, of the slow
  // thread itself. Returns how many.
  unsigned serve_requests();
  uint32_t legs_in_use() const { return static_cast<uint32_t>(legs_in_use_.read()); }

  // Slow thread -> lcore and back. Ring the core's bell after a push.
  SpscQueue<CoreRequest*>& requests() { return requests_; }
  SpscQueue<PathEvent>& events() { return events_; }
  const PortCounters& counters(size_t port) const { return counters_[port]; }
  CoreCounters& core_counters() { return core_counters_; }

 private:
  // Frames that wait for one tx_burst, with what is needed to account for those that the port does
  // not take.
  struct TxBatch {
    std::array<rte_mbuf*, 2 * kBurst> frames;
    std::array<uint16_t, 2 * kBurst> ingress;
    std::array<LegIndex, 2 * kBurst> legs;
    uint16_t count = 0;
    bool refused = false;       // the port did not take all of this round
    uint64_t took_ns = 0;       // when the queue took a frame last
    uint64_t yields_since = 0;  // the kernel's frames, to media on another queue; 0: they do not
  };
  // A media frame between classification and relay.
  struct Work {
    rte_mbuf* frame;
    FrameView view;
    Leg* leg;
    uint8_t joins;  // how often it went from leg to leg of ours; 0: came from a wire
  };
  // What is known of one that passed the first checks.
  struct Arrival {
    UdpChecksum checksum;
    PathKind path = PathKind::rtp;
    bool is_media = false;      // RTP or UDPTL; else RTCP
    bool was_open = false;      // the path had no source yet
    bool is_rewritten = false;  // its payload is not what the checksum was made of
    uint16_t media_octets = 0;
  };
  // One that waits for the SRTP of its burst.
  struct Held {
    Work work;
    Arrival arrival;
  };
  // Two calls through a B2BUA join once, a spiral once more for each proxy that forks it.
  static constexpr uint8_t kMaxJoins = 8;
  static constexpr size_t kMaxReportsRead = 32;  // of one RTCP datagram: a full SR

  // relay_core.cc: bursts
  unsigned poll_port(size_t port, uint64_t now_ns);
  unsigned poll_inbox(uint64_t now_ns);
  unsigned poll_from_kernel(size_t port);
  void take_burst(std::span<rte_mbuf*> frames, uint64_t now_ns, bool from_port);
  void relay_all(std::span<Work> work, uint64_t now_ns);
  void settle(const Work& work, DropReason reason);  // of one that went no further
  void prefetch_behind(const Leg& leg);
  void pass_on(rte_mbuf* frame, LegIndex entry, const FrameNote& note, Leg* from);
  // `leg`: whose books it goes into when the inbox is full; null: not known.
  void hand_over(rte_mbuf* frame, uint32_t core, const FrameNote& note, Leg* leg);
  void send_to_kernel(size_t port, std::span<rte_mbuf*> frames);
  void drop(rte_mbuf* frame, DropReason reason);
  void queue_tx(rte_mbuf* frame, size_t out_port, LegIndex leg);
  void flush_tx(size_t port);
  bool yields(size_t port);
  void reject(rte_mbuf* frame, size_t ingress, LegIndex leg);
  void count_reject(size_t ingress, Leg* leg);

  // relay_media.cc: one packet
  DropReason relay(const Work& work, uint64_t now_ns);
  DropReason go_on(const Work& work, Arrival& arrival, uint64_t now_ns);  // once it is opened
  void leave(const Work& work, const Arrival& arrival, Leg& out_leg);     // once it is protected
  // The parts of these, for relay_media.cc alone: one function for the plain packet.
  [[gnu::always_inline]] DropReason receive(const Work& work, Arrival& arrival);
  [[gnu::always_inline]] DropReason accept(const Work& work, Arrival& arrival, uint64_t now_ns);
  [[gnu::always_inline]] DropReason forward(const Work& work, const Arrival& arrival);
  [[gnu::always_inline]] void send(const Work& work, const Arrival& arrival, Leg& out_leg);
  static PathKind way_out(const Leg& out_leg, const Arrival& arrival) {
    return arrival.is_media || out_leg.setup.rtcp_mux ? PathKind::rtp : PathKind::rtcp;
  }
  DropReason admit(const Leg& leg, const Work& work, PathKind path) const;
  void join(rte_mbuf* frame, const Path& out, Leg& from, uint8_t joins);
  void learn(Leg& leg, const Work& work, PathKind path);
  void set_destination(Leg& leg, PathKind path, const SocketAddress& to, const MacAddress& mac);
  void point(Leg& leg, PathKind path, const SocketAddress& to);
  static void lock(Leg& leg, PathKind path);
  const HeaderFrame& frame_of(const Leg& leg, const Path& path) const {
    const size_t port = path.own_port == kNotOurs ? leg.setup.port : path.own_port;
    return frames_[port * board_.addresses() + leg.setup.address_index];
  }
  void build_header(Leg& leg, PathKind path, const MacAddress& next_hop);
  bool tell(Leg& leg, PathKind path);
  void tell_again();
  void account(Leg& leg, const FrameView& view, const media::RtpPacket& packet, uint64_t now_ns);

  // relay_srtp.cc: legs with SRTP
  SrtpLeg& srtp_of(const Leg& leg) { return srtp_[static_cast<size_t>(&leg - legs_.data())]; }
  void hold_to_open(const Work& work, const Arrival& arrival);
  void hold_to_protect(const Work& work, const Arrival& arrival);
  void open_held(uint64_t now_ns);
  void protect_held();
  void run_srtp(size_t count);
  void renumber_rtcp(const Work& work, const media::RtcpCompound& compound);
  void refuse(const Work& work, const Leg& leg, media::SrtpVerdict verdict);
  template <typename State>
  void take_over(State& state, media::SrtpFingerprint& key, const State& from,
                 const media::SrtpFingerprint& from_key);
  template <typename State>
  void adopt_or_wipe(State& state, media::SrtpFingerprint& key);
  void change_srtp(const Leg& leg, const SrtpChange& change);
  void adopt_srtp(const Leg& leg);
  void end_srtp(const Leg& leg);
  void check(std::span<const LegIndex> legs, std::span<media::SrtpLegCheckpoint> checkpoints);

  // relay_rtcp.cc: what endpoints say of streams; `left`: how many blocks are looked at still
  void read_rtcp(Leg& leg, const media::RtcpCompound& compound, uint64_t now_ns);
  void read_xr(Leg& leg, const media::RtcpPacket& packet, size_t& left, uint64_t now_ns);
  void read_xr_block(Leg& leg, const media::RtcpPacket& packet, const media::XrBlock& block,
                     uint64_t now_ns);

  // relay_capture.cc: copies for the operator; `out`: as it leaves by the leg, else as it came
  void copy_frame(const Leg& leg, const rte_mbuf* frame, bool out);
  void uncopy_frame(const Leg& leg);  // one that was copied as leaving did not
  void capture(const CoreRequest& request);

  // relay_requests.cc: what the slow thread asks
  void serve(CoreRequest& request);
  void install(const CoreRequest& request);
  void snapshot(const Leg& leg, LegSnapshot& out);
  void restore(Leg& leg, const LegSnapshot& left);
  void update(const CoreRequest& request);
  Marks marks_of(const LegSetup& setup) const;
  void remove(std::span<LegSnapshot> legs);
  void apply(const NextHopUpdate& update);

  Leg* leg_of(LegIndex index) {
    const uint32_t slot = index - 1 - core_ * board_.legs_per_core();  // of kNoLeg: past the end
    return slot < board_.legs_per_core() ? &legs_[slot] : nullptr;
  }

  LegIndex index_of(const Leg& leg) const {
    return static_cast<LegIndex>(core_ * board_.legs_per_core() +
                                 static_cast<size_t>(&leg - legs_.data()) + 1);
  }

  Switchboard& board_;
  const uint32_t core_;
  std::vector<Leg> own_legs_;
  std::span<Leg> legs_;
  StreamPool streams_;
  std::vector<uint16_t> queues_;     // by port: its queue pair that is ours, or kNoQueue
  std::vector<size_t> own_ports_;    // those with a queue of ours
  std::vector<HeaderFrame> frames_;  // [interface that it leaves by][media address]
  // Members, since an array on the stack would be filled with initial values for each burst.
  std::array<Work, kBurst> work_;    // of take_burst()
  std::array<Work, kBurst> joined_;  // what relay_all() does next: at most one for each of a burst
  size_t joined_count_ = 0;
  std::unique_ptr<media::SrtpEngine> engine_;
  SrtpLegs own_srtp_;
  std::span<SrtpLeg> srtp_;  // by leg
  std::array<Held, kBurst> opening_;
  std::array<Held, kBurst> protecting_;
  std::array<media::SrtpTask, kBurst> tasks_;
  size_t opening_count_ = 0;
  size_t protecting_count_ = 0;
  std::vector<TxBatch> tx_;  // by port
  CaptureRing* capture_ = nullptr;
  std::vector<std::array<rte_mbuf*, kBurst>>
      kernel_backlog_;  // by port: frames of the kernel that the port refused
  std::vector<uint16_t> kernel_backlog_count_;
  std::vector<uint8_t> kernel_refused_;  // by port: it took none of its backlog when tried last
  uint64_t round_ns_ = 0;                // the clock of this round
  uint32_t to_wake_ = 0;                 // lcores that got frames from us in this round
  std::vector<PortCounters> counters_;
  CoreCounters core_counters_;
  Counter legs_in_use_;
  size_t tell_at_ = 0;    // the leg that tell_again() looks at next
  size_t tell_left_ = 0;  // how many more; 0: all paths are told
  SpscQueue<CoreRequest*> requests_;
  SpscQueue<PathEvent> events_;
};

}  // namespace holdfast::dataplane
