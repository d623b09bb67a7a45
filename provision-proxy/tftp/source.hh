// SPDX-License-Identifier: Apache-2.0
// Where the files of a TFTP server come from: opened and read without waiting.
//
// All on the server's Asio thread. Callbacks come once, maybe before the call returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "media/address.hh"
#include "media/result.hh"
#include "provision-proxy/tftp/packet.hh"

namespace holdfast::provision {

struct TftpPiece {
  enum class State : uint8_t { bytes, end, failed };
  State state = State::end;
  std::span<const char> bytes;  // valid until the next call of next()
};

// A file that is being read by one transfer. Destroying it cancels; nothing is called after that.
class TftpFile {
 public:
  virtual ~TftpFile() = default;
  virtual std::optional<uint64_t> size() const = 0;            // none: not known
  virtual void next(std::function<void(TftpPiece)> then) = 0;  // one call at a time
};

class TftpSource {
 public:
  using Opened = Result<std::shared_ptr<TftpFile>, TftpError>;

  virtual ~TftpSource() = default;
  // `path` is one that normal_path() made.
  virtual void open(std::string path, SocketAddress peer, std::function<void(Opened)> then) = 0;
};

}  // namespace holdfast::provision
