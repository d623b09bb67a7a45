// SPDX-License-Identifier: Apache-2.0
// Names against globs.
#include "provision-proxy/phone/file_class.hh"

#include <algorithm>
#include <array>
#include <iterator>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/identity.hh"
#include "provision-proxy/phone/mac_text.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kMacToken = "{mac}";
constexpr std::string_view kWild = "*?{}";  // what stands outside of them is literal
constexpr size_t kMaxGlobSteps = 1 << 16;   // of one match; a glob that needs more does not match

// Backtracks over stars; `steps` bounds what odd globs can cost.
bool match(std::string_view glob, std::string_view whole, size_t at, size_t& steps) {
  while (!glob.empty()) {
    if (++steps > kMaxGlobSteps) return false;
    if (glob.front() == '*') {
      const bool deep = glob.starts_with("**");
      const std::string_view rest = glob.substr(deep ? 2 : 1);
      for (size_t next = at;; ++next) {
        if (match(rest, whole, next, steps)) return true;
        if (next >= whole.size() || (!deep && whole[next] == '/')) return false;
        if (steps > kMaxGlobSteps) return false;
      }
    }
    if (glob.starts_with(kMacToken)) {
      const auto found = mac_at(whole, at);
      if (!found) return false;
      at = found->end;
      glob.remove_prefix(kMacToken.size());
      continue;
    }
    if (at >= whole.size()) return false;
    if (glob.front() == '?' ? whole[at] == '/' : lower(glob.front()) != lower(whole[at]))
      return false;
    glob.remove_prefix(1);
    ++at;
  }
  return at == whole.size();
}

bool begins_with(std::string_view text, std::string_view head) {
  return text.size() >= head.size() && same_text(text.substr(0, head.size()), head);
}
bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && same_text(text.substr(text.size() - tail.size()), tail);
}

// What a kind brings with it where an operator names it.
struct KindRow {
  std::string_view name;
  JudgeKind judge;
  UploadKind upload;
};
constexpr std::array<KindRow, 11> kKindRows = {{
    {"other", JudgeKind::any, UploadKind::replay},
    {"firmware", JudgeKind::firmware, UploadKind::refuse},
    {"config", JudgeKind::config, UploadKind::refuse},
    {"directory", JudgeKind::document, UploadKind::replay},
    {"license", JudgeKind::config, UploadKind::refuse},
    {"log", JudgeKind::none, UploadKind::log_ring},
    {"calls", JudgeKind::document, UploadKind::replay},
    {"language", JudgeKind::document, UploadKind::refuse},
    {"ringtone", JudgeKind::media, UploadKind::refuse},
    {"logo", JudgeKind::media, UploadKind::refuse},
    {"certificate", JudgeKind::certificate, UploadKind::refuse},
}};

FileClass overlaid(const FileClassOverlay& overlay, FileClass file) {
  file.name = overlay.match;
  file.globs = {overlay.match};
  file.shared = overlay.shared.value_or(file.shared);
  if (overlay.kind && *overlay.kind != file.kind) {
    const auto& row = kKindRows[static_cast<size_t>(*overlay.kind)];
    file.kind = *overlay.kind;
    file.judge = row.judge;
    file.upload = row.upload;
  }
  if (overlay.interval_s) file.interval_s = overlay.interval_s;
  return file;
}

// What a glob without a '/' is held against.
std::string_view last_segment(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

}  // namespace

std::string_view name_of(FileKind kind) {
  return kKindRows[static_cast<size_t>(kind)].name;
}

std::optional<FileKind> file_kind_of(std::string_view name) {
  const auto* found = std::ranges::find(kKindRows, name, &KindRow::name);
  if (found == kKindRows.end()) return std::nullopt;
  return static_cast<FileKind>(found - kKindRows.begin());
}

std::string_view name_of(JudgeKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {
      "none", "config", "document", "firmware", "media", "certificate", "any"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view name_of(UploadKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"refuse", "log-ring", "replay"};
  return kNames[static_cast<size_t>(kind)];
}

bool glob_matches(std::string_view glob, std::string_view path) {
  if (glob.find('/') == std::string_view::npos) path = last_segment(path);
  size_t steps = 0;
  return match(glob, path, 0, steps);
}

FileClasses::FileClasses(std::vector<FileClass> first_rows, std::vector<FileClassOverlay> overlays)
    : rows_(std::move(first_rows)), overlays_(std::move(overlays)) {
  auto built_in = default_file_classes();
  rows_.insert(rows_.end(), std::make_move_iterator(built_in.begin()),
               std::make_move_iterator(built_in.end()));
  for (size_t row = 0; row < rows_.size(); ++row) {
    for (const auto& glob : rows_[row].globs) {
      patterns_.push_back({glob, glob.substr(0, glob.find_first_of(kWild)),
                           glob.substr(glob.find_last_of(kWild) + 1), row,
                           glob.find('/') != std::string::npos,
                           glob.find(kMacToken) != std::string::npos});
    }
  }
  for (const auto& overlay : overlays_)
    for (const auto& row : rows_) overlaid_.push_back(overlaid(overlay, row));
}

const FileClass& FileClasses::classify(std::string_view target) const {
  const std::string path = unescaped(target.substr(0, target.find('?')));
  const size_t row = row_of(path);
  for (size_t i = 0; i < overlays_.size(); ++i)
    if (glob_matches(overlays_[i].match, path)) return overlaid_[i * rows_.size() + row];
  return rows_[row];
}

size_t FileClasses::row_of(const std::string& path) const {
  const std::string_view name = last_segment(path);
  const bool has_mac = find_mac(path).has_value();
  for (const Pattern& pattern : patterns_) {
    const std::string_view held = pattern.of_path ? std::string_view(path) : name;
    if (pattern.of_mac && !has_mac) continue;
    if (ends_with(held, pattern.tail) && begins_with(held, pattern.head) &&
        glob_matches(pattern.glob, path))
      return pattern.row;
  }
  return rows_.size() - 1;
}

}  // namespace holdfast::provision
