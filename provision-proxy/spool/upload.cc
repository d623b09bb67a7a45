// SPDX-License-Identifier: Apache-2.0
// Writes and reads uploads as files.
#include "provision-proxy/spool/upload.hh"

#include <array>
#include <charconv>

#include "provision-proxy/store/entry.hh"
#include "provision-proxy/store/sha256.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kMagic = "holdfast-upload 1";
constexpr std::array<std::string_view, 2> kKinds = {"replay", "log"};

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The next word of a line, up to a blank.
std::string_view word(std::string_view& line) {
  const auto blank = line.find(' ');
  const auto found = line.substr(0, blank);
  line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
  return found;
}

std::string sum_of(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hex();
}

}  // namespace

std::string_view name_of(SpoolKind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

std::optional<std::string> encode_upload(const Upload& upload) {
  Fields about;
  about.add("Number", std::to_string(upload.number));
  about.add("Kind", name_of(upload.kind));
  about.add("At", std::to_string(upload.at_ms));
  about.add("Origin", upload.origin);
  about.add("Phone", upload.phone);
  about.add("Method", upload.method);
  about.add("Target", upload.target);
  std::string head, fields;
  if (!encode_fields(about, head) || !encode_fields(upload.fields, fields)) return std::nullopt;
  head += "\r\n" + fields;
  const std::string content = head + upload.body;
  return std::string(kMagic) + " " + std::to_string(head.size()) + " " +
         std::to_string(upload.body.size()) + " " + sum_of(content) + "\n" + content;
}

std::optional<Upload> decode_upload(std::string_view file) {
  const auto end_of_line = file.find('\n');
  if (end_of_line == std::string_view::npos || !file.starts_with(kMagic)) return std::nullopt;
  std::string_view line = file.substr(kMagic.size(), end_of_line - kMagic.size());
  const std::string_view content = file.substr(end_of_line + 1);
  if (!word(line).empty()) return std::nullopt;
  const auto head_size = number_of<uint64_t>(word(line));
  const auto body_size = number_of<uint64_t>(word(line));
  if (!head_size || !body_size || *head_size > content.size() ||
      *body_size != content.size() - *head_size || line != sum_of(content))
    return std::nullopt;
  const std::string_view head = content.substr(0, *head_size);
  const auto gap = head.find("\r\n\r\n");
  if (gap == std::string_view::npos) return std::nullopt;
  const Fields about = decode_fields(head.substr(0, gap + 2));
  const auto text = [&](std::string_view name) {
    return std::string(about.find(name).value_or(""));
  };
  const auto number = number_of<uint64_t>(text("Number"));
  const auto at_ms = number_of<int64_t>(text("At"));
  Upload upload;
  upload.kind = text("Kind") == name_of(SpoolKind::log) ? SpoolKind::log : SpoolKind::replay;
  upload.origin = text("Origin");
  upload.phone = text("Phone");
  upload.method = text("Method");
  upload.target = text("Target");
  if (!number || !at_ms || upload.method.empty() || upload.target.empty() ||
      text("Kind") != name_of(upload.kind))
    return std::nullopt;
  upload.number = *number;
  upload.at_ms = *at_ms;
  upload.fields = decode_fields(head.substr(gap + 4));
  upload.body = content.substr(*head_size);
  return upload;
}

}  // namespace holdfast::provision
