// SPDX-License-Identifier: Apache-2.0
// Bodies that break off.
#include "provision-proxy/phone/cut_off.hh"

#include <algorithm>
#include <unordered_set>

namespace holdfast::provision {
namespace {

constexpr size_t kFewSettings = 5;    // with fewer, a line without '=' may be anything
constexpr size_t kMissingBehind = 3;  // settings that ended with the cut
constexpr uint64_t kRiffHeadBytes = 12;

bool is_beginning_of(std::string_view part, std::string_view whole) {
  return part.size() < whole.size() && whole.starts_with(part);
}

const Setting* find_key(const BodyText& body, std::string_view key) {
  const auto found = std::ranges::find(body.settings, key, &Setting::key);
  return found == body.settings.end() ? nullptr : &*found;
}

// The last setting stands where it stood, all before it is still there, and all behind is gone.
bool ends_where_more_was(const BodyText& fresh, const BodyText& known, const Setting* at) {
  const auto behind = static_cast<size_t>(at - known.settings.data()) + 1;
  if (known.settings.size() - behind < kMissingBehind) return false;
  std::unordered_set<std::string_view> now;
  for (const Setting& setting : fresh.settings) now.insert(setting.key);
  for (size_t i = 0; i < known.settings.size(); ++i)
    if (now.contains(known.settings[i].key) != (i < behind)) return false;
  return true;
}

uint32_t le32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string_view end_of(const BodyView& body) {
  return body.whole() ? body.bytes : body.tail;
}

}  // namespace

bool lines_cut(const BodyText& fresh, const BodyText* known) {
  if (fresh.closed) return false;
  if (known != nullptr && is_beginning_of(fresh.text, known->text)) return true;
  const std::string_view line = fresh.last_line;
  const bool known_closed = known == nullptr || known->closed;
  if (line.find('=') == std::string_view::npos) {
    const bool comment = line.starts_with('#') || line.starts_with(';') || line.starts_with('[');
    const bool was_there = known != nullptr && known->text.find(line) != std::string_view::npos &&
                           known->last_line == line;
    return fresh.settings.size() >= kFewSettings && !comment && !was_there;
  }
  if (known == nullptr || fresh.settings.empty()) return false;
  const Setting& last = fresh.settings.back();
  const Setting* before = find_key(*known, last.key);
  if (before == nullptr) return false;
  if (is_beginning_of(last.value, before->value)) return known_closed;
  return known_closed && ends_where_more_was(fresh, *known, before);
}

bool xml_cut(const BodyText& fresh, const BodyText* known) {
  if (fresh.closed) return false;
  if (known == nullptr || known->shape != Shape::xml || known->closed) return true;
  return is_beginning_of(fresh.text, known->text);
}

bool bytes_cut(const BodyView& fresh, const BodyView* known) {
  return known != nullptr && fresh.whole() && fresh.size < known->size &&
         known->bytes.size() > fresh.bytes.size() && is_beginning_of(fresh.bytes, known->bytes);
}

bool container_cut(const BodyView& body) {
  const std::string_view head = body.bytes;
  const std::string_view end = end_of(body);
  if (head.starts_with("RIFF") && head.size() >= kRiffHeadBytes)
    return uint64_t{le32(head, 4)} + 8 > body.size;
  if (end.empty()) return false;
  if (head.starts_with("\x89PNG")) return end.find("IEND") == std::string_view::npos;
  if (head.starts_with("GIF8")) return end.back() != ';' && end.back() != '\0';
  if (head.starts_with("\xff\xd8\xff")) return end.rfind("\xff\xd9") == std::string_view::npos;
  return false;
}

}  // namespace holdfast::provision
