// SPDX-License-Identifier: Apache-2.0
// Writes and reads the names of streams.
#include "sip/anchor/stream_name.hh"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "dataplane/control/messages.hh"
#include "media/sdp_limits.hh"

namespace holdfast::sip {
namespace {

constexpr std::string_view kPrefix = "hf-";
constexpr std::string_view kUdptl = ".udptl";
constexpr size_t kHexDigits = 16;
constexpr size_t kMaxMediaBytes = 16;
// Longest: prefix, two hashes, slot, media and the blanks between.
static_assert(kPrefix.size() + 2 * (kHexDigits + 1) + 3 + kMaxMediaBytes + kUdptl.size() <=
              control::kMaxCallKeyBytes);

bool is_plain(std::string_view word) {
  return !word.empty() && word.size() <= kMaxMediaBytes &&
         std::all_of(word.begin(), word.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

std::string hex(uint64_t value) {
  char text[kHexDigits + 1];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return value;
}

// Takes a number and the '-' behind it off `text`.
std::optional<uint64_t> take(std::string_view& text, size_t digits, int base) {
  const std::string_view word = text.substr(0, digits ? digits : text.find('-'));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  text.remove_prefix(word.size());
  if (text.empty() || text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  return value;
}

}  // namespace

uint64_t hash_of_branch(std::string_view branch) {
  return hash(branch);
}

std::string to_string(const StreamName& name) {
  std::string text(kPrefix);
  text += hex(name.call_key) + '-' + hex(name.branch) + '-' + std::to_string(name.slot) + '-';
  text += is_plain(name.media) ? name.media : "-" + hex(hash(name.media));
  if (!name.rtp) text += kUdptl;
  return text;
}

std::optional<StreamName> parse_stream_name(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  StreamName name;
  const auto key = take(text, kHexDigits, 16);
  const auto branch = key ? take(text, kHexDigits, 16) : std::nullopt;
  const auto slot = branch ? take(text, 0, 10) : std::nullopt;
  if (!slot || *slot >= media::kMaxSdpMedia) return std::nullopt;
  name.rtp = !text.ends_with(kUdptl);
  if (!name.rtp) text.remove_suffix(kUdptl.size());
  const bool hidden = text.size() == kHexDigits + 1 && text.front() == '-';
  if (!hidden && !is_plain(text)) return std::nullopt;
  name.call_key = *key;
  name.branch = *branch;
  name.slot = *slot;
  if (!hidden) name.media = text;
  return name;
}

}  // namespace holdfast::sip
