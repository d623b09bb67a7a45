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
constexpr size_t kMaxGlobSteps = 1 << 16;  // of one match; a glob that needs more does not match

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

}  // namespace

std::string_view name_of(FileKind kind) {
  constexpr std::array<std::string_view, 11> kNames = {
      "other", "firmware", "config",   "directory", "license",    "log",
      "calls", "language", "ringtone", "logo",      "certificate"};
  return kNames[static_cast<size_t>(kind)];
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
  if (glob.find('/') == std::string_view::npos) {
    const size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  }
  size_t steps = 0;
  return match(glob, path, 0, steps);
}

FileClasses::FileClasses(std::vector<FileClass> operator_rows) : rows_(std::move(operator_rows)) {
  auto built_in = default_file_classes();
  rows_.insert(rows_.end(), std::make_move_iterator(built_in.begin()),
               std::make_move_iterator(built_in.end()));
}

const FileClass& FileClasses::classify(std::string_view target) const {
  const std::string path = unescaped(target.substr(0, target.find('?')));
  for (const FileClass& row : rows_)
    if (std::ranges::any_of(row.globs, [&](const auto& g) { return glob_matches(g, path); }))
      return row;
  return rows_.back();
}

}  // namespace holdfast::provision
