// SPDX-License-Identifier: Apache-2.0
// The read-only page: its files are part of the program, and load nothing from elsewhere.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::admin {

struct PageFile {
  std::string path;
  std::string content_type;
  std::string body;
};

// The file at that path ("/", "/page.js", "/page.css"), or null.
const PageFile* page_file(std::string_view path);

}  // namespace holdfast::admin
