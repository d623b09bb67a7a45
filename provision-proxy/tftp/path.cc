// SPDX-License-Identifier: Apache-2.0
// Normal paths and their targets.
#include "provision-proxy/tftp/path.hh"

namespace holdfast::provision {
namespace {

TftpError refused(const char* why) {
  return {TftpErrorCode::access_violation, why};
}

// RFC 3986 section 3.3: pchar, and the slash.
bool stands_for_itself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

}  // namespace

Result<std::string, TftpError> normal_path(std::string_view name) {
  using namespace std::string_view_literals;
  if (name.find_first_of("\\\0"sv) != std::string_view::npos)
    return refused("a file name has no backslash");
  std::string path;
  bool directory = true;
  while (!name.empty()) {
    const auto slash = name.find('/');
    const auto segment = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    directory = slash != std::string_view::npos;
    if (segment == "..") return refused("a file name has no ..");
    if (segment == ".") {
      directory = true;
    } else if (!segment.empty()) {
      path += '/';
      path += segment;
    }
  }
  if (directory) return refused("that names a directory");
  return path;
}

std::string target_of_path(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string target;
  for (const char c : path) {
    if (stands_for_itself(c)) {
      target += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      target += '%';
      target += kHex[byte >> 4];
      target += kHex[byte & 15];
    }
  }
  return target;
}

}  // namespace holdfast::provision
