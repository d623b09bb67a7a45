// SPDX-License-Identifier: Apache-2.0
// Reads the files of procfs and sysfs.
#include "control/doctor/machine.hh"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::doctor {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 1024 * 1024;
constexpr size_t kMaxCommand = 15;  // TASK_COMM_LEN without its end
constexpr unsigned kMaxCpu = 8191;
constexpr std::string_view kSpace = " \t\n";

}  // namespace

std::optional<std::string> Machine::read(const std::string& path) const {
  std::ifstream file(root + path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::nullopt;
  text.resize(static_cast<size_t>(file.gcount()));
  text.erase(text.find_last_not_of(kSpace) + 1);
  return text;
}

std::optional<uint64_t> Machine::read_number(const std::string& path) const {
  const auto text = read(path);
  uint64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

bool Machine::exists(const std::string& path) const {
  std::error_code unknown;
  return fs::exists(fs::symlink_status(root + path, unknown));
}

std::vector<std::string> Machine::list(const std::string& folder) const {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(root + folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Machine::link_target_name(const std::string& path) const {
  std::error_code unknown;
  return fs::read_symlink(root + path, unknown).filename().string();
}

bool Machine::runs(std::string_view program) const {
  const auto names = list("/proc");
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.find_first_not_of("0123456789") == std::string::npos &&
           read("/proc/" + name + "/comm") == program.substr(0, kMaxCommand);
  });
}

std::vector<unsigned> read_cpu_list(std::string_view text) {
  std::vector<unsigned> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    unsigned first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc{}) break;
    unsigned last = first;
    if (parsed.ptr < end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
      if (parsed.ec != std::errc{}) break;
    }
    for (unsigned cpu = first; cpu <= std::min(last, kMaxCpu); ++cpu) cpus.push_back(cpu);
    at = parsed.ptr < end && *parsed.ptr == ',' ? parsed.ptr + 1 : end;
  }
  return cpus;
}

std::string value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    const size_t begin = line.find_first_not_of(" \t:");
    return begin == std::string_view::npos ? "" : std::string(line.substr(begin));
  }
  return {};
}

bool has_word(std::string_view text, std::string_view word) {
  std::istringstream words{std::string(text)};
  for (std::string one; words >> one;) {
    if (one == word) return true;
  }
  return false;
}

}  // namespace holdfast::doctor
