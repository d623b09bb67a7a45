// SPDX-License-Identifier: Apache-2.0
// What a body is, by its bytes and not by its name or type: bytes, HTML, XML, JSON, lines of
// settings, other text; and the settings in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/phone/xml_scan.hh"

namespace holdfast::provision {

enum class Shape : uint8_t {
  blank,   // no byte, or blanks and zeros alone
  bytes,   // no text
  opaque,  // UTF-16 text, which is not read
  html,
  xml,
  json,
  lines,  // key=value
  text,   // none of these
};
std::string_view name_of(Shape shape);

// A body as far as it is at hand.
struct BodyView {
  std::string_view bytes;  // its first ones; all of them when `size` says so
  uint64_t size = 0;
  std::string_view tail = {};  // its last ones, of a body that is longer than `bytes`
  bool whole() const { return bytes.size() == size; }
};

// Views into the body that it was read from.
struct BodyText {
  Shape shape = Shape::blank;
  std::string_view text;  // without a byte order mark
  std::string_view root;  // of XML
  bool closed = true;     // XML whose root element ends; lines that end with a whole one
  std::vector<Setting> settings;
  std::vector<std::string_view> comments;  // of lines: those in front of the first setting
  std::string_view last_line;              // of lines that end without a line end
};

BodyText read_body(const BodyView& body);

// "Access denied", "404 Not Found" and their kind near the beginning of a text.
bool says_denied(std::string_view text);

}  // namespace holdfast::provision
