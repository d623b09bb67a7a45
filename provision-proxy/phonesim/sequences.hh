// SPDX-License-Identifier: Apache-2.0
// The kinds of boot sequence, and what they share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "provision-proxy/phonesim/boot_sequence.hh"

namespace holdfast::provision {

std::unique_ptr<BootSequence> make_polycom(const BootOptions& options);
// Phones that look at a part of their firmware image first: SIP stations, AudioCodes.
std::unique_ptr<BootSequence> make_image_phone(const BootOptions& options);

// The target for a name in a configuration: relative to the root, blanks escaped. None for what
// points to another server or has control characters in it.
std::optional<std::string> target_of(std::string_view name);

}  // namespace holdfast::provision
