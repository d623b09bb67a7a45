// SPDX-License-Identifier: Apache-2.0
// Finds the RTP streams among datagrams and keeps the data plane's account of each.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <tuple>

#include "bench/replay_capture.hh"
#include "media/stream_account.hh"

namespace holdfast::replay {

struct Options {
  uint16_t lowest_port = 0;  // a datagram counts when either of its ports lies inside
  uint16_t highest_port = 65'535;
  bool all = false;                            // streams that may be chance, too
  std::array<uint32_t, 128> clock_rates_hz{};  // by payload type
};

// One SSRC from one address to another.
struct Stream {
  SocketAddress from;
  SocketAddress to;
  media::StreamAccount account;
  std::array<uint64_t, 128> packets_by_type{};
  uint64_t followers = 0;  // packets whose number is 1 to 100 above that of the packet before
  uint16_t last_sequence = 0;

  // The payload type that most packets carry: comfort noise and telephone events share a stream.
  uint8_t payload_type() const;
};

// Bytes of chance look like RTP every now and then, but then their numbers do not follow one
// another.
class Streams {
 public:
  // This many packets that follow their predecessor make a stream.
  static constexpr uint64_t kLeastFollowers = 3;

  explicit Streams(const Options& options) : options_(options) {}
  void on_datagram(const Datagram& datagram, uint64_t arrival_ns);
  bool is_shown(const Stream& stream) const {
    return options_.all || stream.followers >= kLeastFollowers;
  }
  const std::deque<Stream>& streams() const { return streams_; }  // by first packet

 private:
  Options options_;
  std::deque<Stream> streams_;
  std::map<std::tuple<SocketAddress, SocketAddress, uint32_t>, Stream*> index_;
};

}  // namespace holdfast::replay
