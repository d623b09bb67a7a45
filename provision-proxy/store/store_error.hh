// SPDX-License-Identifier: Apache-2.0
// Why the store did not do what it was asked: one list gives the enum and the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::provision {

#define HOLDFAST_STORE_ERRORS(X)                            \
  X(kNone, "none")                                          \
  X(kFull, "the store is full of what must not be evicted") \
  X(kDiskFull, "the disk is full")                          \
  X(kDiskError, "the disk fails")                           \
  X(kTooLarge, "larger than the store takes")               \
  X(kTooMany, "too many bodies arrive at once")             \
  X(kBusy, "too much waits to be written")                  \
  X(kDistrusted, "this body was rolled back")               \
  X(kIncomplete, "the body is not complete")                \
  X(kBadMeta, "a header field that cannot be kept")         \
  X(kNotFound, "nothing of that kind is stored")            \
  X(kDamaged, "the stored body is damaged or gone")         \
  X(kClosed, "the store is closed")

enum class StoreError : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_STORE_ERRORS(HOLDFAST_X)
#undef HOLDFAST_X
};

std::string_view text_of(StoreError error);

// ENOSPC and EDQUOT are a full disk, all else a failing one; 0 is none.
StoreError store_error_of(int error_number);

}  // namespace holdfast::provision
