// SPDX-License-Identifier: Apache-2.0
// The names under which the dataplane keeps the streams of calls: all that is needed to know them
// again after a restart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

// "hf-" call key "-" branch "-" slot "-" media, e.g.
// "hf-00000000deadbeef-0123456789abcdef-0-audio". `branch` is a hash: what names a branch is longer
// than a name may be.
struct StreamName {
  uint64_t call_key = 0;
  uint64_t branch = 0;
  size_t slot = 0;    // of the m= line
  std::string media;  // as in the m= line; empty: it was no plain word, and the name hides it
  bool rtp = true;    // false: UDPTL
  friend bool operator==(const StreamName&, const StreamName&) = default;
};

std::string to_string(const StreamName& name);
// None: another's name.
std::optional<StreamName> parse_stream_name(std::string_view text);

uint64_t hash_of_branch(std::string_view branch);

}  // namespace holdfast::sip
