// SPDX-License-Identifier: Apache-2.0
// The bytes of one connection, plain or TLS, behind one small interface that never waits.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "media/address.hh"

namespace holdfast::provision {

enum class IoState : uint8_t {
  kDone,        // `bytes` were moved
  kWantsRead,   // nothing was: call again once the socket can be read
  kWantsWrite,  // the same, once it can be written
  kEnd,         // the peer has ended its side in good order
  kFailed       // the connection is broken
};

struct IoResult {
  IoState state = IoState::kFailed;
  size_t bytes = 0;
};

// Of a TLS connection after its handshake.
struct TlsPeer {
  bool tls = false;
  bool resumed = false;
  bool certificate = false;       // the phone has shown one
  bool good = false;              // and it is signed by whom we know, for this use, and in time
  bool expired = false;           // or it would be, had it not expired, which is ignored
  std::optional<MacAddress> mac;  // that a good one names
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Before anything else, until kDone; a plain one is done at once.
  virtual IoState handshake() = 0;
  virtual IoResult read(std::span<char> into) = 0;
  // Writes a front part of the pieces, of which there are 1 to kMaxPieces. After kWantsRead and
  // kWantsWrite the next call brings the same bytes, maybe with more behind them.
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  // Bytes that read() has at hand without the socket: it will not become readable for them.
  virtual bool has_pending() const = 0;
  // Says that nothing more is written; what the peer sends can still be read.
  virtual void end_writing() = 0;
  virtual TlsPeer tls_peer() const { return {}; }

  static constexpr size_t kMaxPieces = 4;
};

// `socket` is connected, does not block, and outlives the channel.
std::unique_ptr<Channel> make_plain_channel(int socket);

}  // namespace holdfast::provision
