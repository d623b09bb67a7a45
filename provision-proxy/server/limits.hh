// SPDX-License-Identifier: Apache-2.0
// The bounds of the server: all of them, in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace holdfast::provision {

struct ServerLimits {
  using Milliseconds = std::chrono::milliseconds;

  size_t max_connections = 2048;
  size_t max_connections_per_address = 128;
  uint64_t max_upload_bytes = 256ULL << 20;  // phones upload logs and settings
  Milliseconds handshake{10'000};
  Milliseconds head{10'000};            // a request head, from the connection or its first byte
  Milliseconds idle{60'000};            // keep-alive: to the first byte of the next head
  Milliseconds body_progress{20'000};   // an upload moves kProgressBytes in this time, or ends
  Milliseconds write_progress{30'000};  // and so does what a phone reads
  Milliseconds linger{2'000};           // after the last answer: to the phone's own end
  Milliseconds tick{250};               // how often the times are looked at
};

// Less in one time of progress is standing still: one byte now and then holds nothing open.
inline constexpr size_t kProgressBytes = 1024;
// Room for what was read and not yet taken: a head, or a piece of an upload.
inline constexpr size_t kReadBytes = 4096;         // at first
inline constexpr size_t kUploadReadBytes = 32768;  // while there is an upload
// An answer that comes before the upload was read: so much of it is read away, to keep the
// connection; with more, it ends.
inline constexpr size_t kMaxDiscardBytes = 256 * 1024;
inline constexpr size_t kMaxLingerBytes = 1024 * 1024;
// Turns of one connection before the others have theirs.
inline constexpr size_t kTurnRequests = 16;
inline constexpr size_t kTurnBytes = 256 * 1024;
// 1xx that may wait for a phone that does not read.
inline constexpr size_t kMaxInterimBytes = 16 * 1024;

using ServerClock = std::function<std::chrono::steady_clock::time_point()>;

}  // namespace holdfast::provision
