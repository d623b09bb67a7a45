// SPDX-License-Identifier: Apache-2.0
// Text tables with aligned columns.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace holdfast::cli {

class Table {
 public:
  // A heading that begins with '>' makes a column of numbers, aligned to the right.
  explicit Table(std::initializer_list<const char*> headings);

  void add(std::vector<std::string> row);  // as many cells as headings; control characters become ?
  bool empty() const { return rows_.empty(); }
  std::string to_string() const;  // headings and rows, two blanks between columns

 private:
  std::vector<bool> right_;
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// "12.34": a figure with that many decimals.
std::string decimal(double value, int digits);

}  // namespace holdfast::cli
