// SPDX-License-Identifier: Apache-2.0
// What a daemon sets for its process before any thread starts.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace holdfast {

// They come through a descriptor (signalfd) instead, in every thread that starts later. SIGPIPE is
// ignored: a peer that has gone is an error of a write.
void block_signals(std::initializer_list<int> signals);

// At least so many descriptors, as far as the hard limit lets it.
void raise_descriptor_limit(uint64_t descriptors);

}  // namespace holdfast
