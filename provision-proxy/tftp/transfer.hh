// SPDX-License-Identifier: Apache-2.0
// One read transfer as the sender sees it: windows, retransmission, the end. RFC 1350, 2347, 7440.
//
// - A block is sent again after a timeout, never because an old ACK came again: that would double
//   every packet from there on (the Sorcerer's Apprentice, RFC 1123 section 4.2.3.1). In windows of
//   more than one block a repeated ACK may be the receiver's word that the first block was lost
//   (RFC 7440 section 4); it is believed once until there is progress or a timeout.
// - Block numbers run on from 65535 to 0, as clients expect, so that a file may have any size.
// - The last ACK may get lost: a receiver that is silent once the last block was sent has most
//   probably got it all, and that is an end of its own.
//
// Pure: time (monotonic milliseconds) is handed in, datagrams are handed out. One owner. After any
// call that takes time: take next_datagram() until there is none, then look at ended(),
// wants_bytes() and deadline_ms().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "provision-proxy/tftp/packet.hh"

namespace holdfast::provision {

// How a transfer may end: X(name, what happened).
#define HOLDFAST_TFTP_ENDS(X)                                              \
  X(done, "every block was acknowledged")                                  \
  X(unconfirmed, "every block was sent, the last ACK never came")          \
  X(peer_error, "the client ended it with an error")                       \
  X(peer_silent, "the client fell silent")                                 \
  X(peer_illegal, "the client sent what does not belong in a read")        \
  X(source_failed, "the file could not be read to its end")                \
  X(size_differs, "the file was longer or shorter than it was said to be") \
  X(too_slow, "it took longer than a transfer may")

enum class TftpEnd : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TFTP_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TftpEnd end);
std::string_view text_of(TftpEnd end);

struct TftpTimes {
  uint32_t timeout_ms = 1000;      // of the first try, unless the client named one
  uint32_t max_timeout_ms = 4000;  // each try doubles it up to this, unless the client named one
  uint8_t tries = 7;               // of the same blocks: 1+2+4+4+4+4+4 s of silence
  uint32_t max_transfer_ms = 3'600'000;
};

struct TftpTransferCounters {
  uint64_t data_sent = 0;  // blocks, those sent again included
  uint64_t data_resent = 0;
  uint64_t bytes_acked = 0;  // on the wire: netascii counts as encoded
  uint64_t timeouts = 0;
  uint64_t rewinds = 0;        // windows started again by an ACK
  uint64_t repeated_acks = 0;  // ignored
  uint64_t stale_acks = 0;     // of blocks long acknowledged, or never sent: ignored
  uint64_t malformed = 0;      // ignored
};

class TftpTransfer {
 public:
  // `granted` is negotiate()'s; file_bytes: what the file is said to have.
  TftpTransfer(uint64_t now_ms, TftpMode mode, const TftpOptions& granted,
               std::optional<uint64_t> file_bytes, const TftpTimes& times);

  // The file's bytes, in order. At most one piece more than two windows is held.
  bool wants_bytes() const;
  void supply(std::span<const char> bytes);
  void supply_end();
  void supply_failed();

  // A datagram from the client's address and port.
  void received(uint64_t now_ms, std::span<const uint8_t> datagram);
  void advance(uint64_t now_ms);
  // When advance() has something to do next; ~0: never, once ended.
  uint64_t deadline_ms() const;
  // What to send now, until there is none; also after the end, which may owe the client an ERROR.
  std::optional<std::string> next_datagram(uint64_t now_ms);

  std::optional<TftpEnd> ended() const { return end_; }
  const TftpTransferCounters& counters() const { return counters_; }

 private:
  void finish(TftpEnd end);
  void finish(TftpEnd end, TftpErrorCode code, std::string_view text);
  void acknowledged(uint16_t block);
  void rewind();
  void progress();
  bool last_block_sent() const;
  size_t held() const { return buffer_.size() - buffer_start_; }
  std::optional<std::string_view> block(uint64_t number) const;

  const size_t block_bytes_;
  const uint64_t window_;
  const TftpMode mode_;
  const TftpTimes times_;
  const bool timeout_named_;  // by the client: no backing off
  const std::optional<uint64_t> file_bytes_;
  const std::string oack_;  // empty: none
  const uint64_t end_ms_;

  bool oack_acked_;
  bool oack_due_;
  uint64_t acked_ = 0;    // blocks 1 to this; they count on, the wire has the low 16 bits
  uint64_t next_ = 1;     // to be sent
  uint64_t highest_ = 0;  // ever sent
  bool rewound_ = false;  // by an ACK, since the last progress or timeout
  std::string buffer_;    // from buffer_start_: the bytes of block acked_ + 1 and on
  size_t buffer_start_ = 0;
  uint64_t supplied_ = 0;
  bool supply_ended_ = false;

  uint32_t timeout_ms_;
  uint8_t tries_ = 0;
  std::optional<uint64_t> sent_ms_;  // the last time, of what is not acknowledged
  std::string error_;                // owed to the client
  std::optional<TftpEnd> end_;
  TftpTransferCounters counters_;
};

}  // namespace holdfast::provision
