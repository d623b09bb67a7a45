// SPDX-License-Identifier: Apache-2.0
// Aligns cells by the widest of each column.
#include "control/cli/table.hh"

#include <algorithm>
#include <cstdio>

namespace holdfast::cli {

Table::Table(std::initializer_list<const char*> headings) {
  for (const char* heading : headings) {
    right_.push_back(heading[0] == '>');
    headings_.emplace_back(heading + (heading[0] == '>' ? 1 : 0));
  }
}

void Table::add(std::vector<std::string> row) {
  row.resize(headings_.size());
  for (auto& cell : row) {
    std::replace_if(
        cell.begin(), cell.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    if (cell.empty()) cell = "-";
  }
  rows_.push_back(std::move(row));
}

std::string Table::to_string() const {
  std::vector<size_t> widths;
  for (const auto& heading : headings_) widths.push_back(heading.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      line += (i > 0 ? "  " : "") + (right_[i] ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(headings_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string decimal(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace holdfast::cli
