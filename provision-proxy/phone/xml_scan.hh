// SPDX-License-Identifier: Apache-2.0
// Settings of a configuration file, and whether its XML closes: a lenient reader, since phones take
// malformed XML and centres send it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace holdfast::provision {

inline constexpr size_t kMaxSettings = 65536;  // of one body; what follows is not looked at
inline constexpr size_t kMaxXmlDepth = 256;

// A name and a value as they stand in the body, escapes and all.
struct Setting {
  std::string_view scope;  // the XML element, or the section of lines
  std::string_view key;    // the attribute, the leaf element, or the left side of a line
  std::string_view value;
  bool is_text = false;  // the text of an element, no attribute
};

struct XmlScan {
  std::string_view root;  // empty: no element
  bool closed = false;    // the root element ends
  bool odd = false;       // malformed somewhere: tags that cross, bare attributes, too deep
  std::vector<Setting> settings;
  std::vector<std::string_view> comments;
};

XmlScan scan_xml(std::string_view text);

// Whether a text ends with the end tag of `root`, blanks and comments aside.
bool ends_with_root(std::string_view text, std::string_view root);

}  // namespace holdfast::provision
