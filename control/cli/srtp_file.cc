// SPDX-License-Identifier: Apache-2.0
// Reads and wipes.
#include "control/cli/srtp_file.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

namespace holdfast::cli {
namespace {

constexpr size_t kMaxFile = 2 * (media::kMaxCryptoBytes + 8);

// Empty, or why the line is none.
std::string read_line(std::string_view line, control::LegSrtp& srtp) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  if (space == std::string_view::npos || (word != "in" && word != "out"))
    return "needs lines that begin with in or out";
  const auto text = line.substr(line.find_first_not_of(' ', space));
  auto crypto = media::parse_crypto(text);
  if (!crypto) return std::string(word) + ": " + std::string(text_of(crypto.error()));
  if (const auto why = media::why_not_carried(*crypto))
    return std::string(word) + ": " + std::string(text_of(*why));
  auto& key = word == "in" ? srtp.in : srtp.out;
  if (key) return "has two lines of " + std::string(word);
  key.emplace(std::move(crypto->keys.front()));
  return {};
}

}  // namespace

Result<control::SharedSrtp, std::string> read_srtp_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return path + ": " + std::strerror(errno);
  struct stat about {};
  std::array<uint8_t, kMaxFile + 1> bytes{};
  const bool known = ::fstat(fd, &about) == 0;
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  if (!known || (about.st_mode & 0077) != 0)
    return path + ": others can read these keys; chmod 600 it";
  if (size < 0 || static_cast<size_t>(size) > kMaxFile) return path + ": no file of two keys";
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
  auto srtp = std::make_shared<control::LegSrtp>();
  std::string wrong;
  while (!rest.empty() && wrong.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.find_first_not_of(' ') != std::string_view::npos) wrong = read_line(line, *srtp);
  }
  media::wipe(bytes);
  if (!wrong.empty()) return path + ": " + wrong;
  return control::SharedSrtp(std::move(srtp));
}

}  // namespace holdfast::cli
