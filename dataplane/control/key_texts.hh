// SPDX-License-Identifier: Apache-2.0
// Keys of SRTP on their way through JSON. The library leaves copies of what it reads and writes in
// memory that it gives back as it is, so the keys stand beside it, and it sees marks.
//
// Any thread. Texts are wiped when they end.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "media/wipe.hh"

namespace holdfast::control {

inline constexpr std::string_view kKeyMember = "key";  // whose value is a secret, wherever it is

// What a value has of them, so that it may end.
void wipe_keys(nlohmann::json& value);

class KeyTexts {
 public:
  // Before text is parsed: a mark in place of each string that is the value of kKeyMember. Text
  // that is no JSON stays none; a value with escapes in it, which no base64 needs, stays.
  std::string take_out(std::string_view text);
  // Into what was parsed of it. Wipe it there (wipe_keys()).
  void put_back(nlohmann::json& value) const;

  // Before a value is written: it has the marks then, and what it had is wiped.
  void take_out(nlohmann::json& value);
  media::WipedString put_back(std::string_view text) const;

 private:
  std::string keep(std::string_view key);  // its mark
  const media::WipedString* of_mark(std::string_view mark) const;

  std::vector<media::WipedString> texts_;
};

}  // namespace holdfast::control
