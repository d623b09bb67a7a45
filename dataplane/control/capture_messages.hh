// SPDX-License-Identifier: Apache-2.0
// What is asked and answered about captures on the control socket, as types; docs/control-socket.md
// is the contract.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::control {

class Fields;

inline constexpr size_t kMaxCaptureLegs = 32;   // of one capture
inline constexpr size_t kMaxCaptureCalls = 16;  // two legs each
inline constexpr uint16_t kMinSnapBytes = 64;   // the headers of an IPv6 packet with a tag
inline constexpr uint16_t kMaxSnapBytes = UINT16_MAX;
inline constexpr size_t kMaxPageFrames = 1024;
// Of frames in one page, before base64: four thirds of it and what stands around each frame fit an
// answer.
inline constexpr size_t kMaxPageFrameBytes = 384 * 1024;

// Begins to copy the frames of legs: those named, and both of each call that is named.
struct CaptureStart {
  std::vector<std::string> calls;  // keys; at most kMaxCaptureCalls
  std::vector<uint32_t> legs;      // at most kMaxCaptureLegs, those of `calls` included
  uint16_t snap = kMaxSnapBytes;   // longest copy, octets
};

// What waits; it is handed over once.
struct CaptureRead {
  uint64_t capture = 0;
};

// No more copies; what waits is still to be read.
struct CaptureStop {
  uint64_t capture = 0;
};

struct CaptureLeg {
  uint32_t leg = 0;
  std::string call;
  std::string interface;
  SocketAddress local;  // RTP
};

struct CaptureBegun {
  uint64_t capture = 0;
  std::vector<CaptureLeg> legs;
};

struct CaptureFrame {
  uint64_t unix_ns = 0;
  uint32_t leg = 0;
  bool out = false;   // leaves by the leg; else it came for it
  uint32_t size = 0;  // octets of the frame; `bytes` may be fewer
  std::string bytes;  // base64 on the wire
};

struct CapturePage {
  std::vector<CaptureFrame> frames;  // in the order of their times
  bool more = false;                 // ask again at once
  uint64_t missed = 0;               // since the start: did not fit the ring
  uint64_t refused = 0;  // since the start: copied as leaving, and then the port did not take it
  std::string ended;     // why nothing more will come, with the last frame; else empty
};

nlohmann::json to_json(const CaptureStart&);
nlohmann::json to_json(const CaptureBegun&);
nlohmann::json to_json(const CapturePage&);
CaptureStart read_capture_start(Fields& fields);  // strictly
Result<CaptureBegun, std::string> capture_begun_from(const nlohmann::json&);
Result<CapturePage, std::string> capture_page_from(const nlohmann::json&);

}  // namespace holdfast::control
