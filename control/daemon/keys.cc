// SPDX-License-Identifier: Apache-2.0
// The key file: lines of a name and 64 hex digits.
#include "control/daemon/keys.hh"

#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <sstream>

#include "base/state_file.hh"

namespace holdfast::daemon {
namespace {

constexpr size_t kMaxFileBytes = 4096;
constexpr std::string_view kHead = "# Keys of holdfastd. Keep them secret, and keep them.\n";

std::optional<Keys> read_keys(const std::string& text) {
  std::map<std::string, sip::Key> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto space = line.find(' ');
    sip::Key key{};
    if (space == std::string::npos || !sip::from_hex(line.substr(space + 1), key))
      return std::nullopt;
    if (!found.emplace(line.substr(0, space), key).second) return std::nullopt;
  }
  if (!found.contains("token") || !found.contains("branch")) return std::nullopt;
  Keys keys;
  keys.tokens.current = found["token"];
  keys.branch = found["branch"];
  if (found.contains("previous-token")) keys.tokens.previous = found["previous-token"];
  return keys;
}

bool fill(sip::Key& key) {
  size_t got = 0;
  while (got < key.size()) {
    const ssize_t n = ::getrandom(key.data() + got, key.size() - got, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    got += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

Result<Keys, std::string> load_or_make_keys(const std::string& directory, const Logger& logger) {
  const std::string path = directory + "/keys";
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    const auto text = read_state_file(path, kMaxFileBytes);
    if (const auto keys = text ? read_keys(*text) : std::nullopt) {
      if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        logger(LogLevel::warning, path + " can be read by others; take that right away");
      return *keys;
    }
    const std::string aside = path + ".damaged";
    if (std::rename(path.c_str(), aside.c_str()) != 0)
      return path + " makes no sense and cannot be put aside";
    logger(LogLevel::error, path + " makes no sense; it is kept as " + aside +
                                ", new keys are made, and calls that live are not known");
  }
  Keys keys;
  if (!fill(keys.tokens.current) || !fill(keys.branch))
    return std::string("the kernel gives no random numbers for keys");
  const std::string text = std::string(kHead) + "token " + sip::to_hex(keys.tokens.current) +
                           "\nbranch " + sip::to_hex(keys.branch) + "\n";
  if (auto error = write_state_file(path, text); !error.empty()) return error;
  return keys;
}

}  // namespace holdfast::daemon
