// SPDX-License-Identifier: Apache-2.0
// Every bound of what a client may send as an HTTP request, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::provision {

inline constexpr size_t kMaxHeadBytes = 16 * 1024;  // request line and fields, with the empty line
inline constexpr size_t kMaxMethodBytes = 32;       // the longest registered one has 17
inline constexpr size_t kMaxTargetBytes = 4096;     // RFC 9112 section 3 asks for 8000; no phone
                                                    // comes near 1000
inline constexpr size_t kMaxHeadFields = 100;       // phones send about 10
inline constexpr size_t kMaxHostBytes = 255 + 6;    // a DNS name (RFC 1035 section 2.3.4), a port
inline constexpr uint64_t kMaxContentLength = INT64_MAX;  // what a file offset can hold

inline constexpr size_t kMaxChunkSizeDigits = 16;        // 64 bits
inline constexpr size_t kMaxChunkExtensionBytes = 1024;  // of one body, in all
inline constexpr size_t kMaxTrailerBytes = 4096;         // of one body, in all
inline constexpr size_t kMaxTrailerFields = 32;

inline constexpr size_t kMaxRanges = 16;  // ranges of one Range field; with more it is ignored

}  // namespace holdfast::provision
