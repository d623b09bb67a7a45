// SPDX-License-Identifier: Apache-2.0
// What a power cut leaves of a directory whose syncs unsynced_shim.cc has watched.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::provision {

// Takes all that lies in the directory as lasting, and makes the shadow anew.
void take_as_synced(const std::string& directory, const std::string& shadow);

// Replaces the directory by one of those that a power cut may leave: of each name that was made,
// taken away or given to another file without a sync of its folder, either; of a file's content
// what was synced, with the rest lost, kept, or of each block either; sizes likewise.
void forget_unsynced(const std::string& directory, const std::string& shadow, uint32_t seed);

}  // namespace holdfast::provision
