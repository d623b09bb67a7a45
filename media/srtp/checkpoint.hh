// SPDX-License-Identifier: Apache-2.0
// What is kept of a leg's SRTP outside the process that has its keys, once a second, as a short
// text: packet indices and how much of a key's lifetime is used. No secret.
//
// Pure; any thread; allocates.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/srtp/fingerprint.hh"
#include "media/srtp/state.hh"

namespace holdfast::media {

// The first bytes of a fingerprint: whether a checkpoint is of this key or of the one before it.
using SrtpKeyMark = std::array<uint8_t, 8>;
SrtpKeyMark mark_of(const SrtpFingerprint& fingerprint);

struct SrtpLegCheckpoint {
  SrtpKeyMark in_key{};
  SrtpKeyMark out_key{};
  SrtpCheckpoint in;
  SrtpCheckpoint out;
};

inline constexpr size_t kMaxCheckpointText = 1024;

// Base64 of at most kMaxCheckpointText bytes; 72 bytes for a leg with one SSRC each way.
std::string to_text(const SrtpLegCheckpoint& checkpoint);
// None: no text of to_text().
std::optional<SrtpLegCheckpoint> checkpoint_from_text(std::string_view text);

// For a leg that begins anew in a process that lost its state: `kept` with the outgoing numbers
// ahead of all that may have been sent since. It must be kept in the place of `kept` before it is
// given to the process, or a second loss would use numbers twice. Empty: nothing was kept yet.
// None: no text of to_text().
std::optional<std::string> advance_checkpoint(std::string_view kept);

}  // namespace holdfast::media
