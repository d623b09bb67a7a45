// SPDX-License-Identifier: Apache-2.0
// Tells the shapes of bodies apart.
#include "provision-proxy/phone/body_text.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/phone/ascii.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kShapeBytes = 4096;     // enough to tell text from bytes
constexpr size_t kDenialBytes = 256;     // an error page of text says so at once
constexpr size_t kControlsPerText = 20;  // more than one in so many is no text

bool is_blank(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return is_space(c) || c == '\0'; });
}

bool is_binary(std::string_view bytes) {
  bytes = bytes.substr(0, kShapeBytes);
  size_t controls = 0;
  for (const char c : bytes) {
    if (c == '\0') return true;
    if ((static_cast<unsigned char>(c) < 0x20 && !is_space(c) && c != '\x1b') || c == '\x7f')
      ++controls;
  }
  return controls * kControlsPerText > bytes.size();
}

bool html_element(std::string_view name) {
  constexpr std::array<std::string_view, 16> kNames = {
      "html", "head", "body", "title", "meta", "script", "style", "center",
      "h1",   "h2",   "h3",   "p",     "div",  "table",  "form",  "br"};
  return std::ranges::any_of(kNames, [&](std::string_view n) { return same_text(n, name); });
}

// The text from its first element on, and whether a DOCTYPE before it says HTML.
std::string_view first_element(std::string_view text, bool& html_doctype) {
  while (true) {
    text = trimmed(text);
    size_t end = std::string_view::npos;
    if (text.starts_with("<!--")) {
      end = text.find("-->");
    } else if (text.starts_with("<?")) {
      end = text.find("?>");
    } else if (text.starts_with("<!")) {
      end = text.find('>');
      const std::string_view type = text.substr(0, std::min(end, size_t{64}));
      html_doctype |= find_text(type, "doctype html") != std::string_view::npos;
    } else {
      return text;
    }
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
    while (!text.empty() && (text.front() == '>' || text.front() == '-')) text.remove_prefix(1);
  }
}

bool is_comment(std::string_view line) {
  return line.starts_with('#') || line.starts_with(';') || line.starts_with("//");
}

bool key_char(char c) {
  return is_alnum(c) || std::string_view("._/-[]()%:&$!@*+~").find(c) != std::string_view::npos;
}

// "key=value", and "key!: value" as one vendor writes it. Keys have no blanks inside.
bool split_setting(std::string_view line, std::string_view& key, std::string_view& value) {
  size_t cut = line.find('=');
  if (cut == std::string_view::npos) {
    cut = line.find(": ");
    if (cut == std::string_view::npos || cut == 0) return false;
    if (std::string_view("!&$").find(line[cut - 1]) == std::string_view::npos) return false;
  }
  key = trimmed(line.substr(0, cut));
  value = trimmed(line.substr(cut + 1));
  return !key.empty() && std::ranges::all_of(key, key_char);
}

void read_lines(std::string_view text, BodyText& body) {
  size_t others = 0;
  std::string_view section;
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    const std::string_view line = trimmed(text.substr(0, end));
    if (end == std::string_view::npos) body.last_line = line;
    text.remove_prefix(std::min(end, text.size() - 1) + 1);
    Setting setting;
    if (line.empty()) continue;
    if (is_comment(line)) {
      if (body.settings.empty() && body.comments.size() < kMaxXmlDepth)
        body.comments.push_back(line);
    } else if (line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
    } else if (split_setting(line, setting.key, setting.value)) {
      setting.scope = section;
      if (body.settings.size() < kMaxSettings) body.settings.push_back(setting);
    } else {
      ++others;
    }
  }
  body.shape =
      !body.settings.empty() && body.settings.size() >= others ? Shape::lines : Shape::text;
  body.closed = body.last_line.empty();
}

}  // namespace

std::string_view name_of(Shape shape) {
  constexpr std::array<std::string_view, 8> kNames = {"blank", "bytes", "opaque", "html",
                                                      "xml",   "json",  "lines",  "text"};
  return kNames[static_cast<size_t>(shape)];
}

BodyText read_body(const BodyView& view) {
  BodyText body;
  body.text = view.bytes;
  if (is_blank(view.bytes)) return body;
  if (body.text.starts_with("\xff\xfe") || body.text.starts_with("\xfe\xff")) {
    body.shape = Shape::opaque;
    return body;
  }
  if (body.text.starts_with("\xef\xbb\xbf")) body.text.remove_prefix(3);
  if (is_binary(body.text)) {
    body.shape = Shape::bytes;
    return body;
  }
  const std::string_view start = trimmed(body.text);
  if (start.starts_with('<')) {
    bool html = false;
    const std::string_view element = first_element(start, html);
    size_t end = 1;
    while (end < element.size() && (is_alnum(element[end]) || element[end] == ':')) ++end;
    if (html || (element.starts_with('<') && html_element(element.substr(1, end - 1)))) {
      body.shape = Shape::html;
      return body;
    }
    auto scan = scan_xml(body.text);
    body.shape = Shape::xml;
    body.root = scan.root;
    body.closed = view.whole() ? scan.closed : ends_with_root(view.tail, scan.root);
    body.settings = std::move(scan.settings);
    body.comments = std::move(scan.comments);
    return body;
  }
  if (start.starts_with('{') && trimmed(start.substr(1)).find_first_of("\"}") == 0) {
    body.shape = Shape::json;
    return body;
  }
  read_lines(body.text, body);
  if (!view.whole()) {
    body.closed = true;
    body.last_line = {};
  }
  return body;
}

bool says_denied(std::string_view text) {
  text = trimmed(text).substr(0, kDenialBytes);
  for (const std::string_view phrase : {"access denied",
                                        "access is denied",
                                        "accessdenied",
                                        "permission denied",
                                        "forbidden",
                                        "unauthorized",
                                        "unauthorised",
                                        "not authorized",
                                        "not authorised",
                                        "not found",
                                        "nosuchkey",
                                        "no such file",
                                        "internal server error",
                                        "service unavailable",
                                        "temporarily unavailable",
                                        "bad gateway",
                                        "gateway time",
                                        "bad request",
                                        "not allowed",
                                        "authentication required",
                                        "login required",
                                        "please log in",
                                        "object moved",
                                        "moved permanently",
                                        "server error"})
    if (find_text(text, phrase) != std::string_view::npos) return true;
  return (text.size() >= 5 && same_text(text.substr(0, 5), "error")) ||
         find_text(text, "\"error\"") != std::string_view::npos;
}

}  // namespace holdfast::provision
