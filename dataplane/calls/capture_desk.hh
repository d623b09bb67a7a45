// SPDX-License-Identifier: Apache-2.0
// The one capture that may be under way: whose legs are copied, for which client, and what waits
// for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/calls/call_book.hh"
#include "dataplane/calls/core_line.hh"
#include "dataplane/capture/capture_ring.hh"
#include "dataplane/capture/tick_clock.hh"
#include "dataplane/control/messages.hh"

namespace holdfast::dataplane {

// Slow thread only. Memory is taken when a capture begins and given back when it ends. A client is
// a connection, by its number; `now_ns` is the steady clock.
class CaptureDesk {
 public:
  static constexpr size_t kRingBytes = 4 * 1024 * 1024;  // of each lcore; 80 s of a G.711 call
  static constexpr uint64_t kSilenceNs = 10'000'000'000;

  CaptureDesk(const Switchboard& board, std::vector<CoreLine*> lines, const CallBook& book,
              size_t ring_bytes = kRingBytes);

  // Refused while another capture is under way, unless its client has not read for kSilenceNs.
  Answer<control::CaptureBegun> start(const control::CaptureStart& request, uint64_t client,
                                      uint64_t now_ns);
  Answer<control::CapturePage> read(const control::CaptureRead& request, uint64_t client,
                                    uint64_t now_ns);
  Answer<control::CapturePage> stop(const control::CaptureStop& request, uint64_t client,
                                    uint64_t now_ns);
  void on_client_gone(uint64_t client);

 private:
  struct Tap {  // of one lcore
    uint32_t core = 0;
    std::vector<LegIndex> legs;
    std::unique_ptr<CaptureRing> ring;
    bool copying = false;  // the lcore has the ring, or may have it
  };
  struct Capture {
    uint64_t number;
    uint64_t client;
    std::string what;  // for whom it is refused a capture
    std::vector<CallBook::Placed> legs;
    std::vector<Tap> taps;
    TickClock clock;
    uint64_t read_ns;
    bool stopped = false;
  };

  std::optional<control::Error> choose(const control::CaptureStart& request,
                                       std::vector<CallBook::Placed>& legs) const;
  std::optional<control::Error> wrong(uint64_t number, uint64_t client) const;
  bool take_off(Tap& tap);
  void settle();
  void end();
  bool has_ended() const;
  static Tap* earliest(std::vector<Tap>& taps, CaptureMark& mark);
  control::CapturePage page(uint64_t now_ns);

  const Switchboard& board_;
  const std::vector<CoreLine*> lines_;
  const CallBook& book_;
  const size_t ring_bytes_;
  std::optional<Capture> current_;
  // Of captures that have ended, where the lcore did not answer: it may write there still.
  std::vector<Tap> doubtful_;
  uint64_t next_number_ = 1;
};

}  // namespace holdfast::dataplane
