// SPDX-License-Identifier: Apache-2.0
// TFTP packets as values: RFC 1350, options of RFC 2347, 2348 (blksize), 2349 (timeout, tsize) and
// 7440 (windowsize).
//
// Pure and safe on any bytes: a parser returns a whole value or the one reason why not. Views point
// into the datagram that was parsed. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "media/result.hh"

namespace holdfast::provision {

// Every reason to refuse a datagram: X(name, what is wrong).
#define HOLDFAST_TFTP_REJECTS(X)                                     \
  X(tftp_too_short, "shorter than its kind of packet is")            \
  X(tftp_too_long, "longer than its kind of packet may be")          \
  X(tftp_bad_opcode, "the opcode is none of TFTP's")                 \
  X(tftp_unterminated, "a text is not ended by a zero byte")         \
  X(tftp_no_name, "the file name is empty")                          \
  X(tftp_name_too_long, "the file name is longer than we take")      \
  X(tftp_name_control, "the file name has a control character")      \
  X(tftp_bad_mode, "the mode is neither octet nor netascii")         \
  X(tftp_option_unnamed, "an option has no name")                    \
  X(tftp_option_no_value, "an option has no value")                  \
  X(tftp_option_twice, "an option is there twice")                   \
  X(tftp_option_not_a_number, "the value of an option is no number") \
  X(tftp_too_many_options, "more options than we read")

enum class TftpReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TFTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TftpReject reject);
std::string_view text_of(TftpReject reject);

enum class TftpOpcode : uint16_t { rrq = 1, wrq = 2, data = 3, ack = 4, error = 5, oack = 6 };

// RFC 1350 appendix, and 8 of RFC 2347.
enum class TftpErrorCode : uint16_t {
  undefined = 0,
  file_not_found = 1,
  access_violation = 2,
  disk_full = 3,
  illegal_operation = 4,
  unknown_tid = 5,
  file_exists = 6,
  no_such_user = 7,
  option_refused = 8
};

struct TftpError {
  TftpErrorCode code = TftpErrorCode::undefined;
  std::string text;
  friend bool operator==(const TftpError&, const TftpError&) = default;
};

// Limits, all in one place.
inline constexpr size_t kTftpDefaultBlockBytes = 512;   // RFC 1350
inline constexpr uint16_t kTftpMinBlockBytes = 8;       // RFC 2348
inline constexpr uint16_t kTftpMaxBlockBytes = 65'464;  // RFC 2348
inline constexpr size_t kTftpMaxRequestBytes = 512;     // RFC 2347 section "Packet Formats"
inline constexpr size_t kTftpMaxNameBytes = 255;
inline constexpr size_t kTftpMaxErrorText = 128;
inline constexpr size_t kTftpMaxOptions = 16;
inline constexpr size_t kTftpHeaderBytes = 4;  // opcode and block number

enum class TftpMode : uint8_t { octet, netascii };

// Options as asked for, or as granted. Values are as they came, up to 2^32-1, however large they
// were (tsize: 2^64-1); what we grant is negotiate()'s business.
struct TftpOptions {
  std::optional<uint32_t> block_bytes;
  std::optional<uint32_t> timeout_s;
  std::optional<uint32_t> window_blocks;
  std::optional<uint64_t> transfer_bytes;
  bool none() const { return !block_bytes && !timeout_s && !window_blocks && !transfer_bytes; }
  friend bool operator==(const TftpOptions&, const TftpOptions&) = default;
};

struct TftpRequest {
  bool write = false;  // WRQ
  std::string_view name;
  TftpMode mode = TftpMode::octet;
  TftpOptions options;  // those we know; others are skipped, as RFC 2347 asks
};
struct TftpData {
  uint16_t block = 0;
  std::span<const uint8_t> bytes;
};
struct TftpAck {
  uint16_t block = 0;
};
struct TftpErrorPacket {
  uint16_t code = 0;  // as sent: any number
  std::string_view text;
};
struct TftpOack {
  TftpOptions options;
};
using TftpPacket = std::variant<TftpRequest, TftpData, TftpAck, TftpErrorPacket, TftpOack>;

// Any packet. Zero bytes after the last option are padding, which some boot loaders send. An ACK is
// four bytes exactly. The text of an ERROR need not be ended: it closes a transfer either way.
Result<TftpPacket, TftpReject> parse_tftp(std::span<const uint8_t> datagram);

// Writers append nothing: they return whole datagrams.
std::string tftp_request(const TftpRequest& request);  // for clients
std::string tftp_data_header(uint16_t block);          // the block's bytes follow
std::string tftp_ack(uint16_t block);
std::string tftp_error(TftpErrorCode code, std::string_view text);  // cut at kTftpMaxErrorText
std::string tftp_oack(const TftpOptions& options);

// What we grant.
struct TftpPolicy {
  uint16_t max_block_bytes = 1468;  // one Ethernet frame of IPv4
  uint16_t max_window_blocks = 16;
  uint8_t max_timeout_s = 10;  // a longer one would hold a transfer's place for too long
};

// RFC 2347: what is not granted is left out, and then holds as if it had not been asked for. Blocks
// and windows that are too large are granted smaller, which RFC 2348 and 7440 allow; a timeout
// only as asked, as RFC 2349 wants it. tsize is granted if the size is known, and never in
// netascii, whose size on the wire is not the file's, nor as 0, which curl takes for an error.
TftpOptions negotiate(const TftpRequest& request, std::optional<uint64_t> file_bytes,
                      const TftpPolicy& policy);

}  // namespace holdfast::provision
